import type { BaseRef, Settings } from "../../config/settings.ts";
import type { Entry } from "../../core/domain/report.ts";
import { systemClock } from "../../system/clock.ts";
import { EXIT } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import { type BaseOutcome, type CombinedOutcome, faultOf, totalOf } from "../outcome.ts";
import { renderNdjsonJob, renderNdjsonSummary } from "../render/json.ts";
import type { Format } from "../render/print-report.ts";
import { renderTotal } from "../render/total.ts";
import { splitProgress } from "../terminal/progress.ts";
import { decisionFields, logFailures, warnUnmatchedJobs } from "./log-outcome.ts";
import { startMonitoringAll, type WatchingAll } from "./monitoring-all.ts";
import { loadTypicalDurations, withLock } from "./run-base.ts";
import { openSharedConnections } from "./shared-connections.ts";
import type { Shutdown } from "./signals.ts";
import { openSweepFrame, type SweepFrame, sweepOnce } from "./sweep-once.ts";

/**
 * Sweeps several bases at once, each at its own pace and under its own lock, within one deadline. What befalls one of
 * them is told under its name, and keeps no other from being swept.
 */
export async function runMany(
  invocation: Invocation,
  bases: readonly [Settings, ...Settings[]],
  format: Format,
  stop: Shutdown,
): Promise<CombinedOutcome> {
  const startedAt = systemClock.now();
  const commons = openSharedConnections(bases);
  const frame = openSweepFrame(invocation, bases[0], stop);
  const part = splitProgress(frame.progress);
  const watching = await startMonitoringAll(invocation, bases, stop);
  let ended: readonly BaseOutcome[];
  try {
    ended = await Promise.all(
      bases.map((settings) => {
        const own = { limits: frame.limits, progress: part(), shared: commons.of(settings) };
        return sweepOne(invocation, settings, format, stop, own, watching);
      }),
    );
  } finally {
    frame.end();
    await commons.close();
  }
  const { command, flags, terminal } = invocation;
  const finishedAt = systemClock.now();
  const total = totalOf(ended, { command, dryRun: flags.dryRun === true, startedAt, finishedAt });
  await terminal.outAll(await renderTotal(total, format, invocation));
  const reports = ended.flatMap(({ outcome }) => outcome?.report ?? []);
  // A job that was asked for may well be in a base that could not be listed.
  if (reports.length === ended.length) warnUnmatchedJobs(reports, invocation);
  await watching?.finished(total);
  return total;
}

async function sweepOne(
  invocation: Invocation,
  settings: Settings,
  format: Format,
  stop: Shutdown,
  frame: SweepFrame,
  watching: WatchingAll | null,
): Promise<BaseOutcome> {
  const base = baseOf(settings);
  const terminal = invocation.terminal.forBase(base.name);
  const own: Invocation = { ...invocation, terminal };
  try {
    return await sweepNamed(own, { base, settings }, format, stop, frame, watching);
  } catch (error) {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.log(`a fault of the program: ${words}`, "error");
    const fault = `a fault of the program: ${error}`;
    return { base, settings, usual: new Map(), outcome: null, code: EXIT.fault, fault };
  }
}

/** @throws what is a fault of the program */
async function sweepNamed(
  invocation: Invocation,
  { base, settings }: Pick<BaseOutcome, "base" | "settings">,
  format: Format,
  stop: Shutdown,
  frame: SweepFrame,
  watching: WatchingAll | null,
): Promise<BaseOutcome> {
  const { terminal } = invocation;
  const usual = await loadTypicalDurations(invocation, settings, format);
  const ended = { base, settings, usual };
  const listener = {
    async jobDone(entry: Entry) {
      terminal.log("", "info", decisionFields(entry, usual));
      if (format === "ndjson") await terminal.outAll([renderNdjsonJob(entry, usual, base)]);
    },
    warn: (message: string) => terminal.log(message, "warn"),
  };
  const outcome = await withLock(invocation, settings, () => {
    watching?.begun();
    return sweepOnce(invocation, settings, listener, stop, frame);
  });
  if (outcome === "locked") return { ...ended, outcome: null, code: EXIT.locked, fault: "another run is under way" };
  if (outcome.report !== null && format === "ndjson") terminal.out(renderNdjsonSummary(outcome.report, base));
  logFailures(outcome, settings, invocation);
  return { ...ended, outcome, code: outcome.code, fault: faultOf(outcome, settings) };
}

/** The settings of a list all have a name. */
function baseOf({ base, airtable: { baseId } }: Settings): BaseRef {
  return base ?? { name: baseId, id: baseId, others: [] };
}
