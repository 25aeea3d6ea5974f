import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Job } from "../../domain/job.ts";
import type { AtomicWrite, AtomicWriter } from "../../ports/atomic-writer.ts";
import { UpstreamError } from "../../ports/errors.ts";
import type { Change, JournalCell, JournalFile, JournalJob, PendingWrite } from "../../ports/journal.ts";
import type {
  Attachment,
  AttachmentValue,
  CellValue,
  JobUpdate,
  TargetRecord,
  TargetUpdate,
  WriteLimit,
  WriteResult,
} from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import type { DecidedItem, SweepItem } from "../item.ts";

/** Why something is written: the verdict on an item, with its evidence. */
export interface WriteContext extends DecidedItem {
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
  /** The sizes of the files that are handed over by URL, by their names. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** A job, and the target that is written with it; null where none is. */
export interface CombinedWrite {
  readonly job: JobWrite;
  readonly target: (TargetWrite & { readonly table: string }) | null;
}

/** Writes jobs together with their targets, each pair in one transaction. Returns the results in their order. */
export async function writeTogether(
  writes: readonly CombinedWrite[],
  atomic: AtomicWriter,
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  const { journal } = run;
  const planned = writes.map(({ job, target }): AtomicWrite => {
    const records = () => [...(target === null ? [] : [pendingTarget(target.table, target)]), pendingJob(job)];
    return {
      job: { read: job.job, update: job.update },
      target: target === null ? null : { table: target.table, read: target.record, update: target.update },
      records: journal === null ? [] : records(),
    };
  });
  return await rememberingOwn(
    writes.map(({ job }) => job),
    () => writeInTransactions(planned, atomic, run),
    run,
  );
}

/** Writes each in one transaction, after the journal has recorded it or with the journal's rows in it. */
export async function writeInTransactions(
  planned: readonly AtomicWrite[],
  atomic: AtomicWriter,
  {
    journal,
    signature,
    command,
    limits,
  }: Pick<SweepContext, "journal" | "signature" | "limits"> & {
    readonly command: string;
  },
): Promise<readonly WriteResult[]> {
  const by = { ...signature, command };
  if (journal === null || atomic.keepsJournal) return await atomic.write(planned, by, limits.writes);
  const complete = await journal.recordIntent(
    planned.flatMap(({ records }) => records),
    by,
  );
  const results = await atomic.write(planned, by, limits.writes);
  await complete(planned.flatMap(({ records }, n) => records.flatMap(() => results[n] ?? [])));
  return results;
}

/**
 * Writes at most ten jobs in one request, after the journal has recorded it; in one transaction where the store has
 * them. Returns the results in their order.
 */
export async function writeJobs(
  writes: readonly JobWrite[],
  limit: WriteLimit,
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  if (run.atomic !== null) {
    return await writeTogether(
      writes.map((job) => ({ job, target: null })),
      run.atomic,
      run,
    );
  }
  const pending = () => writes.map(pendingJob);
  const updates = writes.map(({ update }) => update);
  const write = () => run.store.updateJobs(updates, limit);
  return await rememberingOwn(writes, () => withJournal(pending, write, run), run);
}

/** Writes at most ten targets in one request, after the journal has recorded it. Returns the results in their order. */
export async function writeTargets(
  table: string,
  writes: readonly TargetWrite[],
  limit: WriteLimit,
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  const pending = () => writes.map((write) => pendingTarget(table, write));
  const updates = writes.map(({ update }) => update);
  const write = () => run.store.updateTargets(table, updates, limit);
  return await rememberingOwn(writes, () => withJournal(pending, write, run), run);
}

/** Writes, and remembers for which jobs: what the sweep read of the journal before does not show it. */
async function rememberingOwn<T>(
  contexts: readonly WriteContext[],
  write: () => Promise<T>,
  { past }: SweepContext,
): Promise<T> {
  try {
    return await write();
  } finally {
    for (const { item } of contexts) past.addOwn(item.job.id);
  }
}

/** Records in the journal what is to be written, writes, and records the results: after an upstream error nothing was. */
export async function withJournal(
  pending: () => readonly PendingWrite[],
  write: () => Promise<readonly WriteResult[]>,
  { journal, signature, command }: Pick<SweepContext, "journal" | "signature"> & { readonly command: string },
): Promise<readonly WriteResult[]> {
  if (journal === null) return await write();
  const announced = pending();
  const complete = await journal.recordIntent(announced, { ...signature, command });
  let results: readonly WriteResult[];
  try {
    results = await write();
  } catch (error) {
    if (error instanceof UpstreamError) await complete(announced.map((each) => asRefused(each, error)));
    throw error;
  }
  await complete(results);
  return results;
}

function asRefused({ target, job }: PendingWrite, { message }: UpstreamError): WriteResult {
  return { kind: "refused", id: target?.id ?? job.id, error: message };
}

/** Returns an item's job as the journal names it. */
export function toJournalJob({ job, operation, age }: SweepItem): JournalJob {
  const since = job.since.kind === "at" ? job.since.at : null;
  return { id: job.id, externalId: job.externalId, operation, age, since };
}

function pendingJob({ job, update, ...context }: JobWrite): PendingWrite {
  return toPendingWrite(context, { target: null, fields: changesOfJob(job, update), note: addedLine(update) });
}

function pendingTarget(table: string, { record, update, sizes, ...context }: TargetWrite): PendingWrite {
  const target = { table, id: update.id };
  return toPendingWrite(context, { target, fields: changesOfTarget(record, update, sizes), note: null });
}

function toPendingWrite(
  { item, evidence, verdict, calibration }: WriteContext,
  write: Pick<PendingWrite, "target" | "fields" | "note">,
): PendingWrite {
  const { probeGroups, providerReply } = evidence;
  const provider =
    providerReply === null
      ? null
      : { name: providerReply.provider, kind: providerReply.answer.kind, detail: providerReply.answer.detail };
  return {
    job: toJournalJob(item),
    ...write,
    reason: verdict.reason,
    detail: verdict.detail,
    supersededBy: verdict.reason === "superseded" ? verdict.supersededBy : null,
    evidence: { probes: probeGroups.flat(), provider, calibration },
    undoes: null,
  };
}

/** Returns the changes of a job's fields by `update`, apart from the notes, to which a line is added. */
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

/** Returns the changes of a target's fields by `update`. */
export function changesOfTarget(
  { attachments, cells }: TargetRecord,
  { fields }: TargetUpdate,
  sizes: ReadonlyMap<string, number>,
): Readonly<Record<string, Change>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (!isAttachments(value)) return [name, { before: readCell(cells[name]), after: value }];
      const held = attachments[name] ?? [];
      return [
        name,
        { before: held.map(toJournalFile), after: value.map((entry) => toWrittenFile(entry, held, sizes)) },
      ];
    }),
  );
}

export function isAttachments(value: CellValue): value is AttachmentValue {
  return Array.isArray(value);
}

/** Returns a file as the journal names it, without its URL. */
export function toJournalFile({ id, filename, size }: Attachment): JournalFile {
  return { id, filename, size };
}

function toWrittenFile(
  entry: AttachmentValue[number],
  held: readonly Attachment[],
  sizes: ReadonlyMap<string, number>,
): JournalFile {
  if ("url" in entry) {
    const filename = fileNameOf(entry.url);
    return { id: null, filename, size: sizes.get(filename) ?? null };
  }
  const kept = held.find(({ id }) => id === entry.id);
  return kept === undefined ? { id: entry.id, filename: "", size: null } : toJournalFile(kept);
}

/** Returns a cell that is no attachment as the journal holds it. */
export function readCell(value: unknown): JournalCell {
  if (value === undefined || value === null || value === "") return null;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return { opaque: JSON.stringify(value) };
}

/** Returns the line that an update adds to the notes; null where it adds none. */
function addedLine({ notes }: JobUpdate): string | null {
  return notes === undefined ? null : (notes.split("\n").at(-1) ?? null);
}
