import { COMPLETED_PREFIX } from "../../src/core/domain/notes.ts";
import { HOUR } from "../support/builders.ts";
import { entriesOf, isRival } from "./invariants.ts";
import { OPERATIONS } from "./operations.ts";
import { predictGroups, predictStatus, standingOf } from "./same-target.ts";
import { sightOf } from "./suspicion.ts";
import {
  type Cells,
  filesIn,
  hasOutput,
  type JobNow,
  jobIn,
  keysOf,
  namesOf,
  outputOf,
  strangeNamesOf,
  type World,
} from "./world.ts";

/**
 * What has to become of each job once the world is calm, from the rules of the domain alone. Several answers where the
 * rules leave it to the brake, or to which of several jobs for one target comes first.
 */
export function predict(world: World): ReadonlyMap<string, readonly string[]> {
  const { base, scenario, objects } = world;
  const groups = predictGroups(world);
  const completed = new Set(groups.flatMap((group) => group.completed));
  const open = new Set(groups.flatMap((group) => group.open));
  const exists = (names: readonly string[]) => !scenario.wrongBucket && names.some((name) => objects.has(name));
  return new Map(
    scenario.jobs.flatMap(({ id }): readonly [string, readonly string[]][] => {
      const standing = standingOf(id, world);
      if (standing === null) return [];
      const { job, late, age } = standing;
      const { status } = job;
      if (id === scenario.locked) return [[id, scenario.via === "webhook" ? ["completed", status] : [status]]];
      if (isRefused(job.operation, scenario)) return [[id, ["completed", "failed", status]]];
      // The application may have died over the only webhook that it gets.
      if (scenario.via === "webhook" && scenario.fallback === "none") {
        return [[id, ["completed", "failed", status]]];
      }
      if (!standing.open || scenario.bucket === "full") return [[id, [status]]];
      if (completed.has(id)) return [[id, ["completed"]]];
      if (open.has(id)) return [[id, [status]]];
      if (!scenario.wrongBucket && hasOutput(job, world)) {
        const cell = base.record(world.tableOf(job), job.targetId)?.fields;
        if (hasRival(job, world)) return [[id, ["completed", status]]];
        const output = outputOf(job, objects);
        const others = filesIn(cell?.[world.fieldOf(job)]).some((name) => !output?.includes(name));
        if (cell === undefined || (others && scenario.onExisting === "skip")) return [[id, [status]]];
        return [[id, others ? ["completed", status] : ["completed"]]];
      }
      // Some of its files are there.
      if (exists(namesOf(job))) return [[id, [status]]];
      if (scenario.provider) return [[id, byProvider(job, late, world)]];
      if (late || age <= HOUR || exists(strangeNamesOf(job))) return [[id, [status]]];
      const contradicted = isContradicted(job, world);
      if ((contradicted && !mayGiveWay(job, world)) || scenario.wrongBucket) return [[id, [status]]];
      if (sightOf(job.operation, world).suspect) return [[id, [status]]];
      // A response that names a file may contradict, as far as it can be read.
      const isNamed = [...objects.keys()].some((name) => job.response.includes(name));
      return [[id, failsForCertain(job, world) && !isNamed && !contradicted ? ["failed"] : ["failed", status]]];
    }),
  );
}

/** Returns the fields of targets as they have to be in the end, by `<table> <record> <field>`. */
export function predictFields(world: World): ReadonlyMap<string, string> {
  const groups = predictGroups(world);
  const files = groups.map(({ operation, targetId, files }): readonly [string, string] => {
    const { table, field } = OPERATIONS[operation];
    return [`${table} ${targetId} ${field}`, describeFiles(files)];
  });
  const segments = new Set(groups.flatMap(({ targetId }) => (targetId.startsWith("recSeg") ? [targetId] : [])));
  const statuses = [...segments].flatMap((id): readonly [string, string][] => {
    const status = predictStatus(id, groups, world);
    return status === null ? [] : [[`Segments ${id} Status`, status]];
  });
  return new Map([...files, ...statuses]);
}

/** Returns what is not as it was predicted. */
export function compareFields(predicted: ReadonlyMap<string, string>, world: World): readonly string[] {
  return [...predicted].flatMap(([key, expected]) => {
    const [table = "", id = "", ...words] = key.split(" ");
    const field = words.join(" ");
    const cell = world.base.record(table, id)?.fields[field];
    const found = field === "Status" ? String(cell ?? "") : describeFiles(filesIn(cell));
    return found === expected ? [] : [`${key} holds ${found} in the end, and should hold ${expected}`];
  });
}

function describeFiles(names: readonly string[]): string {
  return `[${[...names].sort().join(", ")}]`;
}

/** Whether the base refuses to deliver or complete jobs of an operation. */
export function isRefused(operation: JobNow["operation"], { refused }: World["scenario"]): boolean {
  return refused === "completion" || (refused === "segments" && OPERATIONS[operation].table === "Segments");
}

/** The provider's own word counts, where the brake lets it, and it may name what no pattern does. */
function byProvider(job: JobNow, late: boolean, { objects }: World): readonly string[] {
  if (keysOf(job).some((key) => objects.has(key))) return ["completed", "failed", job.status];
  return late ? [job.status] : ["failed", job.status];
}

function hasRival(job: JobNow, world: World): boolean {
  return world.scenario.jobs.some(({ id, targetId, operation }) => {
    const isSame = [targetId, world.job(id)?.targetId].includes(job.targetId) && operation === job.operation;
    return id !== job.id && isSame;
  });
}

/** The base itself says that there was an output: the target holds a file with the job's id in its name. */
function isContradicted(job: JobNow, world: World): boolean {
  const fields = world.base.record(world.tableOf(job), job.targetId)?.fields;
  return filesIn(fields?.[world.fieldOf(job)]).some((name) => name.includes(job.externalId));
}

/** What a newer job's output replaces in a field speaks no longer for the job that it was named by. */
function mayGiveWay(job: JobNow, world: World): boolean {
  const isRepaired = ({ status }: JobNow) => status === "processing" || status === "failed";
  const replaces = world.scenario.onExisting === "replace";
  return replaces && newerRivals(job, world).some((other) => isRepaired(other) && hasOutput(other, world));
}

/** An output of the operation shows, on record with the newest job that has one: then the brake has to let it pass. */
function failsForCertain({ operation }: JobNow, world: World): boolean {
  const { base, scenario } = world;
  const newest = base
    .records("Jobs")
    .filter(({ fields }) => fields.Type === operation && fields.Status === "completed")
    .sort((a, b) => begunAt(b) - begunAt(a))[0];
  if (newest === undefined || scenario.listingCut !== null || scenario.namesCut) return false;
  const job = jobIn(newest.id, newest.fields);
  if (/[ /]/.test(job.externalId)) return false;
  return hasOutput(job, world) && namesOf(job).some((name) => job.response.includes(`/${name}`));
}

/** By the base's own date where a run sets it again, but not before the record was created. */
function begunAt({ createdTime, fields }: { createdTime: string; fields: Cells }): number {
  return Math.max(Date.parse(createdTime), Date.parse(String(fields["Started At"])) || 0);
}

/** Completed jobs whose target has no file, while nobody says so. */
export function undelivered(world: World): readonly string[] {
  return world.scenario.jobs.flatMap(({ id }) => {
    const job = world.job(id);
    if (job?.status !== "completed" || world.authors.get(id) !== "polling") return [];
    const excused =
      world.scenario.notes === "none" ||
      job.notes.includes("Delivery failed via polling at ") ||
      job.notes.includes("superseded by job");
    const target = world.base.record(world.tableOf(job), job.targetId);
    const files = filesIn(target?.fields[world.fieldOf(job)]);
    if (excused || target === undefined || !job.notes.includes(COMPLETED_PREFIX)) return [];
    // What is not in the bucket any more cannot be delivered again.
    if (!hasOutput(job, world)) return [];
    // A person may have cleared the field for a newer job that is at work.
    if (hasNewerAtWork(job, world)) return [];
    // In an empty field it is the newest job's file that is missing.
    if (files.length === 0 && hasNewerCompleted(job, world)) return [];
    if (files.length === 0) return [`${id} is completed, its target is empty, and nobody says so`];
    // Where the answer about a file was lost, and what was read of it could not be noted, nobody knows its id, by which it
    // would be known from another's.
    const isUnknown = world.journal.past().some((write) => write.record === job.targetId && !write.confirmed);
    if (isUnknown) return [];
    return isCut(target.fields[world.fieldOf(job)], job, world) ? [`${id} is completed with a part of a file`] : [];
  });
}

function hasNewerAtWork(job: JobNow, world: World): boolean {
  return newerRivals(job, world).some(({ status }) => status === "processing");
}

function hasNewerCompleted(job: JobNow, world: World): boolean {
  return newerRivals(job, world).some(({ status }) => status === "completed");
}

function newerRivals(job: JobNow, world: World): readonly JobNow[] {
  const dates = new Map(world.scenario.jobs.map(({ id, createdAt }) => [id, createdAt]));
  return [...dates].flatMap(([id, createdAt]) => {
    const other = world.job(id);
    if (other === undefined || id === job.id || !isRival(other, job)) return [];
    const isNewer = Math.max(createdAt, other.startedAt) >= Math.max(dates.get(job.id) ?? 0, job.startedAt);
    return isNewer ? [other] : [];
  });
}

/** Whether the cell holds a file that Airtable fetched from the bucket, in another size. */
function isCut(cell: unknown, job: JobNow, { objects }: World): boolean {
  const own = outputOf(job, objects) ?? [];
  return entriesOf(cell).some(({ id, filename, size }) => {
    const object = own.includes(String(filename)) ? objects.get(String(filename)) : undefined;
    const fetched = typeof id === "string" && !id.startsWith("attHand");
    return object !== undefined && size !== object.bytes && fetched;
  });
}
