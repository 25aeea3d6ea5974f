import { isObject } from "../../src/core/domain/json.ts";
import type { Change, JournaledWrite } from "../../src/core/ports/journal.ts";
import { buildChangeSets } from "../../src/core/undo/change-sets.ts";
import { type Undone, undo } from "../../src/core/undo/undo.ts";
import { createRequests } from "../../src/stores/airtable/requests.ts";
import { createStore } from "../../src/stores/airtable/store.ts";
import { quietExchange } from "./network.ts";
import { OPERATIONS } from "./operations.ts";
import type { Random } from "./random.ts";
import { fieldsOf } from "./runner.ts";
import { BASE_ID, filesIn, type World } from "./world.ts";

/** A write rests on a read of at most 5 s before; on top of that comes the turn that it waits for. */
const FRESH = 6_000;

/** Takes one run of the history back in the calm world, now and then by an undo that dies first, and says what is wrong. */
export async function undoOne(world: World, random: Random): Promise<readonly string[]> {
  const writes = world.journal.past();
  const run = runToUndo(
    writes.filter(({ possiblyApplied }) => possiblyApplied),
    random,
  );
  if (run === null) return [];
  const stale: string[] = [];
  world.log(`undo of ${run}`);
  if (random.chance(0.5))
    await Promise.race([takeBack(world, run, writes, random, random.whole(1, 8), stale), deadline(world)]);
  const before = snapshot(world);
  const results = await takeBack(world, run, writes, random, null, stale);
  for (const { role, id, outcome, detail } of results) world.log(`undo: ${role} ${id} ${outcome} ${detail}`);
  const after = snapshot(world);
  const again = await takeBack(world, run, writes, random, null, stale);
  return [
    ...stale,
    ...unreported(writes, run, results),
    ...results.flatMap((undone) => {
      const others = results.filter(({ id, job }) => id === undone.id && job !== undone.job);
      const isShared = others.some(({ outcome }) => outcome === "restored");
      return wrong(undone, run, writes, before, after, isShared);
    }),
    ...torn(writes, run, results, world),
    ...[...before].flatMap(([id, record]) => {
      const restored = results.some((undone) => undone.id === id && undone.outcome === "restored");
      return restored || record === after.get(id) ? [] : [`an undo touched ${id}, and does not say so`];
    }),
    ...again.flatMap(({ id, job, outcome }) => {
      const isSame = (undone: Undone) => undone.id === id && undone.job === job;
      const before = results.some((undone) => isSame(undone) && undone.outcome === "restored");
      return before && outcome === "restored" ? [`${id} is put back twice`] : [];
    }),
  ].map((what) => `undo of ${run}: ${what}`);
}

/** Mostly a run that wrote a record twice, where there is one. */
function runToUndo(writes: readonly JournaledWrite[], random: Random): string | null {
  const wroteTwice = writes.filter((write, n) => {
    return writes.slice(0, n).some(({ run, record }) => run === write.run && record === write.record);
  });
  const among = wroteTwice.length > 0 && random.chance(0.7) ? wroteTwice : writes;
  const [first, ...rest] = [...new Set(among.map(({ run }) => run))];
  return first === undefined ? null : random.pick([first, ...rest]);
}

/** The records of a request or an answer. */
function idsIn(body: unknown): readonly string[] {
  const records: readonly unknown[] = isObject(body) && Array.isArray(body.records) ? body.records : [];
  return records.flatMap((record) => (isObject(record) && typeof record.id === "string" ? [record.id] : []));
}

/** One undo, without faults on its way; it dies at its n-th request, after the base has carried it out. */
async function takeBack(
  world: World,
  run: string,
  writes: readonly JournaledWrite[],
  random: Random,
  killAt: number | null,
  stale: string[],
): Promise<readonly Undone[]> {
  let sent = 0;
  const { clock } = world;
  const reads = new Map<string, number>();
  const slow = random.chance(0.4);
  const takes = () => (slow && random.chance(0.3) ? random.whole(100, 9_000) : 100);
  const exchange = quietExchange(world, takes, async ({ request, reply, sentAt }) => {
    sent += 1;
    if (sent === killAt) await new Promise(() => undefined);
    const records: unknown = JSON.parse(reply.body);
    for (const id of idsIn(request.method === "PATCH" ? request.body : records)) {
      if (request.method !== "PATCH") reads.set(id, clock.now());
      else if (sentAt - (reads.get(id) ?? 0) > FRESH) stale.push(`${id} is written on an old read`);
    }
  });
  const requests = createRequests({
    client: exchange,
    async acquireSlot() {
      await clock.sleep(260);
      return { sent() {}, done() {} };
    },
    clock,
    random: random.next,
    remaining: () => 3_600_000,
  });
  const store = createStore(requests, {
    baseId: BASE_ID,
    jobs: { table: "Jobs", fields: fieldsOf(world), completedStatus: "completed" },
    operations: Object.values(OPERATIONS).map(({ configured }) => configured),
  });
  const never = new AbortController().signal;
  const { records } = await undo(buildChangeSets(writes, run, null), {
    store,
    atomic: null,
    clock,
    random: random.next,
    limits: { listing: never, start: never, reads: never, writes: never },
    signature: { runId: `undo-${random.whole(1, 1e9)}`, version: "0.0.0" },
    dryRun: false,
    completedStatus: "completed",
    journal: world.journal,
    redact: (text) => text,
    absent: new Set(world.scenario.notes === "none" ? (["notes"] as const) : []),
  });
  return records;
}

async function deadline({ clock }: World): Promise<void> {
  await clock.sleep(120_000);
}

/** Each record as JSON, without the notes of jobs: they are added to. */
function snapshot(world: World): ReadonlyMap<string, string> {
  const records = ["Jobs", "Segments", "Videos"].flatMap((table) => world.base.records(table));
  return new Map(
    records.map(({ id, fields }) => {
      const kept = Object.entries(fields).filter(([name]) => name !== "Notes");
      return [id, JSON.stringify(Object.fromEntries(kept.sort(([a], [b]) => a.localeCompare(b))))];
    }),
  );
}

/** Jobs that were put back without their file, and files that were taken from a completed job. */
function torn(
  writes: readonly JournaledWrite[],
  run: string,
  results: readonly Undone[],
  world: World,
): readonly string[] {
  return results.flatMap((target) => {
    if (target.role !== "target") return [];
    const own = writes.filter((write) => {
      return write.run === run && write.role === "job" && (write.supersededBy ?? write.job.id) === target.job;
    });
    const ids = new Set([target.job, ...own.map(({ record }) => record)]);
    const restored = results.filter(({ role, id, outcome }) => role === "job" && ids.has(id) && outcome === "restored");
    // Where the base is slow, a target may be left over: then another undo does the rest.
    const left = (target.outcome === "changed-since" || target.outcome === "cannot") && target.detail !== "not reached";
    if (left) return restored.map(({ id }) => `${id} is put back, and ${target.id} is not: ${target.detail}`);
    if (target.outcome !== "restored") return [];
    const completed = [...ids].filter((id) => world.job(id)?.status === "completed");
    return completed.map((id) => `${target.id} is put back, and ${id} is completed`);
  });
}

function unreported(writes: readonly JournaledWrite[], run: string, results: readonly Undone[]): readonly string[] {
  const own = writes.filter((write) => write.run === run && write.possiblyApplied);
  return [...new Set(own.map(({ record }) => record))].flatMap((id) =>
    results.some((undone) => undone.id === id) ? [] : [`nothing is said of ${id}`],
  );
}

/** Held against what the journal says: a record that is put back is as the run found it, and another as it was. */
function wrong(
  { role, id, job, outcome, detail }: Undone,
  run: string,
  writes: readonly JournaledWrite[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  isShared: boolean,
): readonly string[] {
  if (outcome !== "restored") {
    if (detail === "") return [`${id} is ${outcome}, without a word why`];
    return isShared || before.get(id) === after.get(id) ? [] : [`${id} is ${outcome}, and was written`];
  }
  const fields: Readonly<Record<string, unknown>> = JSON.parse(after.get(id) ?? "{}");
  const found: Readonly<Record<string, unknown>> = JSON.parse(before.get(id) ?? "{}");
  // What later runs delivered again is taken away as well.
  const isOfRun = (write: JournaledWrite) =>
    write.run === run || (write.role === "target" && write.reason === "delivery-retried");
  const since = writes.slice(writes.findIndex((write) => write.run === run));
  const ofRecord = since.filter((write) => isOfRun(write) && write.record === id && write.possiblyApplied);
  // Of a record that several jobs are for, only what was written for this one.
  const own = ofRecord.filter((write) => role === "job" || (write.supersededBy ?? write.job.id) === job);
  const names = new Map([
    ["status", "Status"],
    ["responsePayload", "Response Payload"],
    ["error", "Error Details"],
  ]);
  return [...new Set(own.flatMap((write) => Object.keys(write.fields)))].flatMap((name) => {
    const cell = fields[names.get(name) ?? name] ?? null;
    const changes = own.flatMap((write): readonly Rewrite[] => {
      const change = write.fields[name];
      return change === undefined ? [] : [{ ...change, isAgain: write.run !== run }];
    });
    const held = heldBefore(changes, found[names.get(name) ?? name] ?? null);
    return shown(held) === shown(cell) ? [] : [`${id} holds ${shown(cell)} in ${name}, and held ${shown(held)}`];
  });
}

interface Rewrite extends Change {
  /** Whether a later run delivered again what Airtable had dropped. */
  readonly isAgain: boolean;
}

/** What a field held before the run came: before its first write, unless someone else wrote between two of them. */
function heldBefore(changes: readonly Rewrite[], found: unknown): unknown {
  let last = changes.findLastIndex(({ after }) => shown(after) === shown(found));
  if (last < 0) return found;
  const follows = (n: number) => changes[n]?.isAgain || shown(changes[n - 1]?.after) === shown(changes[n]?.before);
  while (last > 0 && follows(last)) last -= 1;
  return changes[last]?.before ?? null;
}

/** Files by their names; no files are a blank cell. */
function shown(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value ?? null);
  return value.length === 0 ? "null" : JSON.stringify(filesIn(value));
}
