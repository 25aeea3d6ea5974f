import { isExternalId } from "../../src/core/job.ts";
import { HOUR, MINUTE, SECOND } from "../support/world.ts";
import type { Random } from "./random.ts";

export const START = Date.parse("2026-03-01T12:00:00.000Z");

/** When the faults, the webhooks and the people stop. */
export const CALM = START + 8 * MINUTE;

/** What is true of a job in the world, whether or not anyone knows. */
export interface SimJob {
  readonly id: string;
  readonly operation: "combine" | "concatenate";
  readonly targetId: string;
  readonly createdAt: number;
}

/** Something that happens to the world at a moment, by another hand than the tool's. */
export type Event = { readonly at: number } & (
  | { readonly kind: "output"; readonly externalId: string; readonly fileName: string }
  | { readonly kind: "webhook-success"; readonly job: SimJob; readonly fileName: string }
  | { readonly kind: "webhook-failure"; readonly job: SimJob }
  | { readonly kind: "rerun"; readonly job: SimJob; readonly externalId: string }
  | { readonly kind: "edit-notes"; readonly job: SimJob }
  | { readonly kind: "set-status"; readonly job: SimJob; readonly status: "completed" | "failed" }
  | { readonly kind: "delete-job"; readonly job: SimJob }
  | { readonly kind: "delete-target"; readonly job: SimJob }
  | { readonly kind: "occupy-target"; readonly job: SimJob }
);

/** What goes wrong between a runner and the world; shares of requests. */
export interface Trouble {
  readonly airtable: number;
  readonly storage: number;
  /** The chance that Airtable cannot fetch an attachment, and drops it. */
  readonly fetching: number;
  /** The chance that a sweep is killed somewhere. */
  readonly kill: number;
}

export interface Scenario {
  readonly jobs: readonly (SimJob & { readonly externalId: string })[];
  readonly outputs: readonly string[];
  readonly events: readonly Event[];
  readonly trouble: Trouble;
  /** How the bucket says that something is missing. */
  readonly missing: "404" | "403";
  /** The configuration names a bucket in which no output has ever been. */
  readonly wrongBucket: boolean;
  /** A job that was completed long ago, with its output: what calibration and brake compare with. */
  readonly history: boolean;
  /** How far the runners' clocks are ahead, in ms. */
  readonly skews: readonly [number, number];
  readonly secondRunner: boolean;
  readonly notes: "full" | "short";
}

export function fileNameFor(operation: SimJob["operation"], externalId: string, random: Random): string {
  return operation === "concatenate" && random.chance(0.7) ? `${externalId}.mp4` : `${externalId}_output_0.mp4`;
}

/** The world that a seed stands for. */
export function scenarioOf(random: Random): Scenario {
  const herd = random.chance(0.15);
  const count = herd ? random.whole(7, 16) : random.whole(1, 6);
  const herdOperation = random.pick(["combine", "concatenate"] as const);
  const jobs = Array.from({ length: count }, (_, n) => {
    const operation = herd ? herdOperation : random.pick(["combine", "concatenate"] as const);
    const shared = n > 0 && !herd && random.chance(0.12);
    return {
      id: recordId("Job", n),
      operation,
      targetId: recordId(operation === "combine" ? "Seg" : "Vid", shared ? n - 1 : n),
      createdAt: START - ageOf(random, herd),
      externalId: random.chance(0.04) ? "not / an id" : `x${n}-${random.whole(1000, 9999)}`,
    };
  });
  const outputs: string[] = [];
  const events: Event[] = [];
  const wrongBucket = random.chance(0.12);
  const dead = herd && random.chance(0.6);
  for (const job of jobs) {
    const fileName = fileNameFor(job.operation, job.externalId, random);
    const fate = random.next();
    const at = random.whole(START, CALM - MINUTE);
    if (dead && random.chance(0.9)) continue;
    if (fate < 0.5) outputs.push(fileName);
    else if (fate < 0.7) events.push({ kind: "output", at, externalId: job.externalId, fileName });
    else continue;
    if (random.chance(0.4)) {
      const late = Math.min(CALM - SECOND, at + random.whole(0, 90 * SECOND));
      events.push({ kind: "webhook-success", at: late, job, fileName });
      if (random.chance(0.2))
        events.push({ kind: "webhook-success", at: Math.min(CALM - 1, late + 5000), job, fileName });
    }
  }
  for (const job of jobs) events.push(...interference(job, random));
  return {
    jobs,
    outputs: outputs.filter((name) => isExternalId(name)),
    events: [...events].sort((a, b) => a.at - b.at),
    trouble: troubleOf(random),
    missing: random.pick(["404", "403"] as const),
    wrongBucket,
    history: random.chance(0.7),
    skews: [skewOf(random), skewOf(random)],
    secondRunner: random.chance(0.35),
    notes: random.chance(0.05) ? "full" : "short",
  };
}

/** Between a minute and 30 hours, most of them around the thresholds; none that crosses one after the calm. */
function ageOf(random: Random, herd: boolean): number {
  const sort = herd ? 0.7 : random.next();
  if (sort < 0.15) return random.whole(0, 3 * MINUTE);
  if (sort < 0.5) return random.whole(6 * MINUTE, 40 * MINUTE);
  if (sort < 0.9) return random.whole(61 * MINUTE, 3 * HOUR);
  return random.whole(25 * HOUR, 30 * HOUR);
}

function skewOf(random: Random): number {
  if (random.chance(0.8)) return random.whole(-1500, 1500);
  return random.chance(0.5) ? random.whole(-90, 90) * MINUTE : random.whole(-240, 240) * SECOND;
}

function troubleOf(random: Random): Trouble {
  const level = random.pick([0, 0.02, 0.1, 0.25] as const);
  return {
    airtable: level,
    storage: random.pick([0, 0.05, 0.3] as const),
    fetching: random.pick([0, 0, 0.2] as const),
    kill: random.pick([0, 0.3, 0.6] as const),
  };
}

function interference(job: SimJob, random: Random): readonly Event[] {
  if (!random.chance(0.25)) return [];
  const at = random.whole(START, CALM - 1);
  switch (random.whole(0, 6)) {
    case 0:
      return [{ kind: "webhook-failure", at, job }];
    case 1: {
      const externalId = `r${random.whole(100_000, 999_999)}`;
      const rerun: Event = { kind: "rerun", at, job, externalId };
      if (random.chance(0.5)) return [rerun];
      const fileName = fileNameFor(job.operation, externalId, random);
      return [rerun, { kind: "output", at: random.whole(at, CALM - 1), externalId, fileName }];
    }
    case 2:
      return [{ kind: "edit-notes", at, job }];
    case 3:
      return [{ kind: "set-status", at, job, status: random.pick(["completed", "failed"] as const) }];
    case 4:
      return [{ kind: "delete-job", at, job }];
    case 5:
      return [{ kind: "delete-target", at, job }];
    default:
      return [{ kind: "occupy-target", at, job }];
  }
}

function recordId(kind: "Job" | "Seg" | "Vid", n: number): string {
  return `rec${kind}${String(n).padStart(11, "0")}`;
}
