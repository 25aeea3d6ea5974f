import { type Duration, type Instant, isExternalId, type Job } from "../../domain/job.ts";
import { COMPLETED_PREFIX, FAILED_BY, FAILED_PREFIX, OLD_POLLER_FAILED_MARK, UNDONE_MARK } from "../../domain/notes.ts";
import type { Revisit } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { Policy } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";

/** How long after its completion a job's delivery is looked at again: Airtable fetches attachments later. */
const DELIVERIES_FOR: Duration = 3_600_000;

const DAY: Duration = 86_400_000;

/**
 * The finished jobs that the listing is to bring along, at no further request: those this tool completed in the last
 * hour, whose file Airtable may have dropped since, and those that polling failed, whose output may have turned up, and
 * which the brake counts.
 */
export function finishedJobsQuery(run: SweepContext, now: Instant): Revisit {
  const completed =
    run.command === "recover"
      ? { status: run.completedStatus, notes: hoursOf(now).map((hour) => COMPLETED_PREFIX + hour) }
      : null;
  const window = lookback(run);
  const failed = {
    status: run.failedStatus,
    // A job that fail-old failed may be of any age; what counts is when it was failed, which its notes tell.
    notes: daysOf(now - window, now).map((day) => FAILED_PREFIX + day),
    // By their record's date only: its notes do not tell when.
    undated: { notes: [OLD_POLLER_FAILED_MARK], after: now - 2 * window },
  };
  return { completed, failed };
}

/** Whether polling failed the job, and its output is to be looked for all the same. */
export function isReopenable(job: Job, run: SweepContext, now: Instant): boolean {
  return run.lateOutputs && run.policy.mode === "recover" && wasFailedByUs(job, run, now);
}

/** Whether polling failed the job, and not longer ago than `maxAge`, and no other hand has failed it since. */
export function wasFailedByUs(job: Job, run: SweepContext, now: Instant): boolean {
  const window = lookback(run);
  if (job.status !== run.failedStatus || job.externalId === null || !isExternalId(job.externalId)) return false;
  const failedAt = lastMarked(job.notes, FAILED_PREFIX);
  if (failedAt !== null) {
    const changedSince = [COMPLETED_PREFIX, UNDONE_MARK].some(
      (mark) => job.notes.lastIndexOf(mark) > job.notes.lastIndexOf(FAILED_PREFIX),
    );
    const ours = !changedSince && (job.error === null || job.error.includes(FAILED_BY));
    return ours && now - failedAt <= window;
  }
  return job.notes.includes(OLD_POLLER_FAILED_MARK) && job.since.kind === "at" && now - job.since.at <= window;
}

/**
 * The job as it counts: one that polling had closed and that is open again was begun again since, in its old record,
 * whose date is that of its first run. By that date it would be failed the moment it began. One that was undone counts
 * from then, so that whoever took it back has the time to change what they took it back for.
 */
export function withEffectiveStart(job: Job, { reopened }: { readonly reopened: boolean }): Job {
  if (reopened) return job;
  const marks = [COMPLETED_PREFIX, FAILED_PREFIX, UNDONE_MARK];
  const closedAt = Math.max(...marks.map((mark) => lastMarked(job.notes, mark) ?? 0));
  return job.since.kind === "at" && closedAt > job.since.at ? { ...job, since: { kind: "at", at: closedAt } } : job;
}

/** When this tool completed the job, if that is less than an hour ago. */
export function completedByPolling(job: Job, run: SweepContext, now: Instant): Instant | null {
  if (job.status !== run.completedStatus) return null;
  const completedAt = lastMarked(job.notes, COMPLETED_PREFIX);
  return completedAt !== null && now - completedAt <= DELIVERIES_FOR ? completedAt : null;
}

/** `maxAge`: for so long reopened outputs are looked for, and fails are counted. Without a maximum it is a day. */
function lookback(run: SweepContext): Duration {
  return run.policy.thresholds.maxAge ?? DAY;
}

/** The hours that the last hour touched, as the marks begin: `2026-03-01T11:`. */
function hoursOf(now: Instant): readonly string[] {
  return [...new Set([now - DELIVERIES_FOR, now].map((at) => new Date(at).toISOString().slice(0, 14)))];
}

/** Above this, a day each would make the formula longer than it is worth. */
const MOST_DAYS = 31;

/** The days from one moment to another, as the marks begin: `2026-03-01`; what all of them begin with for too many. */
function daysOf(from: Instant, to: Instant): readonly string[] {
  const first = Math.floor(from / DAY);
  const count = Math.floor(to / DAY) - first + 1;
  if (count > MOST_DAYS) return [""];
  return Array.from({ length: count }, (_, n) => new Date((first + n) * DAY).toISOString().slice(0, 10));
}

function lastMarked(notes: string, mark: string): Instant | null {
  const index = notes.lastIndexOf(mark);
  if (index < 0) return null;
  const at = Date.parse(notes.slice(index + mark.length, index + mark.length + 24));
  return Number.isNaN(at) ? null : at;
}

/**
 * A job that polling failed is judged as if failed were a stuck status, at any age: fail-old may have failed it beyond
 * `maxAge`, and what counts is when.
 */
export function effectivePolicy(
  { reopened }: Pick<SweepItem, "reopened">,
  run: Pick<SweepContext, "policy" | "failedStatus">,
): Policy {
  if (!reopened) return run.policy;
  const operations = run.policy.operations.map((each) => ({
    ...each,
    thresholds: { ...each.thresholds, maxAge: null },
  }));
  return { ...run.policy, stuckStatuses: [run.failedStatus], operations };
}
