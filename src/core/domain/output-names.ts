import { isExternalId, type Job } from "./job.ts";
import type { Operation, OutputPattern } from "./operation.ts";
import type { Payload } from "./payload.ts";

/** The parts of a job from which placeholders are filled. */
export type NameSource = Pick<Job, "id" | "externalId" | "applicationId" | "payload">;

/** The names of an output: alternatives in the order of probing, each the files that have to be there together. */
export type OutputNames =
  | { readonly kind: "named"; readonly sets: readonly (readonly string[])[] }
  /** The record holds no value for this placeholder, or one that cannot be part of a file name. */
  | { readonly kind: "incomplete"; readonly placeholder: string };

/** More files than any worker makes of one job, and few enough to probe. */
const MAX_FILES = 100;

/** Returns the names that a job's output may have, in the order in which they are probed. */
export function outputNames(operation: Operation, job: NameSource): OutputNames {
  const sets: string[][] = [];
  let together: string[] | null = null;
  for (const entry of operation.outputs) {
    const names = expandPattern(entry, job);
    if (typeof names === "string") return { kind: "incomplete", placeholder: names };
    if (!entry.all) {
      sets.push(...names.map((name) => [name]));
    } else if (together === null) {
      together = [...names];
      sets.push(together);
    } else together.push(...names);
  }
  // A copy without spare capacity: a sweep may hold 50,000 of these.
  return { kind: "named", sets: sets.slice() };
}

/**
 * Returns the external ids that a file name may contain, by the operation's patterns: `x_output_0.mp4` is the output of
 * `x` by one and of `x_output_0` by another. Empty where the name fits no pattern.
 */
export function externalIdsIn({ outputs }: Operation, fileName: string): readonly string[] {
  const found = outputs.flatMap(({ pattern }): readonly string[] => {
    const [before = "", after = "", ...more] = pattern.replaceAll("{n}", "0").split("{externalId}");
    const fits = fileName.startsWith(before) && fileName.endsWith(after) && more.length === 0;
    const id = fits ? fileName.slice(before.length, fileName.length - after.length) : "";
    const whole = pattern.includes("{externalId}") && isExternalId(id) && `${before}${id}${after}` === fileName;
    return whole ? [id] : [];
  });
  return [...new Set(found)];
}

const PLACEHOLDER = /\{([^}]*)\}/g;

/** Returns the names of one entry, or, as a text, the placeholder that cannot be filled. */
function expandPattern(entry: OutputPattern, job: NameSource): readonly string[] | string {
  const numbers = numbersOf(entry, job.payload);
  if (typeof numbers === "string") return numbers;
  const names: string[] = [];
  for (const n of numbers) {
    let missing: string | null = null;
    const name = entry.pattern.replace(PLACEHOLDER, (whole, key: string) => {
      const value = key === "n" ? String(n) : resolvePlaceholder(key, job);
      if (value === null) missing ??= whole;
      return value ?? "";
    });
    if (missing !== null) return missing;
    names.push(name);
  }
  return names;
}

function numbersOf({ pattern, count, from }: OutputPattern, payload: Payload): readonly number[] | string {
  if (!pattern.includes("{n}")) return [from];
  const number = typeof count === "string" ? Number(inPayload(payload, count)) : (count ?? 1);
  if (!Number.isInteger(number) || number < 1 || number > MAX_FILES) return "{n}";
  return Array.from({ length: number }, (_, index) => from + index);
}

function resolvePlaceholder(key: string, { id, externalId, applicationId, payload }: NameSource): string | null {
  const value = key.startsWith("payload.")
    ? inPayload(payload, key.slice("payload.".length))
    : { externalId, recordId: id, jobId: applicationId ?? id }[key];
  // It becomes part of a URL, so it may contain only what an external id may.
  return typeof value === "string" && isExternalId(value) ? value : null;
}

/** Returns a string or number of the payload as text; for a list its length. */
function inPayload(payload: Payload, key: string): string | null {
  if (payload.kind !== "read" || !Object.hasOwn(payload.value, key)) return null;
  const value = payload.value[key];
  if (Array.isArray(value)) return String(value.length);
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
