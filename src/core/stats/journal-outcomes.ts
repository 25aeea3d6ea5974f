import type { Instant } from "../domain/job.ts";
import { COMPLETED_PREFIX, lastLine } from "../domain/notes.ts";
import { type JournaledWebhook, type JournaledWrite, UNDO_WITHDRAWN } from "../ports/journal.ts";
import type { FinishedJob } from "../ports/ports.ts";
import type { JobOutcome, Statuses } from "./outcome.ts";

/** What the journal knows of one job. */
export interface JournaledOutcome {
  readonly job: JournaledWrite["job"];
  /** The outcome that stuck-jobs brought about last; null where it was undone. */
  readonly outcome: WrittenOutcome | null;
  /** Whether stuck-jobs had failed the job before it, or someone else, completed it. */
  readonly failed: boolean;
  /** The runs whose work on the job was undone. */
  readonly undone: readonly string[];
}

/**
 * `certain`: the base confirmed the write. One whose answer was lost left its mark in the record, or was not carried
 * out. A webhook that was sent again is never certain: only the base shows what its handler did.
 */
type WrittenOutcome = { readonly at: Instant; readonly run: string; readonly certain: boolean } & (
  | { readonly kind: "completed"; readonly via: "direct" | "webhook" }
  | { readonly kind: "failed"; readonly reason: string }
);

/** What of a job's outcome only the journal knows, and not its record. */
export type JournalContribution = "completion" | "webhook" | "failure" | "late" | "moment" | "undone";

/** Returns what the journal knows of each job, by record id. Writes and webhooks are in the order of the journal. */
export function readJournaledOutcomes(
  writes: readonly JournaledWrite[],
  webhooks: readonly JournaledWebhook[],
  statuses: Statuses,
): ReadonlyMap<string, JournaledOutcome> {
  interface Known {
    job: JournaledWrite["job"];
    outcomes: WrittenOutcome[];
    undone: string[];
  }
  const byJob = new Map<string, Known>();
  const knownOf = (job: JournaledWrite["job"]) => {
    const known = byJob.get(job.id) ?? { job, outcomes: [], undone: [] };
    // The lines of an undo hold neither the operation of the job nor its date.
    if (known.job.since === null) known.job = job;
    byJob.set(job.id, known);
    return known;
  };
  for (const { at, run, job } of webhooks) {
    knownOf(job).outcomes.push({ kind: "completed", via: "webhook", at, run, certain: false });
  }
  for (const { at, run, role, job, fields, reason, undoes, possiblyApplied, confirmed } of writes) {
    if (role !== "job" || !possiblyApplied) continue;
    const known = knownOf(job);
    if (undoes !== null && reason !== UNDO_WITHDRAWN) {
      known.undone.push(undoes);
      known.outcomes = known.outcomes.filter((outcome) => outcome.run !== undoes);
      continue;
    }
    if (undoes !== null) known.undone = known.undone.filter((each) => each !== undoes);
    const status = fields.status?.after;
    const written = { at, run: undoes ?? run, certain: confirmed };
    if (status === statuses.completedStatus) known.outcomes.push({ kind: "completed", via: "direct", ...written });
    if (status === statuses.failedStatus) known.outcomes.push({ kind: "failed", reason, ...written });
  }
  return new Map(
    [...byJob].map(([id, { job, outcomes, undone }]) => {
      const inOrder = outcomes.toSorted((a, b) => a.at - b.at);
      const failed = inOrder.some(({ kind, certain }) => kind === "failed" && certain);
      return [id, { job, outcome: inOrder.at(-1) ?? null, failed, undone }];
    }),
  );
}

/**
 * Returns a job's outcome by its record, completed by what the journal knows and the record does not. The status of the
 * base counts: a journal never makes a job another than it is, it adds by whom, when and why it became so.
 */
export function mergeWithJournal(
  outcome: JobOutcome,
  { job, completedAt }: FinishedJob,
  journaled: JournaledOutcome | undefined,
): { readonly outcome: JobOutcome; readonly contributions: readonly JournalContribution[] } {
  if (journaled === undefined) return { outcome, contributions: [] };
  const { outcome: known, undone } = journaled;
  if (outcome.kind === "failed") {
    const isCertain = known?.kind === "failed" && known.certain;
    if (outcome.by === "polling" || !isCertain) return { outcome, contributions: [] };
    return { outcome: { kind: "failed", by: "polling", reason: known.reason }, contributions: ["failure"] };
  }
  if (outcome.kind !== "completed") return { outcome, contributions: [] };
  const late: readonly JournalContribution[] = journaled.failed && !outcome.late ? ["late"] : [];
  const base = { ...outcome, late: outcome.late || journaled.failed };
  if (outcome.by === "polling") {
    if (known?.kind !== "completed" && isByRunOf(undone, job)) {
      return { outcome: { ...base, by: "webhook", at: completedAt }, contributions: ["undone", ...late] };
    }
    if (outcome.at !== null || known?.kind !== "completed") return { outcome: base, contributions: late };
    return { outcome: { ...base, at: known.at }, contributions: ["moment", ...late] };
  }
  const isKnown = known?.kind === "completed" && (known.certain || known.via === "webhook");
  if (!isKnown) return { outcome: base, contributions: late };
  const contribution = known.via === "webhook" ? "webhook" : "completion";
  return { outcome: { ...base, by: "polling", at: known.at }, contributions: [contribution, ...late] };
}

/** Whether a completed job's record names one of these runs as the one that completed it. */
function isByRunOf(runs: readonly string[], { notes, responsePayload }: FinishedJob["job"]): boolean {
  const texts = [lastLine(notes, COMPLETED_PREFIX) ?? "", responsePayload];
  return texts.some((text) => runs.some((run) => text.includes(run)));
}
