import type { Instant, Job } from "../domain/job.ts";
import { chunk, groupBy } from "../domain/lists.ts";
import type { AtomicWrite } from "../ports/atomic-writer.ts";
import { isUpstreamFailure, type UpstreamFailure } from "../ports/errors.ts";
import { type Change, type PendingWrite, UNDO_WITHDRAWN } from "../ports/journal.ts";
import type { JobUpdate, TargetRecord, TargetUpdate, WriteLimit, WriteResult, WrittenCell } from "../ports/ports.ts";
import { batches, READ_BATCH, WRITE_BATCH } from "../sweep/apply/batches.ts";
import { withJournal, writeInTransactions } from "../sweep/apply/journaled-writes.ts";
import { MAX_READ_AGE_MS, writeLimit } from "../sweep/apply/recovery.ts";
import { serverNow } from "../sweep/clock-skew.ts";
import type { SweepContext } from "../sweep/context.ts";
import type { ChangeSet, RecordWrites } from "./change-sets.ts";
import { fieldsToCompare, planJobRestore, planTargetRestore, type RestorePlan } from "./plan-restore.ts";

/** The reason of the writes of an undo in the journal. */
const UNDONE = "undone";

/** How often a portion is read and written when answers are lost; one more read finds out about the last write. */
const MAX_ATTEMPTS = 4;

/** The result for one record. */
export type UndoOutcome = "restored" | "as-it-was" | "changed-since" | "cannot";

/** A record that a run had written, with the result of undoing that; in a dry run, with the planned one. */
export interface Undone {
  readonly role: "job" | "target";
  readonly table: string;
  readonly id: string;
  /** The job for whose sake the record was written. */
  readonly job: string;
  readonly outcome: UndoOutcome;
  readonly detail: string;
  /** What was restored, by field. */
  readonly fields: Readonly<Record<string, Change>>;
}

/** Everything that an undo is given. */
export type UndoContext = Pick<
  SweepContext,
  "store" | "atomic" | "clock" | "random" | "limits" | "signature" | "dryRun" | "completedStatus" | "journal"
> & {
  /** Redacts a text as it was redacted for the journal, with which it is compared. */
  readonly redact: (text: string) => string;
  /** The fields of jobs that the base does not have. */
  readonly absent: ReadonlySet<"responsePayload" | "error" | "notes">;
};

/**
 * Restores what a run wrote, wherever a record still holds it: fifty change sets at a time, the jobs first and then
 * their targets, so that no completed job ever points at a target that was emptied. What was left without a
 * trustworthy answer is read again. `fault` is what cut it short; what was not reached by then is reported so.
 */
export async function undo(
  changeSets: readonly ChangeSet[],
  run: UndoContext,
): Promise<{ readonly records: readonly Undone[]; readonly fault: UpstreamFailure | null }> {
  const progress: UndoProgress = { results: new Map(), sent: new Map(), restored: new Map() };
  let fault: UpstreamFailure | null = null;
  try {
    for (const portion of chunk(changeSets, READ_BATCH)) {
      if (run.limits.start.aborted) break;
      await undoPortion(portion, progress, run);
    }
  } catch (error) {
    if (isUpstreamFailure(error)) fault = error;
    else if (!run.limits.reads.aborted && !run.limits.writes.aborted) throw error;
  }
  const all = changeSets.flatMap(recordsOf);
  for (const record of all) {
    if (!progress.results.has(keyOf(record))) setResult(progress, record, describeUnfinished(record, progress));
  }
  return { records: all.flatMap((record) => progress.results.get(keyOf(record)) ?? []), fault };
}

/** What is known by now: the results for records, and what was sent to restore them. */
interface UndoProgress {
  readonly results: Map<string, Undone>;
  readonly sent: Map<string, RestorePlan<unknown>>;
  readonly restored: Map<string, RestoredJob>;
}

/** A job as it was before the undo, and what was sent to restore it. */
interface RestoredJob {
  readonly before: Job;
  readonly plan: RestorePlan<JobUpdate> & { readonly kind: "restore" };
}

/** A record of a change set. */
interface RecordRef {
  readonly role: "job" | "target";
  readonly changeSet: ChangeSet;
  readonly written: RecordWrites;
}

/** A job right after it was read. */
interface CurrentJob extends RecordRef {
  readonly current: Job | undefined;
  readonly plan: RestorePlan<JobUpdate>;
}

/** A target right after it was read. */
interface CurrentTarget extends RecordRef {
  readonly current: TargetRecord | undefined;
  readonly plan: RestorePlan<TargetUpdate>;
}

interface CurrentChangeSet {
  readonly changeSet: ChangeSet;
  readonly jobs: readonly CurrentJob[];
  readonly targets: readonly CurrentTarget[];
  /** A job of another run that is completed, and would be left without its file. */
  readonly dependent: ChangeSet["dependents"][number] | null;
}

/** Returns the records that are reported for a change set. A job that is only read is none of them. */
function recordsOf(changeSet: ChangeSet): readonly RecordRef[] {
  const jobs = changeSet.jobs.filter(({ writes }) => writes.length > 0);
  return [
    ...jobs.map((written): RecordRef => ({ role: "job", changeSet, written })),
    ...changeSet.targets.map((written): RecordRef => ({ role: "target", changeSet, written })),
  ];
}

async function undoPortion(portion: readonly ChangeSet[], progress: UndoProgress, run: UndoContext): Promise<void> {
  let pending = portion;
  let batchSize = Number.POSITIVE_INFINITY;
  for (let round = 1; pending.length > 0; round += 1) {
    if (round > 1) await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
    const { current, readAt } = await readChangeSets(pending, run);
    for (const each of current) decideWithoutWrite(each, progress, run);
    if (run.dryRun || round > MAX_ATTEMPTS) return;
    const send = async <T extends CurrentJob | CurrentTarget>(
      records: readonly T[],
      write: (batch: readonly T[], limit: WriteLimit) => Promise<readonly WriteResult[]>,
    ) => {
      const all = batches(records, ({ written }) => written.id);
      for (const batch of all.flatMap((each) => (each.length <= batchSize ? [each] : chunk(each, 1)))) {
        if (run.clock.now() - readAt > MAX_READ_AGE_MS) return;
        const unsent = batch.filter((record) => !progress.sent.has(keyOf(record)));
        for (const record of batch) progress.sent.set(keyOf(record), record.plan);
        const results = await write(batch, writeLimit([readAt], run.limits.writes));
        for (const [n, record] of batch.entries()) {
          recordWriteResult(progress, record, results[n]);
          // The base was so slow that it was not sent.
          if (results[n]?.kind === "stale" && unsent.includes(record)) progress.sent.delete(keyOf(record));
        }
        if (results.some(({ kind }) => kind === "batch-rejected")) batchSize = 1;
      }
    };
    const jobs = current.flatMap((each) => each.jobs.filter((record) => isOpen(record, progress)));
    for (const record of jobs) keepJob(record, progress);
    await send(jobs, (batch, limit) => writeJobs(batch, limit, run));
    const ready = current.filter((each) => jobsRestored(each, progress));
    const targets = ready.flatMap((each) => each.targets.filter((record) => isOpen(record, progress)));
    for (const [table, group] of groupBy(targets, ({ written }) => written.table)) {
      await send(group, (batch, limit) => writeTargets(table, batch, limit, run));
    }
    await withdrawJobs(ready, progress, run);
    pending = current
      .filter((each) => [...each.jobs, ...each.targets].some((record) => isOpen(record, progress)))
      .map(({ changeSet }) => changeSet);
  }
}

async function readChangeSets(
  changeSets: readonly ChangeSet[],
  run: UndoContext,
): Promise<{ readonly current: readonly CurrentChangeSet[]; readonly readAt: Instant }> {
  const jobIds = changeSets.flatMap(({ jobs, dependents }) => [...jobs, ...dependents].map(({ id }) => id));
  const jobs = new Map<string, Job>();
  const readAt = run.clock.now();
  for (const ids of chunk([...new Set(jobIds)], READ_BATCH)) {
    for (const [id, job] of await run.store.readJobs(ids, run.limits.reads)) jobs.set(id, job);
  }
  const targets = new Map<string, TargetRecord>();
  const asStored = new Map<RecordWrites, RecordWrites>();
  const wanted = changeSets.flatMap((changeSet) => changeSet.targets);
  for (const [table, group] of groupBy(wanted, (target) => target.table)) {
    for (const ids of chunk([...new Set(group.map(({ id }) => id))], READ_BATCH)) {
      const records = await run.store.readTargets(table, ids, fieldsToCompare(group), run.limits.reads);
      for (const [id, record] of records) targets.set(`${table} ${id}`, record);
    }
    for (const [n, written] of (await inStoredForm(table, group, run)).entries()) {
      const original = group[n];
      if (original !== undefined) asStored.set(original, written);
    }
  }
  const by = { at: serverNow(run), by: run.signature, redact: run.redact, absent: run.absent };
  const current = changeSets.map((changeSet): CurrentChangeSet => {
    return {
      changeSet,
      jobs: changeSet.jobs.map((written): CurrentJob => {
        const job = jobs.get(written.id);
        const plan = planJobRestore(written, job, { run: changeSet.run, ...by });
        return { role: "job", changeSet, written, current: job, plan };
      }),
      targets: changeSet.targets.map((written): CurrentTarget => {
        const current = targets.get(`${written.table} ${written.id}`);
        const plan = planTargetRestore(asStored.get(written) ?? written, current, run.redact);
        return { role: "target", changeSet, written, current, plan };
      }),
      dependent: changeSet.dependents.find(({ id }) => jobs.get(id)?.status === run.completedStatus) ?? null,
    };
  });
  return { current, readAt };
}

/** Returns what was written to targets of a table, each value as the store returns it when it is read. */
async function inStoredForm(
  table: string,
  written: readonly RecordWrites[],
  { store, limits }: UndoContext,
): Promise<readonly RecordWrites[]> {
  if (store.storedForms === undefined) return written;
  const cells = written.flatMap(({ writes }) => writes.flatMap(({ fields }) => writtenCells(fields)));
  const keyed = new Map(cells.map((cell) => [JSON.stringify([cell.field, cell.value]), cell]));
  const forms = await store.storedForms(table, [...keyed.values()], limits.reads);
  const formOf = new Map([...keyed.keys()].map((key, n) => [key, forms[n]]));
  const inForm = (field: string, change: Change): Change => {
    const form = formOf.get(JSON.stringify([field, change.after]));
    return form === undefined ? change : { ...change, after: form };
  };
  return written.map((record) => ({
    ...record,
    writes: record.writes.map((write) => ({
      ...write,
      fields: Object.fromEntries(Object.entries(write.fields).map(([name, change]) => [name, inForm(name, change)])),
    })),
  }));
}

function writtenCells(fields: Readonly<Record<string, Change>>): readonly WrittenCell[] {
  return Object.entries(fields).flatMap(([field, { after: value }]) =>
    typeof value === "object" ? [] : [{ field, value }],
  );
}

/** Records the results that follow from reading alone. What is to be restored stays open, except in a dry run. */
function decideWithoutWrite(
  { jobs, targets, dependent }: CurrentChangeSet,
  progress: UndoProgress,
  run: UndoContext,
): void {
  const lost = targets.find(({ plan }) => plan.kind === "cannot");
  const changed = targets.find(({ plan }) => plan.kind === "changed-since");
  const movedOn = jobs.find((job) => hasMovedOn(job, run.completedStatus))?.current;
  const restoresTarget = targets.some(({ plan }) => plan.kind === "restore");
  const obstacle = (record: CurrentJob | CurrentTarget): string | null => {
    if (lost === undefined && dependent !== null && restoresTarget) {
      return `${dependent.id} is completed and depends on this file: undo run ${dependent.run} first`;
    }
    // Half of it would leave a job that is stuck again beside a target that is not free.
    if (lost !== undefined && record.role === "job") return `its target ${lost.written.id} cannot be restored`;
    if (lost !== undefined) return `${lost.written.id} cannot be restored`;
    if (movedOn !== undefined && record.role === "target") {
      return `${movedOn.id} is ${movedOn.status}, and its file is here`;
    }
    if (movedOn !== undefined && restoresTarget) return `${movedOn.id} is ${movedOn.status}, and its file stays`;
    return null;
  };
  for (const record of [...jobs, ...targets]) {
    const detail = record.plan.kind === "restore" ? obstacle(record) : null;
    // Job and file are put back together, or neither.
    if (detail === null && changed !== undefined && record.plan.kind === "restore") {
      const by = `${changed.written.id} is not as the run left it: ${changed.plan.detail}`;
      setResult(progress, record, { outcome: "changed-since", detail: by });
    } else if (detail === null) recordReadResult(progress, record, run);
    else setResult(progress, record, { outcome: "cannot", detail });
  }
}

/**
 * Whether a job that is not restored may need its file: it is completed, or someone has moved it on to a status that is
 * not the one from which the run took it.
 */
function hasMovedOn({ current, plan, written }: CurrentJob, completedStatus: string): boolean {
  if (current === undefined || plan.kind === "restore") return false;
  if (current.status === completedStatus) return true;
  const before = written.writes.flatMap(({ fields: { status } }) => (status === undefined ? [] : [status.before]));
  return plan.kind === "changed-since" && before.length > 0 && !before.includes(current.status);
}

function recordReadResult(progress: UndoProgress, record: CurrentJob | CurrentTarget, run: UndoContext): void {
  const { plan } = record;
  const sent = progress.sent.get(keyOf(record));
  if (plan.kind === "restore") {
    if (run.dryRun) setResult(progress, record, { ...plan, outcome: "restored" });
  } else if (plan.kind === "as-it-was" && sent?.kind === "restore") {
    // The answer was lost, the write was not.
    setResult(progress, record, { ...sent, outcome: "restored" });
  } else setResult(progress, record, { outcome: plan.kind, detail: plan.detail });
}

function recordWriteResult(
  progress: UndoProgress,
  record: CurrentJob | CurrentTarget,
  result: WriteResult | undefined,
): void {
  if (result?.kind === "confirmed" && record.plan.kind === "restore") {
    setResult(progress, record, { ...record.plan, outcome: "restored" });
  } else if (result?.kind === "refused") {
    setResult(progress, record, { outcome: "cannot", detail: result.error });
  } else if (result?.kind === "deleted") {
    setResult(progress, record, { outcome: "changed-since", detail: "the record was deleted" });
  }
}

function setResult(
  { results }: UndoProgress,
  record: RecordRef,
  { outcome, detail, fields = {} }: { outcome: UndoOutcome; detail: string; fields?: Undone["fields"] },
): void {
  const { role, changeSet, written } = record;
  if (written.writes.length === 0) return;
  const job = role === "job" ? written.id : (changeSet.jobs[0]?.id ?? "");
  results.set(keyOf(record), { role, table: written.table, id: written.id, job, outcome, detail, fields });
}

/** Returns the result for a record that is still open at the end. */
function describeUnfinished(record: RecordRef, { results, sent }: UndoProgress): Pick<Undone, "outcome" | "detail"> {
  if (sent.has(keyOf(record))) {
    return { outcome: "cannot", detail: "it was written, and the base did not confirm it" };
  }
  const job = record.changeSet.jobs.find((written) => {
    return results.get(keyOf({ ...record, role: "job", written }))?.outcome === "cannot";
  });
  return { outcome: "cannot", detail: job === undefined ? "not reached" : `${job.id} could not be restored` };
}

/** Keeps a job that is about to be restored as it is: it may have to be withdrawn. */
function keepJob(record: CurrentJob, { restored }: UndoProgress): void {
  const { current, plan } = record;
  if (current !== undefined && plan.kind === "restore") restored.set(keyOf(record), { before: current, plan });
}

/**
 * Gives restored jobs back what they held where the base refuses to restore their target: job and file are put back
 * together, or neither. A job that someone has changed meanwhile stays as it is.
 */
async function withdrawJobs(
  current: readonly CurrentChangeSet[],
  progress: UndoProgress,
  run: UndoContext,
): Promise<void> {
  for (const batch of chunk(
    current.flatMap((each) => findWithdrawals(each, progress)),
    WRITE_BATCH,
  )) {
    const readAt = run.clock.now();
    const ids = batch.map(({ written }) => written.id);
    const jobs = await run.store.readJobs(ids, run.limits.reads);
    const unchanged = batch.flatMap((record): readonly CurrentJob[] => {
      const sent = progress.restored.get(keyOf(record));
      const read = jobs.get(record.written.id);
      const isOurs = sent !== undefined && read !== undefined && holds(read, sent.plan.update);
      return isOurs ? [{ ...record, current: read, plan: reverse(sent) }] : [];
    });
    const results = await writeJobs(unchanged, writeLimit([readAt], run.limits.writes), run, UNDO_WITHDRAWN);
    const withdrawn = unchanged.filter((_, n) => results[n]?.kind === "confirmed").map(keyOf);
    for (const record of batch) {
      const rest = withdrawn.includes(keyOf(record)) ? "" : "; the job is restored, beside its file";
      setResult(progress, record, { outcome: "cannot", detail: `its target could not be restored${rest}` });
    }
  }
}

/** Returns the jobs of a change set that were restored, where a target was not. */
function findWithdrawals({ jobs, targets }: CurrentChangeSet, { results }: UndoProgress): readonly CurrentJob[] {
  const isRefused = targets.some((record) => {
    return record.plan.kind === "restore" && results.get(keyOf(record))?.outcome === "cannot";
  });
  return isRefused ? jobs.filter((record) => results.get(keyOf(record))?.outcome === "restored") : [];
}

/** Whether a job holds what the undo has written to it. */
function holds(job: Job, { status, notes }: JobUpdate): boolean {
  return (status === undefined || job.status === status) && (notes === undefined || job.notes === notes);
}

/** Returns the write that gives a job back what it held before it was restored. */
function reverse({ before, plan: { update, fields } }: RestoredJob): RestorePlan<JobUpdate> {
  return {
    kind: "restore",
    update: {
      id: update.id,
      ...(update.status === undefined ? {} : { status: before.status }),
      ...(update.responsePayload === undefined ? {} : { responsePayload: before.responsePayload }),
      ...(update.error === undefined ? {} : { error: before.error }),
      ...(update.notes === undefined ? {} : { notes: before.notes }),
    },
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, change]) => [name, { before: change.after, after: change.before }]),
    ),
    detail: "withdrawn: its target could not be restored",
  };
}

/** Whether a record is to be written, and has no result yet. */
function isOpen(record: CurrentJob | CurrentTarget, { results }: UndoProgress): boolean {
  return record.plan.kind === "restore" && !results.has(keyOf(record));
}

/** Whether all jobs of a change set are restored that were to be: only then its targets may be. */
function jobsRestored({ jobs }: CurrentChangeSet, { results }: UndoProgress): boolean {
  return jobs.every((record) => {
    return record.plan.kind !== "restore" || results.get(keyOf(record))?.outcome === "restored";
  });
}

async function writeJobs(
  batch: readonly CurrentJob[],
  limit: WriteLimit,
  run: UndoContext,
  reason: string = UNDONE,
): Promise<readonly WriteResult[]> {
  if (run.atomic !== null) {
    const planned = batch.flatMap((record): readonly AtomicWrite[] => {
      const { plan, current: read } = record;
      if (plan.kind !== "restore" || read === undefined) return [];
      return [{ job: { read, update: plan.update }, target: null, records: [toPendingWrite(record, null, reason)] }];
    });
    return await writeInTransactions(planned, run.atomic, { ...run, command: "undo" });
  }
  const updates = batch.flatMap(({ plan }) => (plan.kind === "restore" ? [plan.update] : []));
  const pending = () => batch.map((record) => toPendingWrite(record, null, reason));
  const write = () => run.store.updateJobs(updates, limit);
  return await withJournal(pending, write, { ...run, command: "undo" });
}

async function writeTargets(
  table: string,
  batch: readonly CurrentTarget[],
  limit: WriteLimit,
  run: UndoContext,
): Promise<readonly WriteResult[]> {
  if (run.atomic !== null) {
    const planned = batch.flatMap((record): readonly AtomicWrite[] => {
      const { plan, current: read, written } = record;
      if (plan.kind !== "restore" || read === undefined) return [];
      const records = [toPendingWrite(record, { table, id: written.id })];
      return [{ job: null, target: { table, read, update: plan.update }, records }];
    });
    return await writeInTransactions(planned, run.atomic, { ...run, command: "undo" });
  }
  const updates = batch.flatMap(({ plan }) => (plan.kind === "restore" ? [plan.update] : []));
  const pending = () => batch.map((record) => toPendingWrite(record, { table, id: record.written.id }));
  const write = () => run.store.updateTargets(table, updates, limit);
  return await withJournal(pending, write, { ...run, command: "undo" });
}

function toPendingWrite(
  { changeSet, written, plan }: CurrentJob | CurrentTarget,
  target: PendingWrite["target"],
  reason: string = UNDONE,
): PendingWrite {
  const job = changeSet.jobs.find(({ id }) => id === written.id) ?? changeSet.jobs[0];
  const update = plan.kind === "restore" ? plan.update : null;
  return {
    job: { id: job?.id ?? "", externalId: job?.externalId ?? null, operation: null, since: null, age: null },
    target,
    fields: plan.kind === "restore" ? plan.fields : {},
    note: update !== null && "notes" in update ? (update.notes?.split("\n").at(-1) ?? null) : null,
    reason,
    detail: plan.detail,
    supersededBy: null,
    evidence: { probes: [], provider: null, calibration: null },
    undoes: changeSet.run,
  };
}

/** Two operations may have delivered to one record, each for a job of its own. */
function keyOf({ role, changeSet, written }: RecordRef): string {
  return `${role} ${written.table} ${written.id} ${changeSet.jobs[0]?.id ?? ""}`;
}
