import type { Instant } from "../domain/job.ts";
import type { Change, JournalCell, JournalFile } from "../ports/journal.ts";

/** On whose account something was done. `since` is from when its age counted then; null where it was not known. */
interface PastJobOf {
  readonly id: string;
  readonly externalId: string | null;
  readonly operation: string | null;
  readonly since: Instant | null;
}

/** One record of a write, as the journal tells it. */
export interface JournaledWrite {
  readonly at: Instant;
  readonly run: string;
  readonly role: "job" | "target";
  readonly table: string;
  readonly record: string;
  readonly job: PastJobOf;
  readonly fields: Readonly<Record<string, Change>>;
  readonly reason: string;
  readonly supersededBy: string | null;
  /** The run that it took back; null where it was a sweep's. */
  readonly undoes: string | null;
  /** Whether the base may have carried it out: it confirmed it, or was never heard to refuse it. */
  readonly possiblyApplied: boolean;
  /** Whether the base said that it carried it out. */
  readonly confirmed: boolean;
}

/** A lost webhook that was sent again, to the application's own handler; not one that the handler refused. */
export interface JournaledWebhook {
  readonly at: Instant;
  readonly run: string;
  readonly job: PastJobOf;
}

/** What one run wrote to one record, in its order. */
export interface RecordWrites {
  readonly table: string;
  readonly id: string;
  readonly writes: readonly Pick<JournaledWrite, "fields">[];
}

/** What one run did about one target, or one job without any: it is put back together. */
export interface ChangeSet {
  readonly run: string;
  /** The job whose output was delivered or missed, and those that were closed after it. */
  readonly jobs: readonly (RecordWrites & { readonly externalId: string | null })[];
  readonly targets: readonly RecordWrites[];
  /** Jobs that other runs closed since, on account of the file that was delivered here; each with the last such run. */
  readonly dependents: readonly { readonly id: string; readonly run: string }[];
}

/** What a run did, deed by deed; `job` (a record id or an external id) restricts it to what was done about that one. */
export function buildChangeSets(
  writes: readonly JournaledWrite[],
  run: string,
  job: string | null,
): readonly ChangeSet[] {
  const own = writes.filter((write) => write.run === run && write.undoes === null && write.possiblyApplied);
  const leaders = new Map<string, JournaledWrite[]>();
  for (const write of own) {
    const leader = owningJob(write);
    leaders.set(leader, [...(leaders.get(leader) ?? []), write]);
  }
  const closed = findDependents(writes, run);
  const isMeant = ({ id, externalId }: JournaledWrite["job"]) => job === null || id === job || externalId === job;
  return [...leaders].flatMap(([leader, all]): readonly ChangeSet[] => {
    if (!all.some((write) => isMeant(write.job))) return [];
    const records = (role: JournaledWrite["role"]) => {
      const ids = [...new Set(all.filter((write) => write.role === role).map(({ record }) => record))];
      return ids.flatMap((id) => {
        const mine = all.filter((write) => write.role === role && write.record === id);
        const [first] = mine;
        return first === undefined ? [] : [{ table: first.table, id, writes: mine, externalId: first.job.externalId }];
      });
    };
    const jobs = records("job");
    const targets = records("target");
    // Killed before it came to the job: whether another hand completed it since has to be looked up all the same.
    const [target] = targets;
    const [write] = all;
    if (jobs.length === 0 && target !== undefined && write !== undefined) {
      jobs.push({ table: "", id: write.job.id, writes: [], externalId: write.job.externalId });
    }
    const dependents = [...(closed.get(leader) ?? [])].map(([id, by]) => ({ id, run: by }));
    return [{ run, jobs, targets, dependents }];
  });
}

/** By the newer job: those that other runs closed after it, unless that was taken back, each with the run. */
function findDependents(
  writes: readonly JournaledWrite[],
  run: string,
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const closed = new Map<string, Map<string, string>>();
  for (const write of writes) {
    if (write.role !== "job" || !write.possiblyApplied || write.run === run) continue;
    if (write.undoes !== null) {
      for (const jobs of closed.values()) if (jobs.get(write.record) === write.undoes) jobs.delete(write.record);
      continue;
    }
    const leader = owningJob(write);
    if (leader !== write.record) closed.set(leader, (closed.get(leader) ?? new Map()).set(write.record, write.run));
  }
  return closed;
}

/** A job that was closed after a newer one goes with it: its completion rests on the same delivery. */
function owningJob({ job, supersededBy }: JournaledWrite): string {
  return supersededBy ?? job.id;
}

/** The last run that wrote on account of a job, and was none that took something back. */
export function lastRunOf(writes: readonly JournaledWrite[], job: string): string | null {
  const last = writes.findLast(({ job: { id, externalId }, undoes, possiblyApplied }) => {
    return (id === job || externalId === job) && undoes === null && possiblyApplied;
  });
  return last?.run ?? null;
}

/** How a field stands towards what a run wrote. `before` is what it held when the run came. */
export type FieldNow =
  | { readonly kind: "as-written"; readonly before: JournalCell }
  | { readonly kind: "as-before" }
  | { readonly kind: "changed" };

/**
 * How a field stands now. A run may have written it twice, where an answer was lost: what it held before the first of
 * them counts, unless another hand came in between.
 */
export function fieldNow(
  name: string,
  { writes }: Pick<RecordWrites, "writes">,
  isNow: (cell: JournalCell) => boolean,
): FieldNow {
  const changes = writes.flatMap(({ fields }) => fields[name] ?? []);
  const last = changes.findLastIndex(({ after }) => isNow(after));
  if (last < 0) {
    return changes.some(({ before }) => isNow(before)) ? { kind: "as-before" } : { kind: "changed" };
  }
  let before = changes[last]?.before ?? null;
  for (const change of changes.slice(0, last).reverse()) {
    if (!isSameCell(change.after, before)) break;
    before = change.before;
  }
  return { kind: "as-written", before };
}

/** The names of the fields that a run wrote. */
export function fieldNames({ writes }: Pick<RecordWrites, "writes">): readonly string[] {
  return [...new Set(writes.flatMap(({ fields }) => Object.keys(fields)))];
}

/** Whether a cell is one of attachments. */
export function isFiles(cell: JournalCell): cell is readonly JournalFile[] {
  return Array.isArray(cell);
}

/** Files are the same by their ids where both have one, else by name and, where both are known, size. */
export function isSameCell(one: JournalCell, other: JournalCell): boolean {
  if (!isFiles(one) || !isFiles(other)) {
    return one === other || (one !== null && other !== null && JSON.stringify(one) === JSON.stringify(other));
  }
  return one.length === other.length && one.every((file, n) => isSameFile(file, other[n]));
}

function isSameFile(one: JournalFile, other: JournalFile | undefined): boolean {
  if (other === undefined) return false;
  if (one.id !== null && other.id !== null) return one.id === other.id;
  return one.filename === other.filename && (one.size === null || other.size === null || one.size === other.size);
}
