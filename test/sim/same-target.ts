import { COMPLETED_PREFIX, FAILED_PREFIX } from "../../src/core/domain/notes.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { entriesOf, isRival, lastMark } from "./invariants.ts";
import { OPERATION_NAMES, OPERATIONS, type OperationName } from "./operations.ts";
import { fileIn, filesIn, type JobNow, jobIn, keysOf, outputOf, type World } from "./world.ts";

/** A job of the scenario as it stands once the world is calm. */
export interface Standing {
  readonly job: JobNow;
  /** Whether polling has failed it, and an output that appears late would be delivered. */
  readonly late: boolean;
  /** Whether a sweep works on it. */
  readonly open: boolean;
  /** When it began: as it is compared with others. */
  readonly date: number;
  /** How long it is stuck, or closed by polling. */
  readonly age: number;
}

/** Returns how a job stands; null where its record is gone. */
export function standingOf(id: string, world: World): Standing | null {
  const { scenario, clock } = world;
  const job = world.job(id);
  const createdAt = scenario.jobs.find((each) => each.id === id)?.createdAt;
  if (job === undefined || createdAt === undefined) return null;
  const { status, notes } = job;
  // A cell that others have filled has no space for the line by which it is found again.
  const remembers = scenario.notes === "short" || (scenario.notes === "full" && notes.includes(FAILED_PREFIX));
  const late = remembers && status === "failed" && world.authors.get(id) === "polling";
  const closedAt = lastMark(notes) ?? 0;
  const date = Math.max(createdAt, job.startedAt);
  const age = clock.now() - (late ? closedAt : Math.max(date, closedAt));
  const maxAge = scenario.ageless ? Number.POSITIVE_INFINITY : 24 * HOUR;
  const isStuck = late || (status === "processing" && age > 5 * MINUTE && age <= maxAge);
  return { job, late, open: isStuck && !/[ /]/.test(job.externalId), date, age };
}

/** What the jobs for one field of one record come to. */
export interface GroupOutcome {
  readonly operation: OperationName;
  readonly targetId: string;
  /** The jobs that are completed; the others that have an output stay as they are. */
  readonly completed: readonly string[];
  readonly open: readonly string[];
  /** The names of the files in the field. */
  readonly files: readonly string[];
  /** The job whose files are written; null where nothing is. */
  readonly written: Standing | null;
}

/** Returns what the jobs with an output come to, where the rules leave no choice. */
export function predictGroups(world: World): readonly GroupOutcome[] {
  const standings = world.scenario.jobs.flatMap(({ id }) => standingOf(id, world) ?? []);
  const firsts = standings.filter(({ job }, n) => standings.findIndex((each) => isRival(each.job, job)) === n);
  return firsts.flatMap(
    ({ job }) =>
      predictGroup(
        standings.filter((each) => isRival(each.job, job)),
        world,
      ) ?? [],
  );
}

function predictGroup(group: readonly Standing[], world: World): GroupOutcome | null {
  const { scenario, clock, objects } = world;
  const [first] = group;
  if (first === undefined || isOutOfReach(first.job.operation, world)) return null;
  const { operation, targetId } = first.job;
  const cell = world.base.record(world.tableOf(first.job), targetId)?.fields[world.fieldOf(first.job)];
  const found = group
    .filter(({ job, open }) => open && outputOf(job, objects) !== null)
    .sort((one, other) => (isNewer(one, other) ? -1 : 1));
  const coming = group.filter(({ job, open, late, age }) => {
    return open && !late && age <= HOUR && outputOf(job, objects) === null;
  });
  const isUnclear = group.some(({ job, open, age }) => {
    const named = scenario.provider && outputOf(job, objects) === null && keysOf(job).some((key) => objects.has(key));
    return job.id === scenario.locked || (open && (named || Math.abs(age - HOUR) < 10 * MINUTE));
  });
  const hasTarget = world.base.record(world.tableOf(first.job), targetId) !== undefined;
  // The provider may say of one that is coming that it failed.
  if (found.length === 0 || isUnclear || !hasTarget || (scenario.provider && coming.length > 0)) return null;
  const ids = found.map(({ job }) => job.id);
  const outcome = (completed: readonly string[], files: readonly string[], written: Standing | null): GroupOutcome => {
    return { operation, targetId, completed, open: ids.filter((id) => !completed.includes(id)), files, written };
  };
  const held = filesIn(cell);
  for (const [n, newest] of found.entries()) {
    const left = found.slice(n);
    const isOverdue = left.some(({ late, date, age }) => (late ? clock.now() - date : age) > HOUR);
    if (!isOverdue && coming.some((each) => isNewer(each, newest))) break;
    const effect = effectOf(newest, cell, world);
    if (effect === null) return null;
    const closed = left.map(({ job }) => job.id);
    if (effect.kind === "there") return outcome(closed, held, null);
    // Where the newest has no space, an older one's file may be there already, and is not written.
    if (effect.kind === "write" && n > 0) continue;
    if (effect.kind === "write") return outcome(closed, effect.files, newest);
    // Each sweep closes one of them after the newer job.
    if (effect.kind === "superseded") return left.length > 2 ? null : outcome(closed, held, null);
  }
  return outcome([], held, null);
}

/** Whether the tool delivers nothing of the operation itself, or cannot. */
function isOutOfReach(operation: OperationName, { scenario }: World): boolean {
  const { refused, bucket, wrongBucket, via } = scenario;
  const isRefused = refused === "completion" || (refused === "segments" && OPERATIONS[operation].table === "Segments");
  return isRefused || bucket === "full" || wrongBucket || via === "webhook";
}

function isNewer(one: Standing, other: Standing): boolean {
  return one.date === other.date ? one.job.id > other.job.id : one.date > other.date;
}

type Effect =
  | { readonly kind: "there" | "occupied" | "superseded" }
  | { readonly kind: "write"; readonly files: readonly string[] };

/** Returns what delivering a job comes to with what is in the field; null where that cannot be said. */
function effectOf({ job, date }: Standing, cell: unknown, world: World): Effect | null {
  const { objects, scenario } = world;
  const keys = outputOf(job, objects) ?? [];
  const names = keys.map(fileIn);
  const entries = entriesOf(cell);
  const isThere = keys.every((key) =>
    entries.some(({ filename, size }) => filename === fileIn(key) && size === objects.get(key)?.bytes),
  );
  if (isThere) return { kind: "there" };
  const others = entries.filter(({ filename }) => !names.includes(String(filename)));
  if (others.length === 0) return { kind: "write", files: names };
  const kept = others.map(({ filename }) => String(filename));
  const owners = new Set(others.map((entry) => ownerOf(entry, job, date, world)));
  const [owner, ...more] = owners;
  // Of different owners it depends on who comes first.
  if (owner === undefined || more.length > 0 || owner === "unknown") return null;
  if (owner === "newer by polling") return { kind: "superseded" };
  switch (scenario.onExisting) {
    case "skip":
      return owner === "older by polling" ? { kind: "write", files: names } : { kind: "occupied" };
    case "replace":
      return owner === "newer" ? { kind: "occupied" } : { kind: "write", files: names };
    case "append":
      return others.some(({ id }) => typeof id !== "string")
        ? { kind: "occupied" }
        : { kind: "write", files: [...kept, ...names] };
  }
}

type Owner = "nobody" | "newer" | "newer by polling" | "older by polling" | "unknown";

/** Returns whose a file in the field is, by the external id in its name. */
function ownerOf(entry: Readonly<Record<string, unknown>>, job: JobNow, date: number, world: World): Owner {
  const owners = ownersOf(String(entry.filename), job.operation, world);
  const [owner, ...more] = owners.filter(({ id }) => id !== job.id);
  if (owner === undefined) return "nobody";
  if (more.length > 0) return "unknown";
  if (owner.date > date || (owner.date === date && owner.id > job.id))
    return isByPolling(entry, owner) ? "newer by polling" : "newer";
  // Without its id in the notes the journal says whose it is, as far as the base had confirmed it.
  return typeof entry.id === "string" && owner.notes.includes(entry.id) ? "older by polling" : "unknown";
}

/** One of another id than the job's notes name was put there by someone else. */
function isByPolling({ id, filename }: Readonly<Record<string, unknown>>, { status, notes }: JobNow): boolean {
  if (status !== "completed" || !notes.includes(COMPLETED_PREFIX)) return false;
  const isNoted = new RegExp(`${filename} \\([^)]*, attachment `).test(notes);
  return !isNoted || notes.includes(String(id));
}

/** Returns the jobs of an operation by whose external id a file is named. */
function ownersOf(
  file: string,
  operation: OperationName,
  world: World,
): readonly (JobNow & { readonly date: number })[] {
  return world.base.records("Jobs").flatMap(({ id, createdTime, fields }) => {
    const job = jobIn(id, fields);
    const names: readonly string[] = OPERATIONS[operation].names(job.externalId).flat();
    const isOwner = names.includes(file) && fields.Type === operation;
    return isOwner ? [{ ...job, date: Math.max(Date.parse(createdTime), job.startedAt) }] : [];
  });
}

/** Returns what a segment's status is in the end; null where it cannot be said. */
export function predictStatus(targetId: string, groups: readonly GroupOutcome[], world: World): string | null {
  const own = groups.filter((group) => group.targetId === targetId);
  const written = own.flatMap((group) => group.written ?? []).sort((one, other) => (isNewer(one, other) ? -1 : 1));
  const [newest, older] = written;
  const isKnown = SETTING.every((operation) => {
    const group = own.find((each) => each.operation === operation);
    if (group !== undefined) return group.written !== null || group.completed.length === 0;
    return !world.scenario.jobs.some(({ id }) => {
      const standing = standingOf(id, world);
      return standing?.open && standing.job.targetId === targetId && standing.job.operation === operation;
    });
  });
  const segment = world.base.record("Segments", targetId);
  if (newest === undefined || !isKnown || segment === undefined) return null;
  const { set } = OPERATIONS[newest.job.operation];
  const found = String(segment.fields.Status ?? "");
  if (found === "" || found === set) return set;
  const writer = SETTING.find((operation) => OPERATIONS[operation].set === found);
  if (writer === undefined || older !== undefined) return null;
  // Whose the standing value is shows in the file that was delivered with it.
  const owners = filesIn(segment.fields[OPERATIONS[writer].field]).flatMap((file) => ownersOf(file, writer, world));
  if (owners.length === 0) return found;
  return owners.some((owner) => owner.date > newest.date || (owner.date === newest.date && owner.id > newest.job.id))
    ? found
    : set;
}

/**
 * Returns the statuses that a run took back: one that it wrote for an older job of another operation after it had written
 * that of a newer one.
 */
export function statusesTakenBack(world: World): readonly string[] {
  // One that was started again has another date since.
  if (world.scenario.startedAt !== null) return [];
  const created = new Map(
    world.scenario.jobs.flatMap(({ id, createdAt }) => (world.reopenings.has(id) ? [] : [[id, createdAt] as const])),
  );
  const writes = world.journal.past().flatMap(({ role, undoes, fields, run, record, job, confirmed }) => {
    const [status, date] = [fields.Status?.after, created.get(job.id)];
    const isSet = role === "target" && undoes === null && confirmed && status !== undefined && date !== undefined;
    return isSet ? [{ run, record, id: job.id, status, date }] : [];
  });
  return writes.flatMap((later, n) => {
    const newer = writes.slice(0, n).find(({ run, record, id, status, date }) => {
      const isNewer = date > later.date || (date === later.date && id > later.id);
      return run === later.run && record === later.record && status !== later.status && isNewer;
    });
    return newer === undefined ? [] : [`${later.run} takes the status of ${newer.id} back for ${later.id}`];
  });
}

/** The operations that write a status. */
const SETTING = OPERATION_NAMES.filter((operation) => OPERATIONS[operation].set !== null);
