import { buildChangeSets, type JournaledWrite } from "../../src/core/undo/change-sets.ts";
import { type Undone, undo } from "../../src/core/undo/undo.ts";
import { createRequests } from "../../src/stores/airtable/requests.ts";
import { createStore } from "../../src/stores/airtable/store.ts";
import { quietExchange } from "./network.ts";
import { OPERATIONS } from "./operations.ts";
import type { Random } from "./random.ts";
import { fieldsOf } from "./runner.ts";
import { BASE_ID, filesIn, type World } from "./world.ts";

/** Takes one run of the history back in the calm world, now and then by an undo that dies first, and says what is wrong. */
export async function undoOne(world: World, random: Random): Promise<readonly string[]> {
  const writes = world.journal.past();
  const runs = [...new Set(writes.filter(({ possiblyApplied }) => possiblyApplied).map(({ run }) => run))];
  const [first, ...rest] = runs;
  if (first === undefined) return [];
  const run = random.pick([first, ...rest]);
  world.log(`undo of ${run}`);
  if (random.chance(0.5))
    await Promise.race([takeBack(world, run, writes, random, random.whole(1, 8)), deadline(world)]);
  const before = snapshot(world);
  const results = await takeBack(world, run, writes, random, null);
  for (const { role, id, outcome, detail } of results) world.log(`undo: ${role} ${id} ${outcome} ${detail}`);
  const after = snapshot(world);
  const again = await takeBack(world, run, writes, random, null);
  return [
    ...unreported(writes, run, results),
    ...results.flatMap((undone) => wrong(undone, run, writes, before, after)),
    ...[...before].flatMap(([id, record]) => {
      const restored = results.some((undone) => undone.id === id && undone.outcome === "restored");
      return restored || record === after.get(id) ? [] : [`an undo touched ${id}, and does not say so`];
    }),
    ...again.flatMap(({ id, outcome }) => (outcome === "restored" ? [`${id} is put back twice`] : [])),
  ].map((what) => `undo of ${run}: ${what}`);
}

/** One undo, without faults on its way; it dies at its n-th request, after the base has carried it out. */
async function takeBack(
  world: World,
  run: string,
  writes: readonly JournaledWrite[],
  random: Random,
  killAt: number | null,
): Promise<readonly Undone[]> {
  let sent = 0;
  const { clock } = world;
  const exchange = quietExchange(world, async () => {
    sent += 1;
    if (sent === killAt) await new Promise(() => undefined);
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

function unreported(writes: readonly JournaledWrite[], run: string, results: readonly Undone[]): readonly string[] {
  const own = writes.filter((write) => write.run === run && write.possiblyApplied);
  return [...new Set(own.map(({ record }) => record))].flatMap((id) =>
    results.some((undone) => undone.id === id) ? [] : [`nothing is said of ${id}`],
  );
}

/** Held against what the journal says: a record that is put back is as the run found it, and another as it was. */
function wrong(
  { id, outcome, detail }: Undone,
  run: string,
  writes: readonly JournaledWrite[],
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  if (outcome !== "restored") {
    if (detail === "") return [`${id} is ${outcome}, without a word why`];
    return before.get(id) === after.get(id) ? [] : [`${id} is ${outcome}, and was written`];
  }
  const fields: Readonly<Record<string, unknown>> = JSON.parse(after.get(id) ?? "{}");
  const own = writes.filter((write) => write.run === run && write.record === id && write.possiblyApplied);
  const names = new Map([
    ["status", "Status"],
    ["responsePayload", "Response Payload"],
    ["error", "Error Details"],
  ]);
  return [...new Set(own.flatMap((write) => Object.keys(write.fields)))].flatMap((name) => {
    const cell = fields[names.get(name) ?? name] ?? null;
    const held = own.map((write) => write.fields[name]?.before ?? null);
    const shown = (value: unknown) => JSON.stringify(Array.isArray(value) ? filesIn(value) : value);
    const blank = Array.isArray(held[0]) && cell === null ? [] : cell;
    return held.some((value) => shown(value) === shown(blank)) ? [] : [`${id} holds ${shown(blank)} in ${name}`];
  });
}
