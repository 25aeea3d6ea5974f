import type { Instant } from "../domain/job.ts";
import { COMPLETED_PREFIX } from "../domain/notes.ts";
import type { FinishedJob } from "../ports/ports.ts";
import type { JournaledWebhook, JournaledWrite } from "../undo/change-sets.ts";
import { type JobOutcome, lastLine, type Statuses } from "./outcome.ts";

/** What the journal tells that this tool did about one job. */
export interface JournaledOutcome {
  readonly job: JournaledWrite["job"];
  /** The end that it brought the job to; null where it was taken back. */
  readonly ending: RescueEnding | null;
  /** Whether it had failed the job before it completed it, or another hand did. */
  readonly failed: boolean;
  /** The runs whose work on the job was taken back. */
  readonly undone: readonly string[];
}

/**
 * `certain`: the base confirmed the write. One whose answer was lost left its trace in the record, or did not come about.
 * A webhook that was sent again is certain of nothing: the base has to tell what its handler did.
 */
type RescueEnding = { readonly at: Instant; readonly run: string; readonly certain: boolean } & (
  | { readonly kind: "completed"; readonly via: "direct" | "webhook" }
  | { readonly kind: "failed"; readonly reason: string }
);

/** What of a job's end the journal told, and not its record. */
export type JournalContribution = "completion" | "webhook" | "failure" | "late" | "moment" | "undone";

/** What the journal tells of each job, by record id. Writes and webhooks come in the order in which they were announced. */
export function rescuesOf(
  writes: readonly JournaledWrite[],
  webhooks: readonly JournaledWebhook[],
  statuses: Statuses,
): ReadonlyMap<string, JournaledOutcome> {
  const deeds = new Map<string, { job: JournaledWrite["job"]; endings: RescueEnding[]; undone: string[] }>();
  const deedOf = (job: JournaledWrite["job"]) => {
    const known = deeds.get(job.id) ?? { job, endings: [], undone: [] };
    // An undo does not tell of what kind the job is, nor from when it counts.
    if (known.job.since === null) known.job = job;
    deeds.set(job.id, known);
    return known;
  };
  for (const { at, run, job } of webhooks) {
    deedOf(job).endings.push({ kind: "completed", via: "webhook", at, run, certain: false });
  }
  for (const { at, run, role, job, fields, reason, undoes, possiblyApplied, confirmed } of writes) {
    if (role !== "job" || !possiblyApplied) continue;
    const deed = deedOf(job);
    if (undoes !== null) {
      deed.undone.push(undoes);
      deed.endings = deed.endings.filter((ending) => ending.run !== undoes);
      continue;
    }
    const status = fields.status?.after;
    const known = { at, run, certain: confirmed };
    if (status === statuses.completedStatus) deed.endings.push({ kind: "completed", via: "direct", ...known });
    if (status === statuses.failedStatus) deed.endings.push({ kind: "failed", reason, ...known });
  }
  return new Map(
    [...deeds].map(([id, { job, endings, undone }]) => {
      const inOrder = endings.toSorted((a, b) => a.at - b.at);
      const failed = inOrder.some(({ kind, certain }) => kind === "failed" && certain);
      return [id, { job, ending: inOrder.at(-1) ?? null, failed, undone }];
    }),
  );
}

/**
 * A job's end as its record tells it, with what the journal knows and the record does not. The status is the base's
 * word: a journal never makes a job another than it is, it tells by whom, when and why it became so.
 */
export function mergeWithJournal(
  ending: JobOutcome,
  { job, completedAt }: FinishedJob,
  rescue: JournaledOutcome | undefined,
): { readonly ending: JobOutcome; readonly told: readonly JournalContribution[] } {
  if (rescue === undefined) return { ending, told: [] };
  const { ending: known, undone } = rescue;
  if (ending.kind === "failed") {
    if (ending.by === "polling" || known?.kind !== "failed" || !known.certain) return { ending, told: [] };
    return { ending: { kind: "failed", by: "polling", reason: known.reason }, told: ["failure"] };
  }
  if (ending.kind !== "completed") return { ending, told: [] };
  const late: readonly JournalContribution[] = rescue.failed && !ending.late ? ["late"] : [];
  const base = { ...ending, late: ending.late || rescue.failed };
  if (ending.by === "polling") {
    if (known?.kind !== "completed" && tracesOf(job).some((trace) => undone.some((run) => trace.includes(run)))) {
      return { ending: { ...base, by: "webhook", at: completedAt }, told: ["undone", ...late] };
    }
    if (ending.at !== null || known?.kind !== "completed") return { ending: base, told: late };
    return { ending: { ...base, at: known.at }, told: ["moment", ...late] };
  }
  const isKnown = known?.kind === "completed" && (known.certain || known.via === "webhook");
  if (!isKnown) return { ending: base, told: late };
  const told = known.via === "webhook" ? "webhook" : "completion";
  return { ending: { ...base, by: "polling", at: known.at }, told: [told, ...late] };
}

/** Where a completed job's record tells which run completed it. */
function tracesOf({ notes, responsePayload }: FinishedJob["job"]): readonly string[] {
  return [lastLine(notes, COMPLETED_PREFIX) ?? "", responsePayload];
}
