import type { BaseRef, Settings } from "../../config/settings.ts";
import type { Entry } from "../../core/domain/report.ts";
import { systemClock } from "../../system/clock.ts";
import { type Invocation, mayWrite } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { type BaseOutcome, type CombinedOutcome, faultOf, totalOf } from "../outcome.ts";
import { renderNdjsonJob, renderNdjsonSummary } from "../render/json.ts";
import type { Format } from "../render/print-report.ts";
import { renderPlans, renderTotal } from "../render/total.ts";
import { logInternalError } from "../terminal/log.ts";
import { splitProgress } from "../terminal/progress.ts";
import { withLock } from "./base-lock.ts";
import { decisionFields, logFailures, warnUnmatchedJobs } from "./log-outcome.ts";
import { type RunsMonitor, startMonitoringAll } from "./monitoring.ts";
import { loadTypicalDurations } from "./run-base.ts";
import { openSharedConnections } from "./shared-connections.ts";
import type { Shutdown } from "./signals.ts";
import { openSweepFrame, type SweepFrame, sweepOnce } from "./sweep-once.ts";
import { withTelemetry } from "./telemetry.ts";

/**
 * Sweeps several bases concurrently, each at its own rate and under its own lock, within one deadline. The failure of
 * one is logged under its name and does not stop the others.
 */
export async function runMany(
  invocation: Invocation,
  bases: readonly [Settings, ...Settings[]],
  format: Format,
  stop: Shutdown,
): Promise<CombinedOutcome> {
  const startedAt = systemClock.now();
  const connections = openSharedConnections(bases);
  const frame = openSweepFrame(invocation, bases[0], stop);
  const part = splitProgress(frame.progress);
  const monitor = startMonitoringAll(invocation, bases, stop);
  let ended: readonly BaseOutcome[];
  try {
    ended = await Promise.all(
      bases.map((settings) => {
        const own = { limits: frame.limits, progress: part(), shared: connections.of(settings) };
        return sweepOne(invocation, settings, format, stop, own, monitor);
      }),
    );
  } finally {
    frame.end();
    await connections.close();
  }
  const { command, flags, terminal } = invocation;
  const finishedAt = systemClock.now();
  const total = totalOf(ended, { command, dryRun: flags.dryRun === true, startedAt, finishedAt });
  if (format === "plan") terminal.show(await renderPlans(total, invocation));
  else await terminal.outAll(await renderTotal(total, format, invocation));
  const reports = ended.flatMap(({ outcome }) => outcome?.report ?? []);
  // A requested job may be in a base that could not be listed.
  if (reports.length === ended.length) warnUnmatchedJobs(reports, invocation);
  await monitor?.finished(total);
  return total;
}

async function sweepOne(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
  frame: SweepFrame,
  monitor: RunsMonitor | null,
): Promise<BaseOutcome> {
  const base = baseOf(settings);
  const terminal = invocation.terminal.forBase(base.name);
  const own: Invocation = { ...invocation, terminal };
  try {
    return await sweepNamed(own, { base, settings }, format, stop, frame, monitor);
  } catch (error) {
    logInternalError(error, terminal);
    const fault = `internal error: ${error}`;
    return { base, settings, typical: new Map(), outcome: null, code: EXIT.internalError, fault };
  }
}

async function sweepNamed(
  invocation: Invocation,
  { base, settings }: Pick<BaseOutcome, "base" | "settings">,
  format: Format,
  stop: Shutdown,
  frame: SweepFrame,
  monitor: RunsMonitor | null,
): Promise<BaseOutcome> {
  const { terminal } = invocation;
  const typical = await loadTypicalDurations(invocation, settings, format);
  const ended = { base, settings, typical };
  const listener = {
    async jobDone(entry: Entry) {
      terminal.log("", "info", decisionFields(entry, typical));
      if (format === "ndjson") await terminal.outAll([renderNdjsonJob(entry, typical, base, terminal.toJson)]);
    },
    warn: (message: string) => terminal.log(message, "warn"),
  };
  const run = () => {
    monitor?.begun();
    return withTelemetry(invocation, settings, stop, (stage) =>
      sweepOnce(invocation, settings, { ...listener, stage }, stop, frame),
    );
  };
  const outcome = mayWrite(invocation) ? await withLock(settings, terminal, run) : await run();
  if (outcome === "locked") return { ...ended, outcome: null, code: EXIT.locked, fault: "another run is under way" };
  if (outcome.report !== null && format === "ndjson")
    terminal.out(renderNdjsonSummary(outcome.report, base, terminal.toJson));
  logFailures(outcome, settings, format, invocation);
  return { ...ended, outcome, code: outcome.code, fault: faultOf(outcome, settings) };
}

/** Returns the base of the settings, which have a name in a list. */
function baseOf({ base, store: { baseId } }: Settings): BaseRef {
  return base ?? { name: baseId, id: baseId, others: [] };
}
