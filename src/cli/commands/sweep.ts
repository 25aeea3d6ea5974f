import type { Command } from "commander";
import { ConfigError } from "../../config/problems.ts";
import type { Command as CommandName } from "../../core/domain/report.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Flags } from "../options.ts";
import { formatOf } from "../render/print-report.ts";
import { asksFirst, recoverByPlan, sweepByQuestions } from "../run/approval.ts";
import { requireWholeFleet, runConfigured } from "../run/run-configured.ts";
import { handleSignals } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readBases } from "../settings/read-settings.ts";
import { requireOperations } from "../settings/select-bases.ts";

/** Makes a sweep the action of `scan`, `recover` or `fail-old`. */
export function sweepAction(command: Command, name: CommandName, { env, terminal, exit }: CommandContext): Command {
  return command.action(async (flags: Flags) => {
    configureLog(name, flags, terminal);
    exit(await runSweep({ command: name, flags, env, terminal }));
  });
}

/** Runs scan, recover or fail-old from flags to exit code. */
export async function runSweep(invocation: Invocation): Promise<ExitCode> {
  const { command, flags, terminal } = invocation;
  if (flags.confirm && process.stdin.isTTY !== true) {
    throw new ConfigError([{ path: "--confirm", message: "needs a terminal: stdin is not a TTY" }]);
  }
  const sandbox = flags.sandbox
    ? await openSandbox(flags.sandbox, { delayedWebhook: command === "recover" && flags.dryRun !== true })
    : null;
  const stop = handleSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    const found = await readBases(invocation, sandbox);
    if (found === "disabled") {
      terminal.log("disabled by POLLING_ENABLED=false");
      return EXIT.success;
    }
    requireOperations(found);
    requireWholeFleet(invocation, found);
    if (asksFirst(invocation)) return await recoverByPlan(invocation, found, stop);
    if (flags.confirm) return await sweepByQuestions(invocation, found, stop);
    return (await runConfigured(invocation, found, formatOf(invocation), stop)).code;
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}
