import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Job } from "../../domain/job.ts";
import type { Change, JournalCell, JournalFile, JournalJob, PendingWrite } from "../../ports/journal.ts";
import type {
  Attachment,
  AttachmentValue,
  CellValue,
  JobUpdate,
  TargetRecord,
  TargetUpdate,
  WriteResult,
} from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";

/** What a write is told by. */
export interface WriteContext {
  readonly item: SweepItem;
  readonly calibration: Calibration | null;
}

/** A job as it was just read, and what is to be written to it. */
export interface JobWrite extends WriteContext {
  readonly job: Job;
  readonly update: JobUpdate;
}

/** A target as it was just read, and what is to be written to it. */
export interface TargetWrite extends WriteContext {
  readonly record: TargetRecord;
  readonly update: TargetUpdate;
  /** How large the files are that are handed over by URL, by their names. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** Writes at most ten jobs in one request, once the journal has it. The results are in the order of `writes`. */
export async function writeJobs(writes: readonly JobWrite[], run: SweepContext): Promise<readonly WriteResult[]> {
  const updates = writes.map(({ update }) => update);
  const announced = () =>
    writes.map(({ job, update, ...told }) =>
      toPendingWrite(told, { target: null, fields: changesOfJob(job, update), note: lineAdded(update) }),
    );
  return await withJournal(announced, () => run.store.updateJobs(updates, run.limits.writes), run);
}

/** Writes at most ten targets in one request, once the journal has it. The results are in the order of `writes`. */
export async function writeTargets(
  table: string,
  writes: readonly TargetWrite[],
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  const updates = writes.map(({ update }) => update);
  const announced = () =>
    writes.map(({ record, update, sizes, ...told }) =>
      toPendingWrite(told, {
        target: { table, id: update.id },
        fields: changesOfTarget(record, update, sizes),
        note: null,
      }),
    );
  return await withJournal(announced, () => run.store.updateTargets(table, updates, run.limits.writes), run);
}

/** Lets the journal have what is to be written, writes, and lets it have what came of it. */
export async function withJournal(
  announced: () => readonly PendingWrite[],
  write: () => Promise<readonly WriteResult[]>,
  { journal, signature, command }: Pick<SweepContext, "journal" | "signature"> & { readonly command: string },
): Promise<readonly WriteResult[]> {
  if (journal === null) return await write();
  const settle = await journal.recordIntent(announced(), { ...signature, command });
  const results = await write();
  await settle(results);
  return results;
}

/** A case's job as the journal names it. */
export function journalJobOf({ job, operation, age }: Pick<SweepItem, "job" | "operation" | "age">): JournalJob {
  const since = job.since.kind === "at" ? job.since.at : null;
  return { id: job.id, externalId: job.externalId, operation, age, since };
}

function toPendingWrite(
  { item, calibration }: WriteContext,
  rest: Pick<PendingWrite, "target" | "fields" | "note">,
): PendingWrite {
  const { job, operation, age, probeGroups, providerReply, verdict } = item;
  const provider =
    providerReply === null
      ? null
      : { name: providerReply.provider, kind: providerReply.answer.kind, detail: providerReply.answer.detail };
  return {
    job: journalJobOf({ job, operation, age }),
    ...rest,
    reason: verdict?.reason ?? "",
    detail: verdict?.detail ?? "",
    evidence: { probes: probeGroups.flat(), provider, calibration },
    undoes: null,
  };
}

/** The fields of a job that `update` sets, apart from the notes, to which a line is added. */
export function changesOfJob(job: Job, update: JobUpdate): Readonly<Record<string, Change>> {
  const changes: Record<string, Change> = {};
  const put = (name: string, before: string, after: string | null | undefined) => {
    if (after !== undefined)
      changes[name] = { before: before === "" ? null : before, after: after === "" ? null : after };
  };
  put("status", job.status, update.status);
  put("responsePayload", job.responsePayload, update.responsePayload);
  put("error", job.error ?? "", update.error);
  return changes;
}

/** The fields of a target that `update` sets. */
export function changesOfTarget(
  { attachments, cells }: TargetRecord,
  { fields }: TargetUpdate,
  sizes: ReadonlyMap<string, number>,
): Readonly<Record<string, Change>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (!isAttachments(value)) return [name, { before: readCell(cells[name]), after: value }];
      const held = attachments[name] ?? [];
      return [name, { before: held.map(fileOf), after: value.map((entry) => fileWritten(entry, held, sizes)) }];
    }),
  );
}

export function isAttachments(value: CellValue): value is AttachmentValue {
  return Array.isArray(value);
}

/** A file as it was read, without its URL. */
export function fileOf({ id, filename, size }: Attachment): JournalFile {
  return { id, filename, size };
}

function fileWritten(
  entry: AttachmentValue[number],
  held: readonly Attachment[],
  sizes: ReadonlyMap<string, number>,
): JournalFile {
  if ("url" in entry) {
    const filename = fileNameOf(entry.url);
    return { id: null, filename, size: sizes.get(filename) ?? null };
  }
  const kept = held.find(({ id }) => id === entry.id);
  return kept === undefined ? { id: entry.id, filename: "", size: null } : fileOf(kept);
}

/** What a cell that is no attachment held. */
export function readCell(value: unknown): JournalCell {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return { opaque: JSON.stringify(value) };
}

function lineAdded({ notes }: JobUpdate): string | null {
  return notes === undefined ? null : (notes.split("\n").at(-1) ?? null);
}
