import { isExternalId, type Job, type StartTime } from "./job.ts";
import type { Operation, OutputPattern } from "./operation.ts";
import type { Payload } from "./payload.ts";

/** The parts of a job from which placeholders are filled. */
export type NameSource = Pick<Job, "id" | "externalId" | "applicationId" | "startedAt" | "payload" | "fields">;

/** The names of an output: alternatives in the order of probing, each the files that have to be there together. */
export type OutputNames =
  | { readonly kind: "named"; readonly sets: readonly (readonly string[])[] }
  /** The record holds no value for this placeholder, or one that cannot be part of a name. */
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
 * Returns what names begin with that are the job's although no pattern has them: each pattern up to the job's id, and
 * the external id itself.
 */
export function namePrefixes({ outputs }: Operation, job: NameSource): readonly string[] {
  const prefixes = outputs.flatMap(({ pattern, from }) => {
    const [untilId] = UNTIL_ID.exec(pattern) ?? [];
    return untilId === undefined ? [] : (fillIn(untilId, from, job) ?? []);
  });
  return [...new Set([...prefixes, ...(job.externalId === null ? [] : [job.externalId])])];
}

/**
 * Returns the names that the output would have if the worker's date were one unit earlier or later than the record's:
 * the work may begin on the other side of midnight, and clocks differ.
 */
export function namesOfNeighbouringDates(operation: Operation, job: NameSource): readonly string[] {
  const { startedAt } = job;
  if (startedAt.kind !== "at") return [];
  return operation.outputs.flatMap((entry) => {
    const [, format] = DATE.exec(entry.pattern) ?? [];
    if (format === undefined) return [];
    return [-1, 1].flatMap((by) => {
      const moved: StartTime = { ...startedAt, at: shiftDate(startedAt.at, format, by) };
      const names = expandPattern(entry, { ...job, startedAt: moved });
      return typeof names === "string" ? [] : names;
    });
  });
}

/** Returns the fields of a job that the names of these operations' outputs contain. */
export function fieldsInNames(operations: readonly Pick<Operation, "outputs">[]): readonly string[] {
  const patterns = operations.flatMap(({ outputs }) => outputs.map(({ pattern }) => pattern));
  const keys = patterns.flatMap((pattern) => [...pattern.matchAll(PLACEHOLDER)].map(([, key = ""]) => key));
  return [...new Set(keys.flatMap((key) => (key.startsWith(FIELD) ? [key.slice(FIELD.length)] : [])))];
}

/** Whether each file of an operation is named by its job's id, and not by its folder alone, as `{externalId}/final.mp4`. */
export function isNamedById({ outputs }: Pick<Operation, "outputs">): boolean {
  return outputs.every(({ pattern }) => ID.test(lastSegment(pattern)));
}

/**
 * Returns the external ids that a file name may contain, by the operation's patterns: `x_output_0.mp4` is the output of
 * `x` by one and of `x_output_0` by another. Empty where the name fits no pattern, or only folders contain the id.
 */
export function externalIdsIn({ outputs }: Operation, fileName: string): readonly string[] {
  const found = outputs.flatMap(({ pattern }) => matchName(lastSegment(pattern), fileName)?.externalId ?? []);
  return [...new Set(found)];
}

/** Whether an object's name, with its folders, fits one of the operation's patterns that contain the external id. */
export function isOutputName({ outputs }: Operation, name: string): boolean {
  return outputs.some(({ pattern }) => matchName(pattern, name)?.externalId !== undefined);
}

/** S3's keys are no longer. */
const MAX_NAME_LENGTH = 1024;

/** Matches a name against a pattern; `externalId` is absent where the pattern does not contain it. */
function matchName(pattern: string, name: string): { readonly externalId?: string } | null {
  if (name.length > MAX_NAME_LENGTH) return null;
  let isFirst = true;
  const source = pattern.replace(/\{([^{}]*)\}|[^{}]/g, (whole, key: string | undefined) => {
    if (key === undefined) return whole.replace(/[.*+?^$()|[\]\\/-]/, "\\$&");
    if (key === "n") return "\\d{1,9}";
    if (key.startsWith(STARTED_AT))
      return key.slice(STARTED_AT.length).replace(DATE_PART, dateDigits).replace(/[.]/g, "\\.");
    if (key !== "externalId") return "[^/]{1,128}";
    const group = isFirst ? "(?<externalId>[A-Za-z0-9._-]{1,128})" : "\\k<externalId>";
    isFirst = false;
    return group;
  });
  const match = new RegExp(`^${source}$`).exec(name);
  if (match === null) return null;
  const externalId = match.groups?.externalId;
  if (externalId === undefined) return {};
  return isExternalId(externalId) ? { externalId } : null;
}

const PLACEHOLDER = /\{([^}]*)\}/g;
const FIELD = "field.";
const PAYLOAD = "payload.";
const STARTED_AT = "startedAt:";
const DATE = /\{startedAt:([^{}]*)\}/;
const DATE_PART = /yyyy|MM|dd|HH|mm/g;
const ID = /\{(?:externalId|jobId|recordId)\}/;
const UNTIL_ID = /^.*?\{(?:externalId|jobId|recordId)\}/;

/** Returns the names of one entry, or, as a text, the placeholder that cannot be filled. */
function expandPattern(entry: OutputPattern, job: NameSource): readonly string[] | string {
  const numbers = numbersOf(entry, job.payload);
  if (typeof numbers === "string") return numbers;
  const names: string[] = [];
  for (const n of numbers) {
    const name = fillIn(entry.pattern, n, job);
    if (name === null) return firstEmpty(entry.pattern, job);
    names.push(name);
  }
  return names;
}

/** Replaces the placeholders of a pattern; null where one has no value, or what comes out is no name. */
function fillIn(pattern: string, n: number, job: NameSource): string | null {
  let isComplete = true;
  const name = pattern.replace(PLACEHOLDER, (_, key: string) => {
    const value = key === "n" ? String(n) : resolvePlaceholder(key, job);
    isComplete &&= value !== null;
    return value ?? "";
  });
  return isComplete && name.split("/").every((segment) => !["", ".", ".."].includes(segment)) ? name : null;
}

/** Returns the placeholder that has no value; the whole pattern where only together they make no name. */
function firstEmpty(pattern: string, job: NameSource): string {
  const keys = [...pattern.matchAll(PLACEHOLDER)].map(([, key = ""]) => key);
  const empty = keys.find((key) => key !== "n" && resolvePlaceholder(key, job) === null);
  return empty === undefined ? pattern : `{${empty}}`;
}

function lastSegment(pattern: string): string {
  // Neither a date nor a field's name within braces ends a folder.
  return pattern.replace(/^(?:[^{}]|\{[^{}]*\})*\//, "");
}

function numbersOf({ pattern, count, from }: OutputPattern, payload: Payload): readonly number[] | string {
  if (!pattern.includes("{n}")) return [from];
  const number = typeof count === "string" ? Number(inPayload(payload, count)) : (count ?? 1);
  if (!Number.isInteger(number) || number < 1 || number > MAX_FILES) return "{n}";
  return Array.from({ length: number }, (_, index) => from + index);
}

function resolvePlaceholder(key: string, job: NameSource): string | null {
  if (key.startsWith(STARTED_AT)) return formatDate(key.slice(STARTED_AT.length), job.startedAt);
  if (key.startsWith(FIELD)) {
    const field = key.slice(FIELD.length);
    const value = Object.hasOwn(job.fields, field) ? job.fields[field] : null;
    return typeof value === "string" && isNamePart(value) ? value : null;
  }
  const { id, externalId, applicationId, payload } = job;
  const value = key.startsWith(PAYLOAD)
    ? inPayload(payload, key.slice(PAYLOAD.length))
    : { externalId, recordId: id, jobId: applicationId ?? id }[key];
  // It becomes part of a URL, so it may contain only what an external id may.
  return typeof value === "string" && isExternalId(value) ? value : null;
}

/** The characters that S3 advises against in keys, those that end a path or a folder, and what cannot be seen. */
const NO_NAME_PART = /[\p{C}\p{Zl}\p{Zp}\\/%?*:"<>{}^`~#|[\]]/u;

/** Whether a person's text can be part of one segment of a name, such as a customer's. */
function isNamePart(text: string): boolean {
  return text !== "" && text.length <= 128 && text.trim() === text && !NO_NAME_PART.test(text);
}

/** Returns the date in UTC; null where it is not known, or a date without a time does not say the hour. */
function formatDate(format: string, startedAt: StartTime): string | null {
  if (startedAt.kind !== "at" || (startedAt.latest !== undefined && /HH|mm/.test(format))) return null;
  const iso = new Date(startedAt.at).toISOString();
  const parts: Readonly<Record<string, string>> = {
    yyyy: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    mm: iso.slice(14, 16),
  };
  return format.replace(DATE_PART, (part) => parts[part] ?? part);
}

function dateDigits(part: string): string {
  return `\\d{${part.length}}`;
}

/** Returns the date moved by one of the smallest units that a format names. */
function shiftDate(at: number, format: string, by: number): number {
  const date = new Date(at);
  if (format.includes("mm")) date.setUTCMinutes(date.getUTCMinutes() + by);
  else if (format.includes("HH")) date.setUTCHours(date.getUTCHours() + by);
  else if (format.includes("dd")) date.setUTCDate(date.getUTCDate() + by);
  else if (format.includes("MM")) date.setUTCMonth(date.getUTCMonth() + by, 1);
  else date.setUTCFullYear(date.getUTCFullYear() + by, 0, 1);
  return date.getTime();
}

/** Returns a string or number of the payload as text; for a list its length. */
function inPayload(payload: Payload, key: string): string | null {
  if (payload.kind !== "read" || !Object.hasOwn(payload.value, key)) return null;
  const value = payload.value[key];
  if (Array.isArray(value)) return String(value.length);
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
