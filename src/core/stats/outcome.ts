import type { Duration, Instant, Job } from "../domain/job.ts";
import {
  COMPLETED_PREFIX,
  FAILED_PREFIX,
  isAfter,
  isOwnError,
  lastLine,
  lastZonedTime,
  OLD_POLLER_PREFIX,
  parseRule,
  UNDELIVERED_PREFIX,
  UNDONE_PREFIX,
} from "../domain/notes.ts";
import { getString, parsePayload } from "../domain/payload.ts";
import type { FinishedJob } from "../ports/ports.ts";

/** Who finished a job. "webhook" is everybody but stuck-jobs: the base does not distinguish the others. */
export type CompletedBy = "webhook" | "polling";

/** How a job ended, or that it did not, by its record. */
export type JobOutcome =
  | {
      readonly kind: "completed";
      readonly by: CompletedBy;
      /** Stuck-jobs had failed it before. */
      readonly late: boolean;
      /** When it was completed; null where that is not recorded. */
      readonly at: Instant | null;
    }
  | { readonly kind: "failed"; readonly by: CompletedBy; readonly reason: string }
  | { readonly kind: "open" }
  | { readonly kind: "other"; readonly status: string };

/** The statuses by which a job's outcome is known. */
export interface Statuses {
  readonly stuckStatuses: readonly string[];
  readonly completedStatus: string;
  readonly failedStatus: string;
}

/** Returns how a job ended. What was undone counts as if it had not been done. */
export function classifyOutcome({ job, completedAt }: FinishedJob, statuses: Statuses): JobOutcome {
  if (job.status === statuses.completedStatus) return completion(job, completedAt);
  if (job.status === statuses.failedStatus) return failure(job);
  if (statuses.stuckStatuses.includes(job.status)) return { kind: "open" };
  return { kind: "other", status: job.status };
}

function completion(job: Job, completedAt: Instant | null): JobOutcome {
  const late = job.notes.includes(FAILED_PREFIX) || isFromOldPoller(job);
  if (!isCompletedByPolling(job)) return { kind: "completed", by: "webhook", late, at: completedAt };
  return { kind: "completed", by: "polling", late, at: lastZonedTime(job.notes, COMPLETED_PREFIX) };
}

function isCompletedByPolling({ notes, responsePayload }: Job): boolean {
  if (isAfter(notes, COMPLETED_PREFIX, [UNDONE_PREFIX])) return true;
  // The poller before stuck-jobs wrote no such line, or one of another form; both write the payload.
  return getString(parsePayload(responsePayload), "completed_via")?.includes("polling") ?? false;
}

function failure(job: Job): JobOutcome {
  const error = job.error ?? "";
  if (job.notes.includes(UNDELIVERED_PREFIX)) {
    return { kind: "failed", by: "polling", reason: "file dropped by Airtable" };
  }
  const ours = isAfter(job.notes, FAILED_PREFIX, [UNDONE_PREFIX]) || isOwnError(error);
  if (ours) return { kind: "failed", by: "polling", reason: findRule(job) };
  if (isFromOldPoller(job)) return { kind: "failed", by: "polling", reason: "timed out (earlier poller)" };
  return { kind: "failed", by: "webhook", reason: normalizeError(error) };
}

/** Returns the rule by which a job was failed. The lines of early versions name none, but their errors differ. */
function findRule({ notes, error }: Job): string {
  const line = lastLine(notes, FAILED_PREFIX) ?? (error ?? "").trimEnd().split("\n").at(-1) ?? "";
  const rule = parseRule(line);
  if (rule !== null) return rule;
  return error === null || error === "" || error.startsWith("No output after") ? "output-absent" : "provider-failed";
}

function isFromOldPoller({ notes, error }: Job): boolean {
  return notes.includes(OLD_POLLER_PREFIX) || (error ?? "").includes(OLD_POLLER_PREFIX);
}

const MAX_REASON_LENGTH = 80;

/** Returns the first line of an error, without what differs from job to job, so that equal reasons count together. */
function normalizeError(error: string): string {
  const [first = ""] = error.trim().split("\n", 1);
  const reason = first
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "…")
    .replaceAll(/\brec[A-Za-z0-9]{14}\b/g, "…")
    .replaceAll(/https?:\/\/\S+/g, "…")
    .trim();
  if (reason === "") return "no reason given";
  return reason.length <= MAX_REASON_LENGTH ? reason : `${reason.slice(0, MAX_REASON_LENGTH - 1)}…`;
}

/** Returns how long a job took until `at`; null where either time is not known, or the order is impossible. */
export function durationUntil({ since }: Pick<Job, "since">, at: Instant | null): Duration | null {
  return at === null || since.kind !== "at" || at < since.at ? null : at - since.at;
}
