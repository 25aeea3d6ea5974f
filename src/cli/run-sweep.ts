import { ConfigError } from "../config/problems.ts";
import type { Settings } from "../config/settings.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { type Invocation, mayWrite } from "./invocation.ts";
import { acquireLock, lockKey } from "./lock.ts";
import { formatOf, printReport } from "./print.ts";
import { readSettings } from "./read-settings.ts";
import { renderNdjsonJob } from "./render/json.ts";
import { openSandbox } from "./sandbox.ts";
import { catchSignals } from "./stop.ts";
import { sweepOnce } from "./sweep-once.ts";
import { decisionFields, tellTrouble } from "./tell.ts";

/** Runs scan, recover or fail-old from flags to exit code. */
export async function runSweep(invocation: Invocation): Promise<ExitCode> {
  const { command, flags, terminal } = invocation;
  if (flags.confirm && process.stdin.isTTY !== true) {
    throw new ConfigError([{ path: "--confirm", message: "asks per job, which takes a terminal on stdin" }]);
  }
  const sandbox = flags.sandbox
    ? await openSandbox({ lateWebhook: command === "recover" && flags.dryRun !== true })
    : null;
  try {
    const settings = await readSettings(invocation, sandbox);
    if (settings !== "disabled") return await locked(invocation, settings);
    terminal.log("disabled by POLLING_ENABLED=false");
    return EXIT.done;
  } finally {
    await sandbox?.close();
  }
}

async function locked(invocation: Invocation, settings: Settings): Promise<ExitCode> {
  if (!mayWrite(invocation)) return await swept(invocation, settings);
  const { baseId } = settings.airtable;
  const lock = await acquireLock(lockKey(settings.airtable), new Date());
  if (lock.kind === "taken") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    invocation.terminal.log(`another run for base ${baseId} is under way: ${who}`, "warn");
    return EXIT.locked;
  }
  try {
    return await swept(invocation, settings);
  } finally {
    await lock.release();
  }
}

async function swept(invocation: Invocation, settings: Settings): Promise<ExitCode> {
  const { terminal } = invocation;
  const format = formatOf(invocation);
  const stop = catchSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    const outcome = await sweepOnce(
      invocation,
      settings,
      {
        settled(entry) {
          terminal.log("", "info", decisionFields(entry));
          if (format === "ndjson") terminal.out(renderNdjsonJob(entry));
        },
        warn: (message) => terminal.log(message, "warn"),
      },
      stop,
    );
    if (outcome.report !== null) await printReport(outcome.report, format, invocation);
    tellTrouble(outcome, settings, invocation);
    return outcome.code;
  } finally {
    stop.dispose();
  }
}
