import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Job } from "../../domain/job.ts";
import type { Announced, Change, JournalCell, JournalFile, JournalJob } from "../../ports/journal.ts";
import type {
  Attachment,
  AttachmentValue,
  CellValue,
  JobUpdate,
  TargetRecord,
  TargetUpdate,
  WriteResult,
} from "../../ports/ports.ts";
import type { Run } from "../context.ts";
import type { Case } from "../item.ts";

/** What a write is told by. */
export interface Told {
  readonly item: Case;
  readonly calibration: Calibration | null;
}

/** A job as it was just read, and what is to be written to it. */
export interface JobWrite extends Told {
  readonly job: Job;
  readonly update: JobUpdate;
}

/** A target as it was just read, and what is to be written to it. */
export interface TargetWrite extends Told {
  readonly record: TargetRecord;
  readonly update: TargetUpdate;
  /** How large the files are that are handed over by URL, by their names. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** Writes at most ten jobs in one request, once the journal has it. The results are in the order of `writes`. */
export async function writeJobs(writes: readonly JobWrite[], run: Run): Promise<readonly WriteResult[]> {
  const updates = writes.map(({ update }) => update);
  const announced = () =>
    writes.map(({ job, update, ...told }) =>
      announcedOf(told, { target: null, fields: changesOfJob(job, update), note: lineAdded(update) }),
    );
  return await journaled(announced, () => run.store.updateJobs(updates, run.limits.writes), run);
}

/** Writes at most ten targets in one request, once the journal has it. The results are in the order of `writes`. */
export async function writeTargets(
  table: string,
  writes: readonly TargetWrite[],
  run: Run,
): Promise<readonly WriteResult[]> {
  const updates = writes.map(({ update }) => update);
  const announced = () =>
    writes.map(({ record, update, sizes, ...told }) =>
      announcedOf(told, {
        target: { table, id: update.id },
        fields: changesOfTarget(record, update, sizes),
        note: null,
      }),
    );
  return await journaled(announced, () => run.store.updateTargets(table, updates, run.limits.writes), run);
}

/** Lets the journal have what is to be written, writes, and lets it have what came of it. */
export async function journaled(
  announced: () => readonly Announced[],
  write: () => Promise<readonly WriteResult[]>,
  { journal, signature, command }: Pick<Run, "journal" | "signature"> & { readonly command: string },
): Promise<readonly WriteResult[]> {
  if (journal === null) return await write();
  const settle = await journal.announce(announced(), { ...signature, command });
  const results = await write();
  await settle(results);
  return results;
}

/** A case's job as the journal names it. */
export function journalJobOf({ job, operation, age }: Pick<Case, "job" | "operation" | "age">): JournalJob {
  const since = job.since.kind === "at" ? job.since.at : null;
  return { id: job.id, externalId: job.externalId, operation, age, since };
}

function announcedOf({ item, calibration }: Told, rest: Pick<Announced, "target" | "fields" | "note">): Announced {
  const { job, operation, age, looks, consultation, verdict } = item;
  const provider =
    consultation === null
      ? null
      : { name: consultation.provider, kind: consultation.answer.kind, detail: consultation.answer.detail };
  return {
    job: journalJobOf({ job, operation, age }),
    ...rest,
    reason: verdict?.reason ?? "",
    detail: verdict?.detail ?? "",
    evidence: { sightings: looks.flat(), provider, calibration },
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
      if (!isAttachments(value)) return [name, { before: cellOf(cells[name]), after: value }];
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
export function cellOf(value: unknown): JournalCell {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return { opaque: JSON.stringify(value) };
}

function lineAdded({ notes }: JobUpdate): string | null {
  return notes === undefined ? null : (notes.split("\n").at(-1) ?? null);
}
