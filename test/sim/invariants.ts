import { isObject } from "../../src/core/domain/json.ts";
import { COMPLETED_PREFIX, FAILED_PREFIX, UNDONE_PREFIX } from "../../src/core/domain/notes.ts";
import { HOUR, MINUTE, SECOND } from "../support/builders.ts";
import { OPERATIONS } from "./operations.ts";
import type { Read, Scene, Written } from "./recorder.ts";
import { listsShapeOf, sightOf } from "./suspicion.ts";
import { fileIn, filesIn, type JobNow, jobIn, keyIn, keysOf, namesOf, strangeNamesOf } from "./world.ts";

/** A write rests on a read of at most 5 s before; on top of that comes the turn that it waits for. */
const FRESH = 6 * SECOND;

/** A failure is based on a probe of at most 10 s before; a read and two slots of the rate limit come in between. */
const MAX_PROBE_AGE = 11 * SECOND;

/** What clocks of whole seconds cannot distinguish. */
const SLACK = 2.5 * SECOND;

/** How old an answer may be when it arrives, and the server's time in it. */
const SLOWEST = 20 * SECOND;

const JOB_FIELDS = ["Status", "Response Payload", "Error Details", "Notes"];

/** What is wrong with the write of one record, by what its runner read and by what is true. */
export function checkWriteInvariants(
  table: string,
  written: Written,
  scene: Scene,
): { readonly broken: readonly string[]; readonly wronglyFails: boolean } {
  const { known, sentAt, world } = scene;
  const only = (...broken: string[]) => ({ broken, wronglyFails: false });
  if (!known.mayWrite) return only("writes in a dry run");
  const read = known.reads.get(written.id);
  if (read === undefined) return only("writes what it has not read");
  if (sentAt - read.at > FRESH) return only("writes on an old read");
  if (world.scenario.bucket === "full") return only("acts on the word of a place that has every key");
  if (world.transactional && hasChanged(table, written, read, scene)) return only("overwrites what it has not read");
  if (table !== "Jobs") return only(...brokenByTarget(table, written, read, scene));
  const job = jobIn(written.id, read.fields);
  const broken = brokenByJob(job, written.fields, read, scene);
  if (written.fields.Status !== "failed") return only(...broken);
  return world.transactional || scene.known.requests === read.request + 1
    ? brokenByFail(job, broken, scene)
    : only(...broken, "fails a job on a read that is not adjacent");
}

/** The fields of a job on which a verdict rests, beside its date. */
const DECISIVE = ["Status", "Type", "External Job ID", "Request Payload", "Webhook URL"];

/** Whether a job is as a listing showed it, without a text that was left out there. */
export function isAsListed(now: Read["fields"], listed: Read["fields"], { scenario }: Scene["world"]): boolean {
  const texts = ["Response Payload", "Error Details", ...(scenario.notes === "none" ? [] : ["Notes"])];
  const isSame = (name: string) => JSON.stringify(shown(listed[name])) === JSON.stringify(shown(now[name]));
  const decisive = [...DECISIVE, ...(scenario.startedAt === null ? [] : ["Started At"])];
  return decisive.every(isSame) && texts.every((name) => (now[name] ?? "") === "");
}

/** With transactions there is no moment between read and write: what is written over is what was read. */
function hasChanged(table: string, { id, fields }: Written, read: Read, { world }: Scene): boolean {
  const now = world.base.record(table, id)?.fields ?? {};
  // The last read of a target may have been of another field.
  const own =
    table === "Jobs"
      ? ["Status", "External Job ID"]
      : Object.keys(fields).filter((name) => Object.hasOwn(read.fields, name));
  return own.some((name) => JSON.stringify(shown(now[name])) !== JSON.stringify(shown(read.fields[name])));
}

/** Of files what stays the same: Airtable gives each another URL once it has fetched it. */
function shown(cell: unknown): unknown {
  if (!Array.isArray(cell)) return cell ?? null;
  return cell.map((file: unknown) => (isObject(file) && "id" in file ? file.id : file));
}

/** What is wrong with sending a job's webhook again. */
export function brokenByPost(
  jobId: string,
  fileNames: readonly string[],
  { known, sentAt }: Pick<Scene, "known" | "sentAt">,
): readonly string[] {
  const read = known.reads.get(jobId);
  if (!known.mayWrite || known.command !== "recover") return [`posts in a ${known.command}`];
  if (read === undefined || sentAt - read.at > FRESH) return ["posts on an old read"];
  const job = jobIn(jobId, read.fields);
  const late = job.status === "failed" && read.author === "polling";
  if (job.status !== "processing" && !late) return [`posts for a job that was ${job.status} when it was read`];
  const own = keysOf(job).map(fileIn);
  return fileNames.every((name) => own.includes(name)) ? [] : ["posts another job's output"];
}

function brokenByJob(job: JobNow, fields: Written["fields"], read: Read, scene: Scene): readonly string[] {
  const { scenario } = scene.world;
  const known = scenario.jobs.find(({ id }) => id === job.id);
  if (known === undefined) return ["touches a job that was never stuck"];
  const beyond = brokenByScope(job, scene.known);
  if (beyond.length > 0) return beyond;
  const foreign = Object.keys(fields).filter((name) => !JOB_FIELDS.includes(name));
  if (foreign.length > 0) return [`touches ${foreign.join(", ")}`];
  const notes = String(fields.Notes ?? "");
  if (scenario.notes === "none" && fields.Notes !== undefined) return ["writes notes where there are none"];
  if (scenario.notes === "short" && !notes.startsWith(job.notes)) return ["loses notes"];
  switch (fields.Status) {
    case "completed":
      return brokenByCompletion(job, { fields, notes, createdAt: known.createdAt }, read, scene);
    case "failed":
      return job.status === "processing" ? [] : [`fails a job that was ${job.status} when it was read`];
    default:
      return fields.Status === undefined && job.status === "completed" ? [] : [`sets the status ${fields.Status}`];
  }
}

/** A person named the jobs, or is asked about each. */
function brokenByScope(job: JobNow, { options, agreed }: Scene["known"]): readonly string[] {
  const { named, only, confirm } = options;
  if (named !== null && !named.includes(job.id) && !named.includes(job.externalId)) return ["goes beyond --job"];
  if (only !== null && !only.includes(job.operation)) return ["goes beyond --operation"];
  return confirm && !agreed.has(job.id) ? ["writes what nobody agreed to"] : [];
}

function brokenByCompletion(
  job: JobNow,
  { fields, notes, createdAt }: { fields: Written["fields"]; notes: string; createdAt: number },
  read: Read,
  { world, known, delivered }: Scene,
): readonly string[] {
  if (known.command !== "recover") return [`completes a job in a ${known.command}`];
  const late = job.status === "failed" && read.author === "polling";
  if (job.status !== "processing" && !late) {
    return [`completes a job that was ${job.status} when it was read, by ${read.author}`];
  }
  const begun = Math.max(createdAt, late ? 0 : job.startedAt);
  if (world.clock.now() - begun <= 5 * MINUTE - SLACK) return ["completes a young job"];
  if (world.scenario.notes === "none" && isSupersededBlindly(job, world, delivered)) return [];
  const said = `${notes.split("\n").at(-1)} ${fields["Response Payload"]}`;
  const [, newer] = /superseded(?: by job |_by":")(rec\w+)/.exec(said) ?? [];
  if (newer !== undefined) {
    const asRead = known.reads.get(newer)?.fields;
    const others = [world.job(newer), asRead && jobIn(newer, asRead)].filter((each) => each !== undefined);
    // It may have been run again since, under another id, while its webhook was on its way.
    const first = world.scenario.jobs.find(({ id }) => id === newer);
    others.push(...others.slice(0, 1).map((each) => ({ ...each, externalId: first?.externalId ?? each.externalId })));
    const has = others.some((other) =>
      namesFor(other, world).some((name) => [other, job].some(({ targetId }) => delivered.has(`${targetId} ${name}`))),
    );
    return others.length === 0 || has ? [] : ["closes a job after a newer one that has no file"];
  }
  const file = namesFor(job, world).find((name) => String(fields["Response Payload"]).includes(`/${name}"`));
  if (file === undefined) return ["completes a job with another job's output"];
  return delivered.has(`${job.targetId} ${file}`) ? [] : ["completes a job whose target has no file"];
}

/** Without notes the record does not say that another job's file was delivered in the place of its own. */
function isSupersededBlindly(job: JobNow, world: Scene["world"], delivered: Scene["delivered"]): boolean {
  return world.scenario.jobs.some(({ id }) => {
    const other = world.job(id);
    if (other === undefined || id === job.id || !isRival(other, job)) return false;
    return namesFor(other, world).some((name) => delivered.has(`${job.targetId} ${name}`));
  });
}

function brokenByFail(job: JobNow, broken: readonly string[], scene: Scene) {
  const { world, known } = scene;
  const { scenario, objects } = world;
  const createdAt = scenario.jobs.find(({ id }) => id === job.id)?.createdAt ?? 0;
  const more: string[] = [];
  const begun = Math.max(createdAt, job.startedAt, lastMark(job.notes) ?? 0);
  const saidFailed = known.failedByProvider.has(job.externalId);
  const atWork = known.runningByProvider.has(job.externalId);
  const due = saidFailed ? 5 * MINUTE : atWork ? 6 * HOUR : HOUR;
  if (world.clock.now() - begun <= due - SLACK) more.push("fails a young job");
  if (Math.abs(known.skew) > 5 * MINUTE + SLOWEST) more.push("fails a job by a clock that is wrong");
  const names = namesOf(job);
  const oldest = Math.min(...names.map((name) => known.probeGroups.get(name)?.at ?? Number.NEGATIVE_INFINITY));
  if (scene.sentAt - oldest > MAX_PROBE_AGE) more.push("fails a job on an old probe");
  const since = (name: string) => objects.get(name)?.since ?? Number.POSITIVE_INFINITY;
  const strange = strangeNamesOf(job).some((name) => {
    const at = Math.max(known.listings.get(job.externalId) ?? 0, known.probeGroups.get(name)?.at ?? 0);
    return since(name) <= at;
  });
  const [captioned = ""] = strangeNamesOf(job);
  const wide = saidFailed || known.listings.has(job.externalId) || known.probeGroups.has(captioned);
  if (!wide) more.push("does not probe other names");
  if (!saidFailed) more.push(...brokenByHeldFile(job, scene));
  // Who is shut out for less than the moment between two sights of another output cannot know it.
  const between = (at: number) => known.sights.some((each) => each < at) && known.sights.some((each) => each > at);
  const own = [...names, ...strangeNamesOf(job)];
  const shutOut = [...known.probeGroups].some(([name, { at, blind }]) => blind && own.includes(name) && between(at));
  const exists = !shutOut && !scenario.wrongBucket && (names.some((name) => since(name) <= oldest) || strange);
  const elsewhere = scenario.wrongBucket || scenario.moved !== null ? keysOf(job) : [];
  if (!exists && !elsewhere.some((key) => since(key) <= scene.sentAt)) {
    return { broken: [...broken, ...more], wronglyFails: false };
  }
  const borne = !exists && isBorne(job, scene);
  return {
    broken: borne ? [...broken, ...more] : [...broken, ...more, "fails a job whose output exists"],
    wronglyFails: true,
  };
}

/** The base itself is evidence: before a job is failed its target is read, and holds no file with the job's id in its name. */
function brokenByHeldFile(job: JobNow, { known, world }: Scene): readonly string[] {
  const target = known.reads.get(job.targetId);
  const held = target?.fields[world.fieldOf(job)];
  if (filesIn(held).some((name) => name.includes(job.externalId))) return ["fails a job whose target holds its file"];
  // A table that is refused says nothing of its jobs.
  const mayBeUnread = !world.calm || world.base.record(world.tableOf(job), job.targetId) === undefined;
  return target !== undefined || mayBeUnread ? [] : ["fails a job without a look at its target"];
}

/**
 * Whether nobody could know that the job's output is elsewhere: a person overrode the doubt, other outputs of the
 * operation are where the configuration looks, or the first few jobs of a new operation rely on another's.
 */
function isBorne(job: JobNow, { world, known, wronglyFailed }: Scene): boolean {
  const { force, named } = known.options;
  if (force || (known.command === "fail-old" && named !== null)) return true;
  if (world.scenario.wrongBucket) return false;
  const now = sightOf(job.operation, world);
  const before = known.sight.get(job.operation) ?? now;
  if (before.suspect && now.suspect) return false;
  if (before.known && now.known) return before.visible || now.visible;
  if (listsShapeOf(job.operation, world)) return true;
  const mayBorrow = world.scenario.bucket === "signed" && named === null;
  return mayBorrow && wronglyFailed(job.operation) < 5;
}

function brokenByTarget(table: string, { id, fields }: Written, read: Read, scene: Scene): readonly string[] {
  const { world, known } = scene;
  if (known.command !== "recover") return [`delivers in a ${known.command}`];
  const readJobs = [...known.reads].flatMap(([jobId, { fields, author }]) =>
    jobId.startsWith("recJob") ? [{ ...jobIn(jobId, fields), author }] : [],
  );
  const owners = readJobs.filter(({ targetId }) => targetId === id);
  // Without a file it is only the status that is written: that of an operation whose file is there.
  const owner =
    owners.find((each) => fields[world.fieldOf(each)] !== undefined) ??
    owners.find((each) => OPERATIONS[each.operation].set === fields.Status);
  if (owner === undefined || world.tableOf(owner) !== table) return ["touches a target of no stuck job"];
  const field = world.fieldOf(owner);
  const foreign = Object.keys(fields).filter((name) => name !== field && name !== "Status");
  if (foreign.length > 0) return [`touches ${foreign.join(", ")}`];
  // The file was there already, and only the status is missing.
  const alone = fields[field] === undefined;
  if (alone && (read.fields.Status ?? "") !== "") return [`takes ${read.fields.Status} back`];
  const files = filesIn(alone ? read.fields[field] : fields[field]);
  const job = readJobs.find((each) => {
    const open = each.status === "processing" || (each.status === "failed" && each.author === "polling");
    // The record shows what the tool has delivered once and Airtable dropped, whatever its external id is now.
    const isNoted = each.notes.includes(COMPLETED_PREFIX) || world.scenario.notes === "none";
    const delivered = each.status === "completed" && isNoted;
    const called = (file: string) =>
      delivered ? each.response.includes(`/${file}"`) : namesFor(each, world).includes(file);
    return each.operation === owner.operation && each.targetId === id && (open || delivered) && files.some(called);
  });
  if (job === undefined) return ["delivers a file that no job it has read calls for"];
  if (scene.sentAt - (known.reads.get(job.id)?.at ?? 0) > FRESH) return ["delivers on an old read of the job"];
  const beyond = brokenByScope(job, known);
  if (beyond.length > 0) return beyond;
  if (alone) return [];
  if (job.status === "completed" && !areSeen(fields[field], scene)) return ["delivers again what it has not seen"];
  // What Airtable has dropped beside another file of the output is not missed.
  const isAgain = job.status === "completed" && entriesOf(read.fields[field]).length > 0;
  if (job.operation === "split" && !isAgain && !isWhole(fields[field], read.fields[field])) {
    return ["delivers a part of an output"];
  }
  const replacing = brokenByReplacing(job, fields[field], read.fields[field], scene);
  // Where the file is there, and cut, it was its turn before.
  return isAgain ? replacing : [...replacing, ...brokenByAge(job, scene)];
}

/** Whether the run has seen each file that is written: what was delivered once may be gone from the bucket. */
function areSeen(written: unknown, { known }: Scene): boolean {
  const urls = entriesOf(written).flatMap(({ url }) => (typeof url === "string" ? [url] : []));
  return urls.every((url) => known.probeGroups.get(keyIn(url))?.seen);
}

/** Whether both files of an output are in what is written, as new files or as entries that are kept. */
function isWhole(written: unknown, held: unknown): boolean {
  // What the provider named is one file.
  if (!filesIn(written).some((name) => name.includes("_part_"))) return true;
  const kept = entriesOf(written).map(({ id }) => id);
  const names = [...filesIn(written), ...filesIn(entriesOf(held).filter(({ id }) => kept.includes(id)))];
  return ["_part_0.mp4", "_part_1.mp4"].every((part) => names.some((name) => name.endsWith(part)));
}

/** A provider may name what no pattern does. */
function namesFor(job: JobNow, { scenario }: Scene["world"]): readonly string[] {
  return scenario.provider ? keysOf(job).map(fileIn) : namesOf(job);
}

/** What is in the cell is another's, and its loss is only allowed where the operation says so. */
function brokenByReplacing(
  job: JobNow,
  written: unknown,
  held: unknown,
  { world, ownFiles }: Scene,
): readonly string[] {
  const names = filesIn(written);
  const kept = entriesOf(written).flatMap(({ id }) => (typeof id === "string" ? [id] : []));
  const isKept = (id: unknown) => typeof id === "string" && kept.includes(id);
  const lost = entriesOf(held).filter(({ id, filename }) => !names.includes(String(filename)) && !isKept(id));
  if (lost.length === 0) return [];
  const date = beganAt(job, world);
  // An older job's file that a sweep delivered gives way; that of a newer one never does.
  const isOlders = (filename: unknown) =>
    world.scenario.jobs.some(({ id, createdAt }) => {
      const other = world.job(id);
      const isOlder = createdAt < date || (createdAt === date && id < job.id);
      return other !== undefined && isOlder && namesOf(other).includes(String(filename));
    });
  // A run that was killed as it announced its write does not know whether the file is its own or the webhook's.
  const isAnnounced = (filename: unknown) =>
    world.journal.past().some(({ record, fields, finished }) => {
      return record === job.targetId && !finished && JSON.stringify(fields).includes(`"${filename}"`);
    });
  const isOwn = (id: unknown, filename: unknown) => ownFiles.has(String(id)) || isAnnounced(filename);
  if (lost.every(({ id, filename }) => isOwn(id, filename) && isOlders(filename))) return [];
  if (world.scenario.onExisting !== "replace") return [`overwrites ${lost.map(({ filename }) => filename).join(", ")}`];
  const newer = world.scenario.jobs.find(({ id, createdAt }) => {
    const other = world.job(id);
    if (other === undefined || other.id === job.id || other.operation !== job.operation) return false;
    if (createdAt < date || (createdAt === date && other.id < job.id)) return false;
    // A file is known by the external id in its name, and this one is none.
    if (/[ /]/.test(other.externalId)) return false;
    return lost.some(({ filename }) => namesOf(other).includes(String(filename)));
  });
  return newer === undefined ? [] : [`overwrites the file of the newer ${newer.id}`];
}

/** For this very target a newer job's output was seen, or it is not known whether there is one. */
function brokenByAge(job: JobNow, { world, known }: Scene): readonly string[] {
  const newer = world.scenario.jobs.flatMap(({ id, externalId, createdAt, targetId }) => {
    const other = world.job(id);
    if (other === undefined || !isRival(other, job)) return [];
    const date = beganAt(job, world);
    // Of two of the same instant the one with the greater id is the newer.
    const isNewer = createdAt > date || (createdAt === date && id > job.id);
    if (other.status !== "processing" || !isNewer) return [];
    // A person was asked about it, and wants the older one.
    if (known.declined.has(id)) return [];
    const unchanged = other.externalId === externalId && !world.reopenings.has(id) && !/[ /]/.test(externalId);
    const begun = dateOf(other, world);
    return [
      {
        id,
        alternatives: OPERATIONS[other.operation].names(other.externalId),
        listed: known.listed.has(id) && unchanged && targetId === other.targetId && !world.scenario.provider,
        mayCome: world.clock.now() - begun < HOUR - SLACK,
      },
    ];
  });
  const isWhole = (files: readonly string[]) => files.every((file) => known.probeGroups.get(file)?.seen);
  // One past its hour of which a provider was asked is known by the provider's own address, which may not answer.
  const counting = newer.filter(({ mayCome }) => mayCome || !world.scenario.provider);
  const seen = counting.find(({ alternatives }) => alternatives.some(isWhole));
  if (seen !== undefined) return [`delivers the file of a job that ${seen.id} supersedes`];
  // No job with an output waits beyond its own hour, and what is delivered then is the newest of them.
  const isOverdue = world.scenario.jobs.some(({ id, createdAt }) => {
    // Another run, or a webhook, may have closed it since this one found its output.
    const listed = known.listed.get(id);
    return [world.job(id), listed && jobIn(id, listed)].some((other) => {
      if (other === undefined || !isRival(other, job)) return false;
      const isSeen = namesOf(other).some((name) => known.probeGroups.get(name)?.seen);
      // What polling had failed is no younger for that.
      const begun = other.status === "failed" ? Math.max(createdAt, other.startedAt) : dateOf(other, world);
      return isSeen && world.clock.now() - begun > HOUR - SLACK;
    });
  });
  const awaited = isOverdue ? undefined : newer.find(({ listed, mayCome }) => listed && mayCome);
  return awaited === undefined ? [] : [`delivers a file although that of the newer ${awaited.id} may come`];
}

/** Whether both jobs are for the same field of the same record. */
export function isRival(one: JobNow, other: JobNow): boolean {
  return one.targetId === other.targetId && one.operation === other.operation;
}

/** When a job began, by which it is compared with others. */
function beganAt({ id, startedAt }: JobNow, { scenario }: Scene["world"]): number {
  return Math.max(scenario.jobs.find((each) => each.id === id)?.createdAt ?? 0, startedAt);
}

/** The age of one that polling had closed before and that is open again counts from then on. */
function dateOf(job: JobNow, world: Scene["world"]): number {
  return Math.max(beganAt(job, world), lastMark(job.notes) ?? 0);
}

/** The entries of an attachment cell. */
export function entriesOf(cell: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(cell) ? cell.filter(isObject) : [];
}

/** When polling closed the job last, or that was taken back, by its notes. */
export function lastMark(notes: string): number | null {
  const marks = [COMPLETED_PREFIX, FAILED_PREFIX, UNDONE_PREFIX].map((mark) => {
    const index = notes.lastIndexOf(mark);
    return index < 0 ? 0 : Date.parse(notes.slice(index + mark.length, index + mark.length + 24));
  });
  const last = Math.max(...marks);
  return last === 0 ? null : last;
}
