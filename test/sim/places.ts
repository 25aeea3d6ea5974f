import { HOUR, MINUTE } from "../support/builders.ts";
import { OPERATION_NAMES, OPERATIONS, type OperationName } from "./operations.ts";
import type { Random } from "./random.ts";
import { type SimJob, START } from "./scenario.ts";

type Operation = OperationName;

/** Jobs of an operation that were begun since then have their outputs under another prefix, or another name. */
export interface Moved {
  readonly operation: Operation;
  readonly since: number;
  readonly to: "prefix" | "name";
}

/** A job that was completed before the history begins. */
export interface Past {
  readonly operation: Operation;
  readonly createdAt: number;
  /** Whether its record has the address of its output. */
  readonly recorded: boolean;
}

/** Returns one of the names that the configuration has; of several files that belong together the first. */
export function fileNameFor(operation: Operation, externalId: string, random: Random): string {
  const [[first = ""] = [], [second = first] = []] = OPERATIONS[operation].names(externalId);
  return random.chance(0.7) ? first : second;
}

/** Returns the names against all that is configured that an output has once it is moved. */
export function movedNamesOf(externalId: string): readonly string[] {
  return [`moved/${externalId}.mp4`, `out-${externalId}.mp4`];
}

/** Returns the key of the output of a run that was begun then. */
export function keyFor(
  { operation, externalId, begun }: { operation: Operation; externalId: string; begun: number },
  moved: Moved | null,
  random: Random,
): string {
  const name = fileNameFor(operation, externalId, random);
  if (moved === null || moved.operation !== operation || begun < moved.since) return name;
  const [inFolder = "", renamed = ""] = movedNamesOf(externalId);
  return moved.to === "prefix" ? inFolder : renamed;
}

/** For some of the jobs, or for all that there ever were. */
export function moveOf(jobs: readonly SimJob[], random: Random): Moved {
  const [first, ...others] = jobs;
  const one = first === undefined ? null : random.pick([first, ...others]);
  // An output in two files stays where it is.
  const operation = one === null || one.operation === "split" ? "combine" : one.operation;
  const since = one === null || random.chance(0.3) ? 0 : one.createdAt;
  return { operation, since, to: random.pick(["prefix", "prefix", "name"] as const) };
}

/** An old output of each operation, and with a move mostly one that is newer. */
export function pastOf(moved: Moved | null, random: Random): readonly Past[] {
  if (random.chance(0.2)) return [];
  const age = random.chance(0.25) ? 30 * HOUR : 5 * HOUR;
  const past = OPERATION_NAMES.map((operation): Past => {
    return { operation, createdAt: START - age, recorded: random.chance(0.8) };
  });
  if (moved === null || random.chance(0.2)) return past;
  const latest = random.chance(0.8) ? START - 2 * MINUTE : START - age + MINUTE;
  return [...past, { operation: moved.operation, createdAt: Math.max(moved.since, latest), recorded: true }];
}
