import { randomUUID } from "node:crypto";
import type { Settings } from "../config/settings.ts";
import { isFault, type StorageConfigError, UpstreamError } from "../core/ports.ts";
import type { Entry, Report } from "../core/report.ts";
import type { Run } from "../core/run.ts";
import { sweep } from "../core/sweep.ts";
import { openBase, openStorage } from "./adapters.ts";
import { askPerson } from "./ask.ts";
import { systemClock } from "./clock.ts";
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfFault } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import { armLimits } from "./limits.ts";
import { startProgress } from "./progress.ts";
import type { Stop } from "./stop.ts";
import { VERSION } from "./version.ts";

/** What came of one sweep. */
export interface Outcome {
  /** Null where the listing was not finished: then nothing was decided, and nothing written. */
  readonly report: Report | null;
  /** What cut the sweep short. */
  readonly fault: UpstreamError | StorageConfigError | null;
  readonly code: ExitCode;
}

/** Who is told while the sweep is under way. */
export interface Listener {
  settled(entry: Entry): void;
  warn(message: string): void;
}

/** One sweep over the base and the storage of the settings, until it is done, out of time or told to stop. */
export async function sweepOnce(
  invocation: Invocation,
  settings: Settings,
  listener: Listener,
  stop: Stop,
): Promise<Outcome> {
  const { flags, terminal } = invocation;
  // A person who is asked takes the time they take.
  const deadline = flags.confirm && flags.deadline === undefined ? null : settings.deadline;
  const limits = armLimits(deadline, stop);
  const base = openBase(settings, () => limits.remaining());
  const storage = openStorage(settings);
  const progress = startProgress(terminal, flags.quiet === true);
  try {
    const { report, fault } = await sweep({
      ...planOf(invocation, settings),
      store: base.store,
      probe: storage,
      providers: new Map(),
      webhooks: null,
      limits,
      observer: { ...progress, ...listener },
    });
    return { report, fault, code: stop.code() ?? codeOf(report, fault, invocation) };
  } catch (error) {
    const stopped = stop.code();
    if (stopped !== null) return { report: null, fault: null, code: stopped };
    const fault = limits.reads.aborted ? outOfTime() : error;
    if (!isFault(fault)) throw error;
    return { report: null, fault, code: exitCodeOfFault(fault) };
  } finally {
    progress.stop();
    limits.dispose();
    await Promise.all([base.close(), storage.close()]);
  }
}

/** What flags and settings say of the sweep, without that which touches the world. */
function planOf(
  { command, flags }: Invocation,
  settings: Settings,
): Omit<Run, "store" | "probe" | "providers" | "webhooks" | "limits" | "observer"> {
  return {
    command,
    dryRun: flags.dryRun === true,
    force: flags.force === true,
    limit: flags.limit ?? null,
    named: flags.job ?? null,
    only: flags.operation ?? null,
    policy: {
      stuckStatuses: settings.jobs.stuckStatuses,
      operations: settings.operations,
      thresholds: settings.thresholds,
      mode: command === "fail-old" ? "fail" : "recover",
      failing: flags.fail !== false,
    },
    brake: settings.brake,
    lateOutputs: settings.lateOutputs,
    otherNames: settings.storage.otherNames,
    completedStatus: settings.jobs.completedStatus,
    failedStatus: settings.jobs.failedStatus,
    via: flags.via ?? null,
    signature: { runId: randomUUID(), version: VERSION },
    concurrency: settings.storage.concurrency,
    clock: systemClock,
    random: Math.random,
    confirm: flags.confirm ? askPerson : null,
  };
}

function codeOf(report: Report, fault: Outcome["fault"], { flags }: Invocation): ExitCode {
  const code = exitCodeOf(report, fault);
  return code === EXIT.done && flags.exitCode && report.summary.stuck > 0 ? EXIT.stuckFound : code;
}

function outOfTime(): UpstreamError {
  return new UpstreamError("unavailable", "the listing was not finished within the deadline; nothing was decided");
}
