import { type Command, Option } from "commander";
import { explain } from "../../core/explain/explain.ts";
import { isUpstreamFailure } from "../../core/ports/errors.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import { baseOption, type Flags, sandboxOption } from "../options.ts";
import { renderExplanation, renderExplanationJson } from "../render/explain.ts";
import { startDeadlines } from "../run/deadlines.ts";
import { openFleetShare } from "../run/fleet/fleet-share.ts";
import { openSweep } from "../run/open-sweep.ts";
import { handleSignals } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";
import { linesOf } from "../terminal/log.ts";

/** Adds `stuck-jobs explain`: the evidence and the verdict of one job. */
export function addExplain(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("explain")
    .description(
      "Shows everything known about one job: its record and target, every URL where its output may be with the answer from there, the provider's answer, the verdict with the rule behind it, and what would change it. Never writes.",
    )
    .argument("<job>", "record id or external id")
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .addOption(sandboxOption("use the embedded sandbox instead of a base"))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs explain recXXXXXXXXXXXXXX
  stuck-jobs explain 24422850-abc3-4525-9567-e2fd4bd0adcb -o json
  stuck-jobs explain recTwoTargets0001 --sandbox`,
    )
    .action(async (job: string, flags: Flags) => {
      configureLog("explain", flags, terminal);
      exit(await runExplain(job, { command: "scan", flags, env, terminal }));
    });
}

/** Runs explain and returns its exit code: 2 for a job that is not in the base. */
async function runExplain(name: string, invocation: Invocation): Promise<ExitCode> {
  const sandbox = invocation.flags.sandbox
    ? await openSandbox(invocation.flags.sandbox, { delayedWebhook: false })
    : null;
  try {
    const settings = await readSettings(invocation, sandbox);
    if (settings === "disabled") return EXIT.success;
    const { terminal, flags } = invocation;
    const stop = handleSignals((signal) => terminal.log(`${signal}: stopping`));
    const limits = startDeadlines(settings.deadline, stop);
    const observer = {
      listed() {},
      stage() {},
      probed() {},
      async jobDone() {},
      warn: (message: string) => terminal.log(message, "warn"),
    };
    const share = await openFleetShare(settings, false);
    const { run, close } = await openSweep(invocation, settings, limits, observer, share?.shared);
    try {
      const explanations = await explain(name, run);
      if (explanations.length === 0) {
        terminal.log(
          `found no job with the record id or external id ${name} in table "${settings.jobs.table}"`,
          "error",
        );
        return EXIT.usage;
      }
      terminal.out(
        flags.output === "json"
          ? renderExplanationJson(explanations, terminal.toJson)
          : explanations.map(renderExplanation).join(`\n${"-".repeat(72)}\n\n`),
      );
      return EXIT.success;
    } catch (error) {
      const stopped = stop.code();
      if (stopped !== null) return stopped;
      if (!isUpstreamFailure(error)) throw error;
      terminal.log(linesOf(error), "error");
      return exitCodeOfFailure(error);
    } finally {
      limits.dispose();
      stop.dispose();
      await close();
      await share?.close();
    }
  } finally {
    await sandbox?.close();
  }
}
