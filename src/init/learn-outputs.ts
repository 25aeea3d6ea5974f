import { isExternalId } from "../core/domain/job.ts";
import type { JsonObject } from "../core/domain/json.ts";
import type { NamedFile } from "./named-files.ts";

/** A job of the sample that has ended well, or a job of which one output is known. */
export interface FinishedJob {
  readonly id: string;
  readonly externalId: string;
  /** ISO 8601. */
  readonly createdTime: string | null;
  readonly fields: JsonObject;
  readonly files: readonly NamedFile[];
}

/** Where the outputs of some jobs are, and what they are called. */
export interface LearnedOutputs {
  /** The prefix that is given where the URLs are below it, else what they have in common; null without URLs. */
  readonly prefix: string | null;
  /** The most used first. */
  readonly patterns: readonly string[];
  /** The date field that the folders follow; null for the record's created time, or no dates. */
  readonly startedAt: string | null;
  /** The URL of an output of the newest such job; null without URLs. */
  readonly example: string | null;
}

/** How many names an operation gets at most: more would be probed for every stuck job. */
const MOST_PATTERNS = 3;

/** A name that fewer of the files have is an exception: a preview, a second take. */
const LEAST_SHARE = 0.1;

/**
 * Learns the place and the names of outputs from finished jobs.
 *
 * @param under the prefix that is given; null: what all outputs have in common
 * @param dateFields date fields of the jobs, by which folders may be named
 * @returns null where no file is named by its job
 */
export function learnOutputs(
  jobs: readonly FinishedJob[],
  under: string | null,
  dateFields: readonly string[],
): LearnedOutputs | null {
  const files = jobs.flatMap((job) => job.files.flatMap((file) => toJobFile(job, file) ?? []));
  const [inPlace, ...others] = groupsOf(files.filter(({ origin }) => origin !== null));
  if (inPlace === undefined) return learnNames(files);
  const folders = generalize(inPlace, dateFields);
  if (folders === null) return learnNames(files);
  const [file] = inPlace;
  if (file === undefined || file.origin === null) return null;
  const split = splitAt(file.origin, [...folders.segments, ...file.tail], under);
  const same = others.filter((group) => {
    const also = generalize(group, dateFields);
    return group[0]?.origin === file.origin && also?.segments.join("/") === folders.segments.join("/");
  });
  const all = [inPlace, ...same].filter((group) => group.length >= LEAST_SHARE * files.length).slice(0, MOST_PATTERNS);
  const patterns = all.map(([first]) => {
    return splitAt(file.origin ?? "", [...folders.segments, ...(first?.tail ?? [])], under).pattern;
  });
  return { prefix: split.prefix, patterns, startedAt: folders.startedAt, example: file.url };
}

/** A file of a job whose id is in its path. */
interface JobFile {
  readonly job: FinishedJob;
  readonly origin: string | null;
  readonly url: string | null;
  /** The folders before the one with the id. */
  readonly folders: readonly string[];
  /** From the part with the id on, with its placeholder. */
  readonly tail: readonly string[];
}

function toJobFile(job: FinishedJob, { origin, segments }: NamedFile): JobFile | null {
  const placed = segments.map((segment) => withPlaceholder(segment, job));
  const at = placed.findIndex((segment, n) => segment !== segments[n]);
  if (at === -1) return null;
  const url = origin === null ? null : `${origin}/${segments.map(encodeURIComponent).join("/")}`;
  return { job, origin, url, folders: segments.slice(0, at), tail: placed.slice(at) };
}

function withPlaceholder(segment: string, { id, externalId }: FinishedJob): string {
  for (const [value, placeholder] of [
    [externalId, "{externalId}"],
    [id, "{recordId}"],
  ] as const) {
    const at = indexOfWord(segment, value);
    if (at !== -1) return segment.slice(0, at) + placeholder + segment.slice(at + value.length);
  }
  return segment;
}

/** A shorter id is only recognised as a whole word: 12 is not in x1234.mp4. */
const LONG_ID = 8;

/** Returns where an id is in a text; -1 where it is not. */
export function indexOfWord(text: string, id: string): number {
  if (!isExternalId(id)) return -1;
  const at = text.indexOf(id);
  if (at === -1 || id.length >= LONG_ID) return at;
  const beside = [text[at - 1] ?? "", text[at + id.length] ?? ""];
  return beside.some((character) => /[A-Za-z0-9]/.test(character)) ? -1 : at;
}

/** Groups files by form, the largest group first. */
function groupsOf(files: readonly JobFile[]): readonly (readonly JobFile[])[] {
  const groups = new Map<string, JobFile[]>();
  for (const file of files) {
    const key = [file.origin, file.folders.length, ...file.tail].join("/");
    const group = groups.get(key) ?? [];
    // A job that names one file in several fields has one file.
    if (!group.some(({ job }) => job.id === file.job.id)) group.push(file);
    groups.set(key, group);
  }
  return [...groups.values()].toSorted((a, b) => b.length - a.length);
}

/** Learns names from attachments alone. */
function learnNames(files: readonly JobFile[]): LearnedOutputs | null {
  const groups = groupsOf(files.map((file) => ({ ...file, origin: null, url: null, folders: [] })));
  const used = groups.filter((group) => group.length >= LEAST_SHARE * files.length).slice(0, MOST_PATTERNS);
  const patterns = used.flatMap(([first]) => (first === undefined ? [] : [first.tail.join("/")]));
  return patterns.length === 0 ? null : { prefix: null, patterns, startedAt: null, example: null };
}

/** Folders with placeholders in place of what differs from job to job. */
interface Folders {
  readonly segments: readonly string[];
  readonly startedAt: string | null;
}

/** Finds what the folders of a group follow: nothing, a date of the job, or a field. Null where that is not found. */
function generalize(group: readonly JobFile[], dateFields: readonly string[]): Folders | null {
  const length = group[0]?.folders.length ?? 0;
  const segments: string[] = [];
  let startedAt: string | null = null;
  for (let at = 0; at < length; ) {
    const dated = findDate(group, at, dateFields);
    if (dated !== null) {
      segments.push(dated.placeholder);
      startedAt = dated.field;
      at += dated.length;
      continue;
    }
    const values = new Set(group.map(({ folders }) => folders[at] ?? ""));
    const [only = ""] = values;
    const segment = values.size === 1 ? only : findField(group, at);
    if (segment === null) return null;
    segments.push(segment);
    at += 1;
  }
  return { segments, startedAt };
}

/** The forms of dates in folders, the longest first. */
const DATE_FORMS = ["yyyy/MM/dd", "yyyy/MM", "yyyy-MM-dd", "yyyyMMdd", "yyyy-MM"];

function findDate(group: readonly JobFile[], at: number, dateFields: readonly string[]) {
  for (const form of DATE_FORMS) {
    const length = form.split("/").length;
    for (const field of [null, ...dateFields]) {
      const fits = group.every(({ job, folders }) => {
        const date = dateOf(job, field);
        return date !== null && folders.slice(at, at + length).join("/") === formatDate(date, form);
      });
      if (fits) return { placeholder: `{startedAt:${form}}`, length, field };
    }
  }
  return null;
}

function dateOf({ createdTime, fields }: FinishedJob, field: string | null): Date | null {
  const text = field === null ? createdTime : fields[field];
  const date = typeof text === "string" ? new Date(text) : null;
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}

/** Formats a date in UTC, as `{startedAt:…}` is filled. */
function formatDate(date: Date, form: string): string {
  const [yyyy = "", MM = "", dd = ""] = date.toISOString().slice(0, 10).split("-");
  return form.replace("yyyy", yyyy).replace("MM", MM).replace("dd", dd);
}

/** Returns the placeholder of a field whose value the folder is, for every job of the group. */
function findField(group: readonly JobFile[], at: number): string | null {
  const names = Object.keys(group[0]?.job.fields ?? {});
  const found = names.find((name) => group.every(({ job, folders }) => textCell(job.fields[name]) === folders[at]));
  return found === undefined || /[{}]/.test(found) ? null : `{field.${found}}`;
}

function textCell(cell: unknown): string | null {
  const value = Array.isArray(cell) && cell.length === 1 ? cell[0] : cell;
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && isExternalId(text) ? text : null;
}

/** Splits a URL into prefix and pattern: after `under` where it is below that, else before its first placeholder. */
function splitAt(origin: string, segments: readonly string[], under: string | null) {
  const first = segments.findIndex((segment) => segment.includes("{"));
  const depth = under === null ? null : depthOf(under, origin, segments.slice(0, first));
  const fixed = segments.slice(0, depth ?? first);
  const prefix = [origin, ...fixed.map(encodeURIComponent)].join("/");
  return { prefix: depth === null ? prefix : (under ?? prefix), pattern: segments.slice(depth ?? first).join("/") };
}

/** Returns how many of the folders a prefix holds; null where they are not below it. */
function depthOf(under: string, origin: string, folders: readonly string[]): number | null {
  if (!URL.canParse(under)) return null;
  const given = new URL(under);
  const parts = given.pathname.split("/").filter((part) => part !== "");
  const isAbove = given.origin === origin && parts.every((part, n) => part === encodeURIComponent(folders[n] ?? ""));
  return isAbove ? parts.length : null;
}
