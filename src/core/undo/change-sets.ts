import { isSameJson } from "../domain/json.ts";
import { groupBy } from "../domain/lists.ts";
import {
  isFiles,
  type JournalCell,
  type JournaledJob,
  type JournaledWrite,
  type JournalFile,
  UNDO_WITHDRAWN,
} from "../ports/journal.ts";

/** What one run wrote to one record, in its order. */
export interface RecordWrites {
  readonly table: string;
  readonly id: string;
  readonly writes: readonly Pick<JournaledWrite, "fields" | "reason">[];
  /** Whether another run has written it since, by the journal. */
  readonly writtenSince: boolean;
}

/** What one run wrote for one target, or for one job without any: it is restored together. */
export interface ChangeSet {
  readonly run: string;
  /** The job whose output was delivered or missed, and those that were closed after it. */
  readonly jobs: readonly (RecordWrites & { readonly externalId: string | null })[];
  readonly targets: readonly RecordWrites[];
  /** Jobs that other runs closed since because of the file that was delivered here; each with the last such run. */
  readonly dependents: readonly { readonly id: string; readonly run: string }[];
}

/** Returns what a run did, by target. `job` (a record id or an external id) restricts it to what concerns that job. */
export function buildChangeSets(
  writes: readonly JournaledWrite[],
  run: string,
  job: string | null,
): readonly ChangeSet[] {
  const made = writes.filter((write) => write.run === run && write.undoes === null && write.possiblyApplied);
  const own = [...made, ...redeliveries(writes, made)];
  const byOwner = groupBy(own, owningJob);
  const byRecord = groupBy(writes, ({ role, record }) => `${role} ${record}`);
  const dependents = findDependents(writes, run);
  const isWanted = ({ id, externalId }: JournaledJob) => job === null || id === job || externalId === job;
  return [...byOwner].flatMap(([owner, all]): readonly ChangeSet[] => {
    if (!all.some((write) => isWanted(write.job))) return [];
    const recordsOf = (role: JournaledWrite["role"]) => {
      const ids = [...new Set(all.filter((write) => write.role === role).map(({ record }) => record))];
      return ids.flatMap((id) => {
        const ofRecord = all.filter((write) => write.role === role && write.record === id);
        const [first] = ofRecord;
        const last = ofRecord.at(-1);
        if (first === undefined || last === undefined) return [];
        const history = byRecord.get(`${role} ${id}`) ?? [];
        const since = history
          .slice(history.indexOf(last) + 1)
          .filter((write) => write.run !== run && write.possiblyApplied);
        const writtenSince = since.some((write) => !(write.undoes === run && isTakenBack(write, since)));
        return [{ table: first.table, id, writes: ofRecord, externalId: first.job.externalId, writtenSince }];
      });
    };
    const jobs = recordsOf("job");
    const targets = recordsOf("target");
    // The run was killed before it wrote the job: whether someone else completed it since has to be read all the same.
    const [target] = targets;
    const [write] = all;
    if (jobs.length === 0 && target !== undefined && write !== undefined) {
      jobs.push({ table: "", id: write.job.id, writes: [], externalId: write.job.externalId, writtenSince: false });
    }
    const closed = [...(dependents.get(owner) ?? [])].map(([id, by]) => ({ id, run: by }));
    return [{ run, jobs, targets, dependents: closed }];
  });
}

/**
 * Whether an undo's write to a job leaves it as it was: the undo withdrew it, or the base never confirmed it. What an
 * unconfirmed one did shows in the record.
 */
function isTakenBack({ run, confirmed }: JournaledWrite, since: readonly JournaledWrite[]): boolean {
  return !confirmed || since.some((write) => write.run === run && write.reason === UNDO_WITHDRAWN);
}

/** Returns what later runs wrote again of the files that a run had delivered: undoing it takes these away as well. */
function redeliveries(writes: readonly JournaledWrite[], made: readonly JournaledWrite[]): readonly JournaledWrite[] {
  const delivered = new Set(
    made.flatMap(({ role, table, record, job }) => (role === "target" ? [`${table} ${record} ${job.id}`] : [])),
  );
  const since = writes.slice(made[0] === undefined ? writes.length : writes.indexOf(made[0]));
  return since.filter(({ role, table, record, job, reason, run, possiblyApplied }) => {
    const isAgain = role === "target" && reason === "delivery-retried" && possiblyApplied;
    return isAgain && run !== made[0]?.run && delivered.has(`${table} ${record} ${job.id}`);
  });
}

/** Returns, by the newer job, those that other runs closed after it, each with the run, unless that was undone. */
function findDependents(
  writes: readonly JournaledWrite[],
  run: string,
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const dependents = new Map<string, Map<string, string>>();
  for (const write of writes) {
    if (write.role !== "job" || !write.possiblyApplied || write.run === run) continue;
    if (write.undoes !== null) {
      for (const jobs of dependents.values()) if (jobs.get(write.record) === write.undoes) jobs.delete(write.record);
      continue;
    }
    const owner = owningJob(write);
    if (owner === write.record) continue;
    dependents.set(owner, (dependents.get(owner) ?? new Map()).set(write.record, write.run));
  }
  return dependents;
}

/** A job that was closed after a newer one belongs to that one: its completion depends on the same delivery. */
function owningJob({ job, supersededBy }: JournaledWrite): string {
  return supersededBy ?? job.id;
}

/** Returns the last run that wrote for a job, apart from undos; null where there is none. */
export function lastRunOf(writes: readonly JournaledWrite[], job: string): string | null {
  const last = writes.findLast(({ job: { id, externalId }, undoes, possiblyApplied }) => {
    return (id === job || externalId === job) && undoes === null && possiblyApplied;
  });
  return last?.run ?? null;
}

/** How a field compares with what a run wrote. `before` is what it held when the run came. */
export type FieldState =
  | { readonly kind: "as-written"; readonly before: JournalCell }
  | { readonly kind: "as-before" }
  | { readonly kind: "changed" };

/**
 * Compares a field with what a run wrote. The run may have written it twice, where an answer was lost: what it held
 * before the first of them counts, unless someone else wrote in between. What a redelivery found is what Airtable had
 * left of the run's own file.
 */
export function compareField(
  name: string,
  { writes }: Pick<RecordWrites, "writes">,
  isCurrent: (cell: JournalCell) => boolean,
): FieldState {
  const changes = writes.flatMap(({ fields, reason }) => {
    const change = fields[name];
    return change === undefined ? [] : [{ ...change, isAgain: reason === "delivery-retried" }];
  });
  const last = changes.findLast(({ after }) => isCurrent(after));
  if (last === undefined) {
    return changes.some(({ before }) => isCurrent(before)) ? { kind: "as-before" } : { kind: "changed" };
  }
  let first = last;
  for (const change of changes.slice(0, changes.indexOf(last)).reverse()) {
    if (!first.isAgain && !isSameCell(change.after, first.before)) break;
    first = change;
  }
  return { kind: "as-written", before: first.before };
}

/** Returns the names of the fields that a run wrote. */
export function fieldNames({ writes }: Pick<RecordWrites, "writes">): readonly string[] {
  return [...new Set(writes.flatMap(({ fields }) => Object.keys(fields)))];
}

/**
 * Files are the same by their ids where both have one, else by name and, where both are known, size. Texts are the same
 * as well where they are one JSON document: a database may keep it in another form than it was written.
 */
export function isSameCell(one: JournalCell, other: JournalCell): boolean {
  if (!isFiles(one) || !isFiles(other)) {
    if (typeof one === "string" && typeof other === "string") return one === other || isSameJson(one, other);
    return one === other || (one !== null && other !== null && JSON.stringify(one) === JSON.stringify(other));
  }
  return one.length === other.length && one.every((file, n) => isSameFile(file, other[n]));
}

function isSameFile(one: JournalFile, other: JournalFile | undefined): boolean {
  if (other === undefined) return false;
  if (one.id !== null && other.id !== null) return one.id === other.id;
  return one.filename === other.filename && (one.size === null || other.size === null || one.size === other.size);
}
