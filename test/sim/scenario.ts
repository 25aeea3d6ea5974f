import { isExternalId } from "../../src/core/domain/job.ts";
import type { Fallback, OnExisting, Via } from "../../src/core/domain/operation.ts";
import { HOUR, MINUTE, SECOND } from "../support/builders.ts";
import { type Event, interference, moment } from "./events.ts";
import { filesWith, OPERATIONS, type OperationName } from "./operations.ts";
import { fileNameFor, keyFor, type Moved, moveOf, type Past, pastOf } from "./places.ts";
import type { Random } from "./random.ts";

export const START = Date.parse("2026-03-01T12:00:00.000Z");

/** When the faults, the webhooks and the people stop. */
export const CALM = START + 8 * MINUTE;

/** What is true of a job in the world, whether or not anyone knows; ids as they are at the start. */
export interface SimJob {
  readonly id: string;
  readonly operation: OperationName;
  readonly targetId: string;
  readonly createdAt: number;
  readonly externalId: string;
}

/** What goes wrong between a runner and the world; shares of requests. */
export interface Trouble {
  readonly airtable: number;
  readonly storage: number;
  /** Of looks into a closed bucket: 403 for what is there, which a moment later is shown. */
  readonly refusing: number;
  /** Of lines of the journal: a disk that takes seconds. */
  readonly disk: number;
  /** Of posts to the application's handler. */
  readonly handler: number;
  /** Which faults the base has: of any kind, those after it has carried out a request, or answers that are only slow. */
  readonly faults: "all" | "answers" | "slow";
  /** The chance that Airtable cannot fetch an attachment, and drops it. */
  readonly fetching: number;
  /** How long it may take over one, in ms. */
  readonly fetchedWithin: number;
  /** The chance that it fetches only the beginning of one. */
  readonly truncating: number;
  /** The chance that a sweep is killed somewhere. */
  readonly kill: number;
}

export interface Scenario {
  readonly jobs: readonly SimJob[];
  readonly outputs: readonly string[];
  readonly events: readonly Event[];
  readonly trouble: Trouble;
  /** `open`: 404 for what is missing. `closed`: 403. `signed`: a true 404, and names may be listed. */
  /** `full`: it has every key that it is asked for, as a site with a default page does. */
  readonly bucket: "open" | "closed" | "signed" | "full";
  /** A time in which the bucket answers 403 to everything; its bounds may lie within a sweep. */
  readonly blind: { readonly from: number; readonly to: number } | null;
  /** The configuration names a bucket in which no output has ever been. */
  readonly wrongBucket: boolean;
  /** Since some moment the outputs of an operation are elsewhere than the configuration says; null: all are there. */
  readonly moved: Moved | null;
  /** Jobs that were completed long ago, with their outputs: what calibration and brake compare with. */
  readonly history: readonly Past[];
  /** A listing of completed jobs holds no more than so many and is not whole; null: it is. */
  readonly listingCut: number | null;
  /** Whether a listing of the bucket is never whole. */
  readonly namesCut: boolean;
  /** How far the runners' clocks are ahead, in ms. */
  readonly skews: readonly [number, number];
  readonly secondRunner: boolean;
  /** `none`: the base has no field for them. */
  readonly notes: "full" | "short" | "none";
  /** Whether jobs are recovered and failed at any age. */
  readonly ageless: boolean;
  readonly onExisting: OnExisting;
  /** The base's field for when a job was begun, which a new run sets again: so many ms wrong; null: it has none. */
  readonly startedAt: number | null;
  /** A job that the base refuses to change, and with it each batch that it is in. */
  readonly locked: string | null;
  /**
   * A kind of write that the base refuses for every record: completing a job, for want of the option; or delivering to a
   * segment, whose field is locked.
   */
  readonly refused: "completion" | "segments" | null;
  /** Whether the provider can be asked. */
  readonly provider: boolean;
  /** Who completes what is found: the tool, or the application, to which the webhook is sent again. */
  readonly via: Via;
  /** What follows where the application did not complete it. */
  readonly fallback: Fallback;
  /** Records on a page of a listing: Airtable's are 100, small ones make the same of fewer records. */
  readonly pageSize: number;
  /** The chance that a run of the history is undone in the end. */
  readonly undone: number;
  /** How many jobs a run may fail. */
  readonly maxFails: number;
}

/** The world that a seed stands for. */
export function scenarioOf(random: Random): Scenario {
  const crowd = random.chance(0.004);
  const worker = crowd || random.chance(0.25);
  const trickle = worker && random.chance(0.5);
  const count = crowd ? random.whole(101, 130) : worker ? random.whole(7, 16) : random.whole(1, 6);
  const wrongBucket = random.chance(worker ? 0.5 : 0.08);
  // A wrong name does the most harm where the bucket says truly what is missing.
  const bucket = random.chance(0.03)
    ? "full"
    : random.pick(["open", "closed", wrongBucket ? "open" : "closed", "signed"] as const);
  // A place with a default page has it for everyone.
  const blind = random.chance(0.25) && bucket !== "full" ? blindness(random) : null;
  // Where a 403 comes and goes, what is due to be failed must not be taken for missing.
  const refusing = bucket === "closed" && random.chance(0.4) ? 0.5 : 0;
  const ageOf = trickle ? trickling : worker || (refusing > 0 && random.chance(0.7)) ? longDue : anyAge;
  const jobs = jobsOf(count, { worker, ageOf, random });
  const moved = random.chance(worker ? 0.25 : 0.08) ? moveOf(jobs, random) : null;
  const { outputs, events } = fatesOf(jobs, {
    dead: worker && !trickle && !wrongBucket && random.chance(0.5),
    bucket,
    moved,
    random,
  });
  for (const job of jobs) {
    const newer = jobs.find(({ targetId, createdAt }) => targetId === job.targetId && createdAt > job.createdAt);
    events.push(...interference(job, newer, moved, random));
    if (random.chance(0.03)) {
      const fileName = fileNameFor(job.operation, job.externalId, random);
      events.push({ kind: "vanish", at: moment(random), fileName });
    }
  }
  if (random.chance(0.1)) events.push({ kind: "burst", at: moment(random) });
  const onExisting = random.pick(["skip", "skip", "skip", "replace", "replace", "append"] as const);
  const [first] = jobs;
  // Someone has just put a file of their own beside the one that is missing.
  if (onExisting === "append" && first !== undefined && random.chance(0.3)) {
    events.push({ kind: "occupy-target", at: START, job: first, fileName: "by hand.mp4", bare: random.chance(0.5) });
  }
  const due = jobs.find(({ createdAt }) => createdAt < START - HOUR);
  // It is run again under the same id while a sweep is about to fail it.
  if (due !== undefined && random.chance(0.1)) {
    events.push({ kind: "rerun", at: START + random.whole(400, 2_500), job: due, externalId: due.externalId });
  }
  const scenario: Omit<Scenario, "trouble"> & { readonly trouble: Omit<Trouble, "truncating"> } = {
    jobs,
    outputs,
    events: events.sort((a, b) => a.at - b.at),
    trouble: { ...troubleOf(random), refusing },
    bucket,
    blind,
    wrongBucket,
    moved,
    history: pastOf(moved, random),
    listingCut: random.chance(moved === null ? 0.04 : 0.35) ? random.whole(0, 3) : null,
    namesCut: random.chance(0.15),
    skews: [skewOf(random), skewOf(random)],
    secondRunner: random.chance(0.35),
    notes: random.chance(0.05) ? "full" : random.chance(0.08) ? "none" : "short",
    ageless: random.chance(0.08),
    onExisting,
    startedAt: random.chance(0.4) ? random.pick([0, 0, -1, -5] as const) * HOUR : null,
    locked: random.chance(0.12) ? random.pick([jobs[0]?.id ?? "", ...jobs.map(({ id }) => id)]) : null,
    provider: random.chance(0.2),
    via: random.chance(0.1) ? "webhook" : "direct",
    pageSize: random.chance(0.5) ? 100 : random.whole(1, 5),
    fallback: random.chance(0.6) ? "direct" : "none",
    undone: 0.5,
    maxFails: 100,
    refused: random.chance(0.08) ? random.pick(["completion", "completion", "segments"] as const) : null,
  };
  const trouble = { ...scenario.trouble, truncating: random.pick([0, 0, 0.1, 0.4] as const) };
  return { ...scenario, trouble, ...(random.chance(0.1) ? delayed(scenario, random) : {}) };
}

/**
 * Makes the jobs of a table be for one record, and their outputs appear after the last sweep that meets trouble: which is
 * delivered is left to the calm ones, and can be predicted.
 */
function delayed(
  { jobs, outputs, events }: Pick<Scenario, "jobs" | "outputs" | "events">,
  random: Random,
): Pick<Scenario, "jobs" | "outputs" | "events"> {
  const late = outputs.map((fileName): Event => {
    return { kind: "output", at: CALM - random.whole(1, 60 * SECOND), fileName };
  });
  const isFew = jobs.length <= 6;
  const together = jobs.map((job) => {
    const first = jobs.find(({ operation }) => OPERATIONS[operation].table === OPERATIONS[job.operation].table);
    return isFew ? { ...job, targetId: first?.targetId ?? job.targetId } : job;
  });
  return { jobs: together, outputs: [], events: [...events, ...late].sort((a, b) => a.at - b.at) };
}

function jobsOf(
  count: number,
  { worker, ageOf, random }: { worker: boolean; ageOf: (random: Random) => number; random: Random },
): readonly SimJob[] {
  const herdOperation = random.pick(USUAL);
  const jobs: SimJob[] = [];
  for (let n = 0; n < count; n += 1) {
    const operation = worker ? herdOperation : random.pick(USUAL);
    const [before] = jobs.slice(-1);
    const { table } = OPERATIONS[operation];
    const shared =
      before !== undefined && OPERATIONS[before.operation].table === table && !worker && random.chance(0.4);
    jobs.push({
      id: recordId("Job", n),
      operation,
      targetId: shared ? before.targetId : recordId(table === "Segments" ? "Seg" : "Vid", n),
      createdAt: shared && random.chance(0.08) ? before.createdAt : START - ageOf(random),
      externalId: random.chance(0.03) ? "not / an id" : `x${n}-${random.whole(1000, 9999)}`,
    });
  }
  return jobs;
}

/** How often each operation occurs. */
const USUAL = ["combine", "combine", "combine", "concatenate", "concatenate", "concatenate", "zoom", "split"] as const;

/** When the outputs of the jobs appear, and whether their webhooks come. */
function fatesOf(
  jobs: readonly SimJob[],
  { dead, bucket, moved, random }: { dead: boolean; bucket: Scenario["bucket"]; moved: Moved | null; random: Random },
): { outputs: string[]; events: Event[] } {
  const outputs: string[] = [];
  const events: Event[] = [];
  for (const job of jobs) {
    if (!isExternalId(job.externalId)) continue;
    const fileName = keyFor({ ...job, begun: job.createdAt }, moved, random);
    const fate = random.next();
    const at = moment(random);
    if (dead && random.chance(0.9)) continue;
    const [, part] = filesWith(fileName);
    if (fate < 0.45) outputs.push(...filesWith(fileName));
    else if (fate < 0.65) events.push({ kind: "output", at, fileName });
    if (fate >= 0.45 && fate < 0.65 && part !== undefined) {
      // The second file comes later, and now and then it does not come.
      const later = Math.min(CALM - 2 * SECOND, at + random.whole(0, 20 * SECOND));
      if (random.chance(0.9)) events.push({ kind: "output", at: later, fileName: part });
    }
    if (fate >= 0.7) continue;
    if (fate >= 0.65) {
      // Under a name that no pattern has: one that the worker is known to use, or one that only a listing shows.
      outputs.push(`${job.externalId}_${bucket === "signed" && random.chance(0.5) ? "v2" : "captioned"}.mp4`);
      continue;
    }
    if (!random.chance(0.4)) continue;
    const late = Math.min(CALM - SECOND, at + random.whole(0, random.chance(0.5) ? 5 * SECOND : 90 * SECOND));
    const success: Event = { kind: "webhook-success", at: late, job, fileName };
    events.push(success);
    if (random.chance(0.2)) events.push({ ...success, at: Math.min(CALM - 1, late + random.whole(1, 60 * SECOND)) });
  }
  return { outputs, events };
}

/** Between nothing and 30 hours, most of them around the thresholds; none that crosses one once all is calm. */
function anyAge(random: Random): number {
  const sort = random.next();
  if (sort < 0.15) return random.whole(0, 3 * MINUTE);
  if (sort < 0.5) return random.whole(6 * MINUTE, 35 * MINUTE);
  if (sort < 0.88) return longDue(random);
  return sort < 0.94 ? random.whole(25 * HOUR, 30 * HOUR) : random.whole(70 * HOUR, 90 * HOUR);
}

function longDue(random: Random): number {
  return random.whole(61 * MINUTE, 3 * HOUR);
}

/** One after the other they pass the hour while the sweeps go on. */
function trickling(random: Random): number {
  return random.whole(53 * MINUTE, 61 * MINUTE);
}

/** For minutes; or for a moment in the middle of a sweep. */
function blindness(random: Random): NonNullable<Scenario["blind"]> {
  const from = moment(random);
  if (random.chance(0.6)) return { from, to: from + random.whole(SECOND, 4 * MINUTE) };
  const within = START + random.whole(0, 3) * 2 * MINUTE + random.whole(100, 1_200);
  return { from: within, to: within + random.whole(50, 900) };
}

function skewOf(random: Random): number {
  if (random.chance(0.8)) return random.whole(-1500, 1500);
  return random.chance(0.5) ? random.whole(-90, 90) * MINUTE : random.whole(-240, 240) * SECOND;
}

function troubleOf(random: Random): Omit<Trouble, "refusing" | "truncating"> {
  const airtable = random.pick([0, 0.02, 0.1, 0.25] as const);
  return {
    airtable,
    disk: 0,
    handler: airtable,
    storage: random.pick([0, 0.05, 0.3] as const),
    faults: random.chance(0.15) ? "answers" : "all",
    fetching: random.pick([0, 0, 0.2] as const),
    fetchedWithin: 20 * SECOND,
    kill: random.pick([0, 0.3, 0.6] as const),
  };
}

export function recordId(kind: "Job" | "Seg" | "Vid", n: number): string {
  return `rec${kind}${String(n).padStart(11, "0")}`;
}

/** Another record of the same table, which nothing else points to. */
export function otherTarget(targetId: string): string {
  return `${targetId.slice(0, 6)}9${targetId.slice(7)}`;
}
