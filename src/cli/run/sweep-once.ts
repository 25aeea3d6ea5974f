import type { Settings } from "../../config/settings.ts";
import type { Instant } from "../../core/domain/job.ts";
import type { Entry, Report } from "../../core/domain/report.ts";
import { isUpstreamFailure, UpstreamError, type UpstreamFailure } from "../../core/ports/errors.ts";
import type { Stage } from "../../core/sweep/context.ts";
import { requestsOf } from "../../core/sweep/report/build-report.ts";
import { sweep } from "../../core/sweep/sweep.ts";
import { limitHeapGrowth } from "../../system/heap.ts";
import type { Invocation } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfFailure } from "../exit-codes.ts";
import { type Progress, startProgress } from "../terminal/progress.ts";
import type { HeldBase, Shared } from "./adapters.ts";
import { type RunLimits, startDeadlines } from "./deadlines.ts";
import { openSweep } from "./open-sweep.ts";
import type { Shutdown } from "./signals.ts";

/** The outcome of one sweep. */
export interface Outcome {
  readonly runId: string;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  readonly requests: Report["requests"];
  /** Null where the listing was not finished: nothing was decided or written. */
  readonly report: Report | null;
  /** What ended the sweep early. */
  readonly fault: UpstreamFailure | null;
  readonly code: ExitCode;
}

/** Callbacks during a sweep. */
export interface Listener {
  jobDone(entry: Entry): Promise<void>;
  stage(stage: Stage, is: "begun" | "ended"): void;
  warn(message: string): void;
}

/** What a sweep shares with others that run at the same time. */
export interface SweepFrame {
  readonly limits: RunLimits;
  readonly progress: Progress;
  /** What it shares with sweeps of other bases; null where it is the only one. */
  readonly shared: Shared | null;
  /** What has to be asked before each write in a fleet; null outside of one. */
  readonly held?: HeldBase | null;
}

/** Opens the frame of one or more sweeps; end it after them. */
export function openSweepFrame({ flags, terminal }: Invocation, settings: Settings, stop: Shutdown) {
  // No default deadline while a person answers questions.
  const deadline = flags.confirm && flags.deadline === undefined ? null : settings.deadline;
  const limits = startDeadlines(deadline, stop);
  const progress = startProgress(terminal, flags.quiet === true);
  return {
    limits,
    progress,
    end() {
      progress.stop();
      limits.dispose();
    },
  };
}

/** Runs one sweep until it is done, the deadline has passed, or a signal stops it. */
export async function sweepOnce(
  invocation: Invocation,
  settings: Settings,
  listener: Listener,
  stop: Shutdown,
  { limits, progress, shared, held = null }: SweepFrame,
): Promise<Outcome> {
  const listed = (found: number) => {
    limitHeapGrowth(found);
    progress.listed(found);
  };
  const observer = { ...progress, ...listener, listed };
  const { run, close } = await openSweep(invocation, settings, limits, observer, shared, held);
  const { runId } = run.signature;
  invocation.terminal.logAs({ runId });
  const startedAt = run.clock.now();
  const outcome = (report: Report | null, fault: Outcome["fault"], code: ExitCode): Outcome => {
    return { runId, startedAt, finishedAt: run.clock.now(), requests: requestsOf(run), report, fault, code };
  };
  try {
    const { report, fault } = await sweep(run);
    return outcome(report, fault, stop.code() ?? codeOf(report, fault, invocation));
  } catch (error) {
    const stopped = stop.code();
    if (stopped !== null) return outcome(null, null, stopped);
    const lost: unknown = held?.signal.aborted ? held.signal.reason : null;
    const fault = limits.reads.aborted ? outOfTime() : (lost ?? error);
    if (!isUpstreamFailure(fault)) throw error;
    return outcome(null, fault, exitCodeOfFailure(fault));
  } finally {
    await close();
  }
}

function codeOf(report: Report, fault: Outcome["fault"], { flags }: Invocation): ExitCode {
  const code = exitCodeOf(report, fault);
  return code === EXIT.success && flags.exitCode && report.summary.stuck > 0 ? EXIT.stuckFound : code;
}

function outOfTime(): UpstreamError {
  return new UpstreamError("unavailable", "the listing was not finished within the deadline; nothing was decided");
}
