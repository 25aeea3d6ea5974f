import { MINUTE, SECOND } from "../support/world.ts";
import { filesIn, Witness } from "./invariants.ts";
import { predict } from "./oracle.ts";
import { Random } from "./random.ts";
import { type Ending, startSweep } from "./runner.ts";
import { CALM, START, scenarioOf } from "./scenario.ts";
import { World } from "./world.ts";

/** What a simulated history came to: the promises that were broken, and what happened in it, for the statistics. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly recovered: number;
  readonly failed: number;
  readonly killed: number;
  /** All that happened, in its order. */
  readonly story: readonly string[];
}

/** When the last sweep that was begun before the calm is sure to have ended. */
const SETTLED = CALM + 100 * SECOND;

/** One history: eight minutes of sweeps under faults, kills, webhooks, people and a second runner, then calm. */
export async function simulate(seed: number): Promise<Outcome> {
  const random = new Random(seed);
  const scenario = scenarioOf(random.fork());
  const world = new World(scenario, random.fork());
  const witness = new Witness(world);
  const endings: Ending[] = [];
  const sweepNow = async (name: string, machine: 0 | 1, troubled: boolean): Promise<Ending> => {
    const dryRun = troubled && random.chance(0.1);
    const skew = troubled ? scenario.skews[machine] : 0;
    const killAt = troubled && random.chance(scenario.trouble.kill) ? random.whole(1, 30) : null;
    witness.enter(name, { skew, mayWrite: !dryRun });
    const ending = await startSweep(world, witness, random.fork(), { name, dryRun, skew, killAt, troubled });
    endings.push(ending);
    return ending;
  };
  schedule(world, scenario.secondRunner, random, sweepNow);
  world.clock.after(SETTLED - START, () => undefined);
  await world.clock.run(() => world.clock.now() >= SETTLED);

  const predicted = predict(world);
  const [, , third] = [
    await calmly(world, () => sweepNow("calm-1", 0, false)),
    await calmly(world, () => sweepNow("calm-2", 0, false)),
    await calmly(world, () => sweepNow("calm-3", 0, false)),
  ];
  const violations = [...witness.violations, ...compare(world, predicted), ...still(third)];
  const reports = endings.flatMap((ending) => (ending.kind === "reported" ? [ending.report] : []));
  return {
    seed,
    violations,
    recovered: reports.reduce((sum, { summary }) => sum + summary.recovered, 0),
    failed: reports.reduce((sum, { summary }) => sum + summary.failed, 0),
    killed: endings.filter(({ kind }) => kind === "killed").length,
    story: world.story,
  };
}

/** Every two minutes one machine sweeps, unless its last sweep still holds the lock; another one comes in between. */
function schedule(
  world: World,
  second: boolean,
  random: Random,
  sweepNow: (name: string, machine: 0 | 1, troubled: boolean) => Promise<Ending>,
): void {
  let running = false;
  for (let n = 0; n < 4; n += 1) {
    world.clock.after(n * 2 * MINUTE, () => {
      if (running) return;
      running = true;
      void sweepNow(`first-${n}`, 0, true).finally(() => {
        running = false;
      });
    });
    if (!second) continue;
    world.clock.after(n * 2 * MINUTE + random.whole(0, 5 * SECOND), () => void sweepNow(`second-${n}`, 1, true));
  }
}

/** Lets a sweep come to its end, and a minute pass. */
async function calmly(world: World, begin: () => Promise<Ending>): Promise<Ending> {
  let ending: Ending | null = null;
  void begin().then((ended) => {
    ending = ended;
  });
  await world.clock.run(() => ending !== null);
  const until = world.clock.now() + MINUTE;
  world.clock.after(MINUTE, () => undefined);
  await world.clock.run(() => world.clock.now() >= until);
  if (ending === null) throw new Error("a sweep in a calm world never ended");
  return ending;
}

/** Holds what became of the jobs against what was predicted, and looks for completed jobs without a file. */
function compare(world: World, predicted: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return world.scenario.jobs.flatMap((job) => {
    const record = world.base.record("Jobs", job.id);
    const allowed = predicted.get(job.id);
    if (record === undefined || allowed === undefined) return [];
    const status = String(record.fields.Status);
    if (!allowed.includes(status)) return [`${job.id} is ${status} in the end, and should be ${allowed.join(" or ")}`];
    const notes = String(record.fields.Notes ?? "");
    const byUs = status === "completed" && String(record.fields["Response Payload"]).includes("polling");
    const target = world.base.record(world.tableOf(job), job.targetId);
    const empty = target !== undefined && filesIn(target.fields[world.fieldOf(job)]).length === 0;
    const told = notes.includes("Delivery failed via polling at ");
    return byUs && empty && !told ? [`${job.id} is completed, its target is empty, and nobody says so`] : [];
  });
}

function still(ending: Ending): readonly string[] {
  if (ending.kind !== "reported") return [`the third sweep of a calm world was ${ending.kind}`];
  const planned = ending.report.entries.filter(({ verdict }) => verdict.kind === "recover" || verdict.kind === "fail");
  return planned.map(({ id, verdict }) => `the third sweep of a calm world still plans to ${verdict.kind} ${id}`);
}
