import type { Duration, Instant, Job } from "../domain/job.ts";
import {
  COMPLETED_PREFIX,
  FAILED_PREFIX,
  isOwnError,
  OLD_POLLER_PREFIX,
  UNDELIVERED_PREFIX,
  UNDONE_PREFIX,
} from "../domain/notes.ts";
import { getString, parsePayload } from "../domain/payload.ts";
import type { FinishedJob } from "../ports/ports.ts";

/** Who brought a job to its end. "webhook" is everybody but polling: the base does not tell the others apart. */
export type CompletedBy = "webhook" | "polling";

/** How a job ended, or that it did not, as its record tells. Moments and durations are in milliseconds. */
export type JobOutcome =
  | {
      readonly kind: "completed";
      readonly by: CompletedBy;
      /** Polling had failed it before. */
      readonly late: boolean;
      /** When it was completed; null where nothing tells. */
      readonly at: Instant | null;
    }
  | { readonly kind: "failed"; readonly by: CompletedBy; readonly reason: string }
  | { readonly kind: "open" }
  | { readonly kind: "other"; readonly status: string };

/** The statuses by which a job's end is known. */
export interface Statuses {
  readonly stuckStatuses: readonly string[];
  readonly completedStatus: string;
  readonly failedStatus: string;
}

/** How a job ended. What was taken back by `undo` counts as if it had not been done. */
export function classifyOutcome({ job, completedAt }: FinishedJob, statuses: Statuses): JobOutcome {
  if (job.status === statuses.completedStatus) return completion(job, completedAt);
  if (job.status === statuses.failedStatus) return failure(job);
  if (statuses.stuckStatuses.includes(job.status)) return { kind: "open" };
  return { kind: "other", status: job.status };
}

function completion(job: Job, completedAt: Instant | null): JobOutcome {
  const late = job.notes.includes(FAILED_PREFIX) || isFromOldPoller(job);
  if (!completedByPolling(job)) return { kind: "completed", by: "webhook", late, at: completedAt };
  return { kind: "completed", by: "polling", late, at: momentOf(job.notes, COMPLETED_PREFIX) };
}

function completedByPolling({ notes, responsePayload }: Job): boolean {
  if (isLatestNote(notes, COMPLETED_PREFIX)) return true;
  // The poller before this tool wrote no such line, or one of another form; both write the payload.
  return getString(parsePayload(responsePayload), "completed_via")?.includes("polling") ?? false;
}

function failure(job: Job): JobOutcome {
  const error = job.error ?? "";
  const ours = isLatestNote(job.notes, FAILED_PREFIX) || isOwnError(error);
  if (job.notes.includes(UNDELIVERED_PREFIX))
    return { kind: "failed", by: "polling", reason: "file dropped by Airtable" };
  if (ours) return { kind: "failed", by: "polling", reason: ruleOf(job) };
  if (isFromOldPoller(job)) return { kind: "failed", by: "polling", reason: "timed out (earlier poller)" };
  return { kind: "failed", by: "webhook", reason: normalizeError(error) };
}

/** By which rule polling failed it; the lines of early versions did not tell, but their errors begin differently. */
function ruleOf({ notes, error }: Job): string {
  const line = lastLine(notes, FAILED_PREFIX) ?? (error ?? "").trimEnd().split("\n").at(-1) ?? "";
  const [, rule] = /\brule ([a-z-]+)/.exec(line) ?? [];
  if (rule !== undefined) return rule;
  return error === null || error === "" || error.startsWith("No output after") ? "output-absent" : "provider-failed";
}

function isFromOldPoller({ notes, error }: Job): boolean {
  return notes.includes(OLD_POLLER_PREFIX) || (error ?? "").includes(OLD_POLLER_PREFIX);
}

const MOST_WORDS = 80;

/** The first line of an error, without what differs from job to job, so that equal reasons are counted together. */
function normalizeError(error: string): string {
  const [first = ""] = error.trim().split("\n", 1);
  const alike = first
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/gi, "…")
    .replaceAll(/\brec[A-Za-z0-9]{14}\b/g, "…")
    .replaceAll(/https?:\/\/\S+/g, "…")
    .trim();
  if (alike === "") return "no reason given";
  return alike.length <= MOST_WORDS ? alike : `${alike.slice(0, MOST_WORDS - 1)}…`;
}

/** Whether a line of that kind is there and was not taken back afterwards. */
function isLatestNote(notes: string, mark: string): boolean {
  const at = notes.lastIndexOf(mark);
  return at !== -1 && at > notes.lastIndexOf(UNDONE_PREFIX);
}

/** The last line of a kind, from its mark on; null where there is none. */
export function lastLine(notes: string, mark: string): string | null {
  const at = notes.lastIndexOf(mark);
  return at === -1 ? null : (notes.slice(at).split("\n", 1)[0] ?? null);
}

/** A zone is demanded: earlier pollers wrote local times without one. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})/;

function momentOf(notes: string, mark: string): Instant | null {
  const [moment] = MOMENT.exec(lastLine(notes, mark)?.slice(mark.length) ?? "") ?? [];
  const at = moment === undefined ? Number.NaN : Date.parse(moment);
  return Number.isNaN(at) ? null : at;
}

/** From where a job's age counts to its end; null where either is not known, or the order is impossible. */
export function durationOf({ since }: Pick<Job, "since">, at: Instant | null): Duration | null {
  return at === null || since.kind !== "at" || at < since.at ? null : at - since.at;
}
