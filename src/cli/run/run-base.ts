import type { Settings } from "../../config/settings.ts";
import type { Entry } from "../../core/domain/report.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { systemClock } from "../../system/clock.ts";
import { type Invocation, mayWrite } from "../context.ts";
import { exitCodeOfFailure } from "../exit-codes.ts";
import { durationsFile, readTypicalDurations, type TypicalDurations } from "../learned-durations.ts";
import { renderNdjsonJob } from "../render/json.ts";
import { type Format, printReport } from "../render/print-report.ts";
import { linesOf } from "../terminal/log.ts";
import type { HeldBase } from "./adapters.ts";
import { withLock } from "./base-lock.ts";
import { openFleetShare } from "./fleet/fleet-share.ts";
import { decisionFields, logFailures, warnUnmatchedJobs } from "./log-outcome.ts";
import { crashOutcome, startMonitoring } from "./monitoring.ts";
import type { Shutdown } from "./signals.ts";
import { type Outcome, openSweepFrame, type SweepFrame, sweepOnce } from "./sweep-once.ts";
import { type OnStage, withTelemetry } from "./telemetry.ts";

/** The outcome of a run; "locked" where another run holds the lock. */
export type RunResult = Outcome | "locked";

/** Runs one sweep of one base: takes the lock, sweeps, prints the report, logs failures, reports to monitoring. */
export async function runOnce(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
): Promise<RunResult> {
  const share = await openFleetShare(settings, mayWrite(invocation));
  const run = (held: HeldBase | null) =>
    sweepAndReport(invocation, settings, format, stop, { held, shared: share?.shared ?? null });
  const startedAt = systemClock.now();
  try {
    return mayWrite(invocation) ? await withLock(settings, invocation.terminal, run, share?.fleet) : await run(null);
  } catch (error) {
    // The fleet's database is away, or not as this version needs it.
    if (!(error instanceof UpstreamError)) throw error;
    invocation.terminal.log(linesOf(error), "error");
    const outcome = crashOutcome(startedAt, systemClock.now());
    return { ...outcome, fault: error, code: exitCodeOfFailure(error) };
  } finally {
    await share?.close();
  }
}

async function sweepAndReport(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
  access: Pick<SweepFrame, "held" | "shared">,
): Promise<Outcome> {
  const { terminal } = invocation;
  const typical = await loadTypicalDurations(invocation, settings, format);
  const monitor = startMonitoring(invocation, settings, stop);
  const frame = openSweepFrame(invocation, settings, stop);
  let outcome: Outcome;
  try {
    const listener = {
      async jobDone(entry: Entry) {
        if (invocation.flags.verbose) terminal.log("", "info", decisionFields(entry, typical));
        if (format === "ndjson")
          await terminal.outAll([renderNdjsonJob(entry, typical, settings.base, terminal.toJson)]);
      },
      warn: (message: string) => terminal.log(message, "warn"),
    };
    const sweep = (stage: OnStage) =>
      sweepOnce(invocation, settings, { ...listener, stage }, stop, { ...frame, ...access }).finally(frame.end);
    outcome = await withTelemetry(invocation, settings, stop, sweep);
    if (outcome.report !== null) await printReport(outcome.report, format, invocation, settings, typical);
    logFailures(outcome, settings, format, invocation);
    if (outcome.report !== null) warnUnmatchedJobs([outcome.report], invocation);
  } catch (error) {
    await monitor?.crashed(error);
    throw error;
  }
  await monitor?.finished(outcome);
  return outcome;
}

/** Returns the typical durations, which are shown for information only: none where nothing shows them. */
export async function loadTypicalDurations(
  { command, flags, env, terminal }: Invocation,
  settings: Settings,
  format: Format,
): Promise<TypicalDurations> {
  if (command !== "scan" || (format === "line" && !flags.verbose)) return new Map();
  const path = durationsFile(settings, env);
  try {
    return await readTypicalDurations(path);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    terminal.log(`cannot read the learned durations (${path}: ${error.message}); continuing without them`, "warn");
    return new Map();
  }
}
