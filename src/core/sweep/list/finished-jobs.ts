import { type Duration, getAge, type Instant, isExternalId, type Job } from "../../domain/job.ts";
import {
  COMPLETED_PREFIX,
  FAILED_BY,
  FAILED_PREFIX,
  isAfter,
  lastTime,
  OLD_POLLER_PREFIX,
  UNDONE_PREFIX,
} from "../../domain/notes.ts";
import type { Revisit } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { Policy } from "../decide/triage.ts";

/** How long after its completion a job's delivery is verified: Airtable fetches attachments later. */
export const VERIFY_FOR: Duration = 3_600_000;

const DAY: Duration = 86_400_000;

/**
 * Returns which finished jobs the listing is to bring along, at no further request: those that stuck-jobs completed in
 * the last hour, whose file Airtable may have dropped since, and those that it failed, whose output may have appeared,
 * and which the brake counts.
 */
export function finishedJobsQuery(run: SweepContext, now: Instant): Revisit {
  const completed =
    run.command === "recover"
      ? { status: run.completedStatus, notes: hoursBefore(now).map((hour) => COMPLETED_PREFIX + hour) }
      : null;
  const window = lookback(run);
  const failed = {
    status: run.failedStatus,
    // A job that fail-old failed may be of any age; what counts is when it was failed, which its notes say.
    notes: daysBetween(now - window, now).map((day) => FAILED_PREFIX + day),
    // By their record's date only: their notes do not say when.
    undated: { notes: [OLD_POLLER_PREFIX], after: now - 2 * window },
  };
  return { completed, failed };
}

/** Whether stuck-jobs had failed the job, and its output is to be probed all the same. */
export function isReopenable(job: Job, run: SweepContext, now: Instant): boolean {
  return run.lateOutputs && run.policy.mode === "recover" && wasFailedByUs(job, run, now);
}

/** Whether stuck-jobs failed the job, not longer ago than `maxAge`, and nobody else has failed it since. */
export function wasFailedByUs(job: Job, run: SweepContext, now: Instant): boolean {
  const window = lookback(run);
  if (job.status !== run.failedStatus || job.externalId === null || !isExternalId(job.externalId)) return false;
  const failedAt = lastTime(job.notes, FAILED_PREFIX);
  if (failedAt !== null) {
    const unchanged = isAfter(job.notes, FAILED_PREFIX, [COMPLETED_PREFIX, UNDONE_PREFIX]);
    const ours = unchanged && (job.error === null || job.error.includes(FAILED_BY));
    return ours && now - failedAt <= window;
  }
  const age = getAge(job, now);
  return job.notes.includes(OLD_POLLER_PREFIX) && age !== null && age <= window;
}

/**
 * Returns the job with the date from which its age counts. One that stuck-jobs had closed and that is open again was
 * started again since, in its old record, whose date is that of its first run: by that date it would be failed the
 * moment it starts. One that was undone counts from then, so that whoever undid it has time to mend the cause.
 */
export function withEffectiveStart(job: Job, { reopened }: { readonly reopened: boolean }): Job {
  if (reopened) return job;
  const prefixes = [COMPLETED_PREFIX, FAILED_PREFIX, UNDONE_PREFIX];
  const closedAt = Math.max(...prefixes.map((prefix) => lastTime(job.notes, prefix) ?? 0));
  return job.since.kind === "at" && closedAt > job.since.at ? { ...job, since: { kind: "at", at: closedAt } } : job;
}

/** Whether stuck-jobs completed the job less than an hour ago. */
export function wasJustCompleted(job: Job, run: SweepContext, now: Instant): boolean {
  if (job.status !== run.completedStatus) return false;
  const completedAt = lastTime(job.notes, COMPLETED_PREFIX);
  return completedAt !== null && now - completedAt <= VERIFY_FOR;
}

/** `maxAge`: so long failed jobs are probed for late outputs and counted by the brake. Without a maximum it is a day. */
export function lookback(run: SweepContext): Duration {
  return run.policy.thresholds.maxAge ?? DAY;
}

/** Returns the hours that the last hour touched, as the times of notes begin: `2026-03-01T11:`. */
function hoursBefore(now: Instant): readonly string[] {
  return [...new Set([now - VERIFY_FOR, now].map((at) => new Date(at).toISOString().slice(0, 14)))];
}

/** With more days, one each would make the formula longer than it is worth. */
const MAX_DAYS = 31;

/** Returns the days between two instants, as the times of notes begin: `2026-03-01`; for too many, what matches all. */
function daysBetween(from: Instant, to: Instant): readonly string[] {
  const first = Math.floor(from / DAY);
  const count = Math.floor(to / DAY) - first + 1;
  if (count > MAX_DAYS) return [""];
  return Array.from({ length: count }, (_, n) => new Date((first + n) * DAY).toISOString().slice(0, 10));
}

/**
 * Returns the policy for a job. One that stuck-jobs had failed is decided as if failed were a stuck status, at any age:
 * fail-old may have failed it beyond `maxAge`, and what counts is when.
 */
export function effectivePolicy(
  { reopened }: { readonly reopened: boolean },
  run: Pick<SweepContext, "policy" | "failedStatus">,
): Policy {
  if (!reopened) return run.policy;
  const operations = run.policy.operations.map((each) => ({
    ...each,
    thresholds: { ...each.thresholds, maxAge: null },
  }));
  return { ...run.policy, stuckStatuses: [run.failedStatus], operations };
}
