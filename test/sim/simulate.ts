import type { Command } from "../../src/core/domain/report.ts";
import { MINUTE, SECOND } from "../support/builders.ts";
import { Endless } from "./clock.ts";
import { scheduleFleet } from "./fleet.ts";
import { focusedScenario } from "./focus.ts";
import { OPERATION_NAMES } from "./operations.ts";
import { compareFields, predict, predictFields, undelivered } from "./oracle.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { type Ending, type RunnerOptions, startSweep } from "./runner.ts";
import { statusesTakenBack } from "./same-target.ts";
import { CALM, type Scenario, START, scenarioOf } from "./scenario.ts";
import { undoOne } from "./undo-runner.ts";
import { World } from "./world.ts";

/** What a simulated history came to: the promises that were broken, and what happened in it, for the statistics. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly sweeps: number;
  readonly recovered: number;
  readonly failed: number;
  readonly killed: number;
  /** Sweeps that a fleet gave to another host. */
  readonly takenOver: number;
  /** All that happened, in its order. */
  readonly story: readonly string[];
}

/** When all that the last sweep before the calm has closed, and that was opened again since, counts as stuck. */
const SETTLED = CALM + 8 * MINUTE;

/** Whether a store has transactions, or several hosts share the base by a queue. */
export type WorldKind = "one" | "transactions" | "fleet" | "fleet-transactions";

/** One history; one that goes round in circles breaks a promise too. */
export async function simulate(seed: number, kind: WorldKind = "one"): Promise<Outcome> {
  try {
    return await historyOf(seed, kind);
  } catch (error) {
    if (!(error instanceof Endless)) throw error;
    return {
      seed,
      violations: [error.message],
      sweeps: 0,
      recovered: 0,
      failed: 0,
      killed: 0,
      takenOver: 0,
      story: [],
    };
  }
}

/** Eight minutes of sweeps under faults, kills, webhooks, people and a second runner, then calm. */
async function historyOf(seed: number, kind: WorldKind): Promise<Outcome> {
  const random = new Random(seed);
  // A fleet has disturbances of its own.
  const inFleet = kind === "fleet" || kind === "fleet-transactions";
  const scenario = inFleet ? scenarioOf(random.fork()) : worldOf(seed, random.fork());
  const world = new World(scenario, random.fork(), kind === "transactions" || kind === "fleet-transactions");
  const { events: _, ...state } = scenario;
  world.log(JSON.stringify(state));
  const recorder = new Recorder(world);
  const endings: Ending[] = [];
  const begin = async (name: string, options: Omit<RunnerOptions, "name">): Promise<Ending> => {
    recorder.enter({ name, ...options });
    world.log(`${name} begins ${JSON.stringify({ ...options, hold: options.hold?.pause })}`);
    const ending = await startSweep(world, recorder, random.fork(), { name, ...options });
    world.log(`${name} is ${ending.kind}${describe(ending)}`);
    endings.push(ending);
    return ending;
  };
  const troubled = (machine: 0 | 1): Omit<RunnerOptions, "name"> => ({
    command: random.pick(COMMANDS),
    dryRun: random.chance(0.08),
    skew: scenario.skews[machine],
    killAt: random.chance(scenario.trouble.kill) ? random.whole(1, 60) : null,
    stopAt: random.chance(0.04) ? random.whole(0, 8 * SECOND) : null,
    limit: random.chance(0.05) ? random.whole(1, 5) : null,
    ...flagsOf(world, random),
    troubled: true,
    hold: null,
  });
  const fleet = inFleet
    ? scheduleFleet(world, random, (name, machine, hold) =>
        begin(name, { ...troubled(machine), command: "recover", dryRun: false, hold }),
      )
    : null;
  if (fleet === null) schedule(world, scenario.secondRunner, random, (name, machine) => begin(name, troubled(machine)));
  world.clock.after(SETTLED - START, () => undefined);
  await world.clock.run(() => world.clock.now() >= SETTLED);

  const predicted = predict(world);
  const fields = predictFields(world);
  const calm = {
    command: "recover",
    dryRun: false,
    skew: 0,
    killAt: null,
    stopAt: null,
    limit: null,
    ...NO_FLAGS,
    troubled: false,
    hold: null,
  } as const;
  await calmly(world, () => begin("calm-1", calm));
  await calmly(world, () => begin("calm-2", calm));
  const third = await calmly(world, () => begin("calm-3", calm));
  const inTheEnd = [
    ...compare(world, predicted),
    ...compareFields(fields, world),
    ...undelivered(world),
    ...statusesTakenBack(world),
  ];
  const undoing = random.fork();
  let undone: readonly string[] = [];
  if (undoing.chance(scenario.undone)) {
    undone = await inTime(world, undoOne(world, undoing));
    await calmly(world, () => begin("after-undo", calm));
    undone = [...undone, ...undelivered(world)];
  }
  const violations = [
    ...undone,
    ...endings.flatMap((ending) => (ending.kind === "crashed" ? [`a sweep crashed: ${ending.message}`] : [])),
    ...recorder.violations,
    ...inTheEnd,
    ...recorder.touched(),
    ...still(third, scenario),
  ];
  const reports = endings.flatMap((ending) => (ending.kind === "reported" ? [ending.report] : []));
  return {
    seed,
    violations,
    sweeps: endings.length,
    recovered: reports.reduce((sum, { summary }) => sum + summary.recovered, 0),
    failed: reports.reduce((sum, { summary }) => sum + summary.failed, 0),
    killed: endings.filter(({ kind }) => kind === "killed").length,
    takenOver: fleet?.takeovers() ?? 0,
    story: world.story,
  };
}

/** Returns the world that a seed stands for. */
function worldOf(seed: number, random: Random): Scenario {
  return focusedScenario(seed, random) ?? scenarioOf(random);
}

const NO_FLAGS = { named: null, only: null, force: false, confirm: false } as const;

/** What a person adds to the command line now and then. */
function flagsOf(world: World, random: Random): Pick<RunnerOptions, keyof typeof NO_FLAGS> {
  if (!random.chance(0.15)) return NO_FLAGS;
  switch (random.whole(0, 4)) {
    case 0:
    case 1: {
      const chosen = world.scenario.jobs.filter(() => random.chance(0.4)).map(({ id }) => id);
      const named = chosen.map((id) => (random.chance(0.5) ? id : (world.job(id)?.externalId ?? id)));
      return { ...NO_FLAGS, named: named.length === 0 ? null : named };
    }
    case 2:
      return { ...NO_FLAGS, only: [random.pick(OPERATION_NAMES)] };
    case 3:
      return { ...NO_FLAGS, force: true };
    default:
      return { ...NO_FLAGS, confirm: true };
  }
}

const COMMANDS: readonly [Command, ...Command[]] = [
  "recover",
  "recover",
  "recover",
  "recover",
  "recover",
  "recover",
  "recover",
  "recover",
  "fail-old",
  "scan",
];

function describe(ending: Ending): string {
  if ("message" in ending) return `: ${ending.message}`;
  if (ending.kind !== "reported") return "";
  const lines = ending.report.entries.map(({ id, verdict, applied, error }) => {
    const detail = "detail" in verdict ? ` (${verdict.detail})` : "";
    return `\n    ${id} ${verdict.kind}: ${verdict.reason}${detail}${applied ? ", done" : ""} ${error ?? ""}`;
  });
  return `${lines.join("")}`;
}

/** Every two minutes one machine sweeps, unless its last sweep still holds the lock; another one comes in between. */
function schedule(
  world: World,
  second: boolean,
  random: Random,
  sweepNow: (name: string, machine: 0 | 1) => Promise<Ending>,
): void {
  let running = false;
  for (let n = 0; n < 4; n += 1) {
    world.clock.after(n * 2 * MINUTE, () => {
      if (running) return;
      running = true;
      void sweepNow(`first-${n}`, 0).finally(() => {
        running = false;
      });
    });
    if (!second) continue;
    world.clock.after(n * 2 * MINUTE + random.whole(0, 5 * SECOND), () => void sweepNow(`second-${n}`, 1));
  }
}

/** Lets something come to its end. */
async function inTime<T>(world: World, work: Promise<T>): Promise<T> {
  let done = false;
  void work.finally(() => {
    done = true;
  });
  await world.clock.run(() => done);
  return await work;
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

/** Compares the final state of the jobs with what was predicted. */
function compare(world: World, predicted: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...predicted].flatMap(([id, allowed]) => {
    const status = world.job(id)?.status;
    if (status === undefined || allowed.includes(status)) return [];
    return [`${id} is ${status} in the end, and should be ${allowed.join(" or ")}`];
  });
}

/** What the base refuses to write is planned again each time. */
function still(ending: Ending, { locked, refused, fallback }: Scenario): readonly string[] {
  if (ending.kind !== "reported") return [`the third sweep of a calm world was ${ending.kind}`];
  const open = ending.report.entries.filter(
    ({ id, error }) => id !== locked && ((refused === null && fallback === "direct") || error === null),
  );
  const planned = open.filter(({ verdict }) => verdict.kind === "recover" || verdict.kind === "fail");
  return planned.map(({ id, verdict }) => `the third sweep of a calm world still plans to ${verdict.kind} ${id}`);
}
