import type { Settings } from "../config/settings.ts";
import type { Instant } from "../core/job.ts";
import { type Fault, isFault, UpstreamError } from "../core/ports.ts";
import type { Entry, Report } from "../core/report.ts";
import { requestsOf, sweep } from "../core/sweep.ts";
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfFault } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import { armLimits } from "./limits.ts";
import { openRun } from "./open-run.ts";
import { startProgress } from "./progress.ts";
import type { Stop } from "./stop.ts";

/** What came of one sweep. */
export interface Outcome {
  readonly runId: string;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  readonly requests: Report["requests"];
  /** Null where the listing was not finished: then nothing was decided, and nothing written. */
  readonly report: Report | null;
  /** What cut the sweep short. */
  readonly fault: Fault | null;
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
  const progress = startProgress(terminal, flags.quiet === true);
  const { run, close } = await openRun(invocation, settings, limits, { ...progress, ...listener });
  const { runId } = run.signature;
  terminal.logAs({ runId });
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
    const fault = limits.reads.aborted ? outOfTime() : error;
    if (!isFault(fault)) throw error;
    return outcome(null, fault, exitCodeOfFault(fault));
  } finally {
    progress.stop();
    limits.dispose();
    await close();
  }
}

function codeOf(report: Report, fault: Outcome["fault"], { flags }: Invocation): ExitCode {
  const code = exitCodeOf(report, fault);
  return code === EXIT.done && flags.exitCode && report.summary.stuck > 0 ? EXIT.stuckFound : code;
}

function outOfTime(): UpstreamError {
  return new UpstreamError("unavailable", "the listing was not finished within the deadline; nothing was decided");
}
