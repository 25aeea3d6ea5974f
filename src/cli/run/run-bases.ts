import type { BaseRef, Settings } from "../../config/settings.ts";
import type { Entry } from "../../core/domain/report.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { createTokenLimiter } from "../../stores/airtable/rate-limit.ts";
import { systemClock } from "../../system/clock.ts";
import { type Invocation, mayWrite } from "../context.ts";
import { EXIT, exitCodeOfFailure } from "../exit-codes.ts";
import { type BaseOutcome, type CombinedOutcome, faultOf, totalOf } from "../outcome.ts";
import { renderNdjsonJob, renderNdjsonSummary } from "../render/json.ts";
import type { Format } from "../render/print-report.ts";
import { renderPlans, renderTotal } from "../render/total.ts";
import { linesOf, logInternalError } from "../terminal/log.ts";
import { splitProgress } from "../terminal/progress.ts";
import type { HeldBase } from "./adapters.ts";
import { withLock } from "./base-lock.ts";
import type { OpenFleet } from "./fleet/open-fleet.ts";
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
 *
 * @param hosts how many hosts sweep these bases at the same time, each without knowing of the others
 */
export async function runMany(
  invocation: Invocation,
  bases: readonly [Settings, ...Settings[]],
  format: Format,
  stop: Shutdown,
  hosts = 1,
): Promise<CombinedOutcome> {
  const startedAt = systemClock.now();
  const [first] = bases;
  const fleet = await openFleetOf(first);
  const budgetOf = mayWrite(invocation) ? fleet?.budgetOf : fleet?.readingBudgetOf;
  const connections = openSharedConnections(bases, budgetOf ?? (() => createTokenLimiter(systemClock, hosts)));
  const frame = openSweepFrame(invocation, bases[0], stop);
  const part = splitProgress(frame.progress);
  const monitor = startMonitoringAll(invocation, bases, stop);
  let ended: readonly BaseOutcome[];
  try {
    ended = await Promise.all(
      bases.map((settings) => {
        const own = { limits: frame.limits, progress: part(), shared: connections.of(settings) };
        return sweepOne(invocation, settings, format, stop, own, monitor, fleet);
      }),
    );
  } finally {
    frame.end();
    await Promise.all([connections.close(), fleet?.close()]);
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

/** Opens the fleet whose budget and keys runs of several bases take; null where there is none. Its library is loaded only then. */
async function openFleetOf({ fleet, deadline }: Settings): Promise<OpenFleet | null> {
  return fleet === null ? null : (await import("./fleet/open-fleet.ts")).openFleet(fleet, deadline);
}

/**
 * Sweeps one of several bases. Where the frame says that the base is held, no lock is taken; in a fleet the lock is the
 * key of the base in its queue.
 */
export async function sweepOne(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
  frame: SweepFrame,
  monitor: RunsMonitor | null,
  fleet: OpenFleet | null = null,
): Promise<BaseOutcome> {
  const base = baseOf(settings);
  const terminal = invocation.terminal.forBase(base.name);
  const own: Invocation = { ...invocation, terminal };
  try {
    return await sweepNamed(own, { base, settings }, format, stop, frame, monitor, fleet);
  } catch (error) {
    if (error instanceof UpstreamError) {
      terminal.log(linesOf(error), "error");
      const ended = { base, settings, typical: new Map(), outcome: null };
      return { ...ended, code: exitCodeOfFailure(error), fault: error.message };
    }
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
  fleet: OpenFleet | null,
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
  const run = (held: HeldBase | null) => {
    monitor?.begun();
    return withTelemetry(invocation, settings, stop, (stage) =>
      sweepOnce(invocation, settings, { ...listener, stage }, stop, { ...frame, held }),
    );
  };
  const { held = null } = frame;
  const takesLock = mayWrite(invocation) && held === null;
  const outcome = takesLock ? await withLock(settings, terminal, run, fleet) : await run(held);
  if (outcome === "locked") return { ...ended, outcome: null, code: EXIT.locked, fault: "another run is under way" };
  if (outcome.report !== null && format === "ndjson")
    terminal.out(renderNdjsonSummary(outcome.report, base, terminal.toJson));
  logFailures(outcome, settings, format, invocation);
  return { ...ended, outcome, code: outcome.code, fault: faultOf(outcome, settings) };
}

/** Returns the base of the settings, which have a name in a list. */
export function baseOf({ base, store: { baseId } }: Settings): BaseRef {
  return base ?? { name: baseId, id: baseId, all: [baseId] };
}
