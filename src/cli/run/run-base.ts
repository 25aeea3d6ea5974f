import type { Settings } from "../../config/settings.ts";
import { acquireLock, lockKey } from "../../system/lock.ts";
import { type Invocation, mayWrite } from "../invocation.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import { renderNdjsonJob } from "../render/json.ts";
import { type Format, printReport } from "../render/print-report.ts";
import { decisionFields, logFailures, warnUnmatchedJobs } from "./log-outcome.ts";
import { startMonitoring } from "./monitoring.ts";
import type { Shutdown } from "./signals.ts";
import { type Outcome, openSweepFrame, sweepOnce } from "./sweep-once.ts";

/** What came of a run; "locked" where there was none because another one is under way. */
export type RunResult = Outcome | "locked";

/** One run from the lock to the last word: sweeps, prints the report, tells what went wrong, and tells who watches. */
export async function runOnce(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
): Promise<RunResult> {
  return await withLock(invocation, settings, () => sweepLocked(invocation, settings, format, stop));
}

/** Works while no other run of this machine may write to the base; "locked" where one does. */
export async function withLock<T>(
  invocation: Invocation,
  settings: Settings,
  work: () => Promise<T>,
): Promise<T | "locked"> {
  if (!mayWrite(invocation)) return await work();
  const { baseId } = settings.airtable;
  const lock = await acquireLock(lockKey(settings.airtable), new Date());
  if (lock.kind === "taken") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    invocation.terminal.log(`another run for base ${baseId} is under way: ${who}`, "warn");
    return "locked";
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function sweepLocked(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
): Promise<Outcome> {
  const { terminal } = invocation;
  const usual = await loadTypicalDurations(invocation, settings, format);
  const watching = await startMonitoring(invocation, settings, stop);
  const frame = openSweepFrame(invocation, settings, stop);
  let outcome: Outcome;
  try {
    outcome = await sweepOnce(
      invocation,
      settings,
      {
        async jobDone(entry) {
          terminal.log("", "info", decisionFields(entry, usual));
          if (format === "ndjson") await terminal.outAll([renderNdjsonJob(entry, usual, settings.base)]);
        },
        warn: (message) => terminal.log(message, "warn"),
      },
      stop,
      { ...frame, shared: null },
    ).finally(frame.end);
    if (outcome.report !== null) await printReport(outcome.report, format, invocation, settings, usual);
    logFailures(outcome, settings, invocation);
    if (outcome.report !== null) warnUnmatchedJobs([outcome.report], invocation);
  } catch (error) {
    await watching?.crashed(error);
    throw error;
  }
  await watching?.finished(outcome);
  return outcome;
}

/** What is usual, for who looks at jobs, and of no weight in any verdict; a scheduled run is not made to load it. */
export async function loadTypicalDurations(
  { command, flags, env, terminal }: Invocation,
  settings: Settings,
  format: Format,
): Promise<TypicalDurations> {
  if (command !== "scan" || (format === "line" && !flags.verbose)) return new Map();
  const { durationsFile: paceFileOf, readTypicalDurations: usualDurations } = await import("../learned-durations.ts");
  const path = paceFileOf(settings, env);
  try {
    return await usualDurations(path);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    terminal.log(`what was learned cannot be read (${path}: ${error.message}); going on without`, "warn");
    return new Map();
  }
}
