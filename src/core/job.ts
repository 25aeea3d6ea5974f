import type { Payload } from "./payload.ts";

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

/** From when a job's age counts: the record's `createdTime`, or the configured date field. */
export type Since =
  | { readonly kind: "at"; readonly at: Instant }
  | { readonly kind: "missing" }
  | { readonly kind: "unparsable"; readonly text: string };

/** A job as the base held it when it was read. Text that is blank in the base is `""` or `null` here. */
export interface Job {
  readonly id: string;
  readonly status: string;
  readonly type: string | null;
  readonly externalId: string | null;
  readonly since: Since;
  readonly payload: Payload;
  readonly webhookUrl: string | null;
  /** Record ids by link field. Only the fields that were read are there. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** The whole cell; `""` where it is blank or was not asked for. */
  readonly notes: string;
  readonly responsePayload: string;
}

/** When a job counts as stuck, may be failed, and is left to `fail-old`. `maxAge: null` is "none". */
export interface Thresholds {
  readonly stuckAfter: Duration;
  readonly failAfter: Duration;
  readonly maxAge: Duration | null;
}

/** What to do when the target's attachment field already holds another file. */
export type OnExisting = "skip" | "replace" | "append";

/** One kind of work: how its output is named, and which record and field receives it. */
export interface Operation {
  readonly name: string;
  /** Values of the job's Type that mean this operation when nothing else names one. */
  readonly types: readonly string[];
  /** File name patterns with `{externalId}`, in the order in which they are probed. */
  readonly outputs: readonly string[];
  readonly target: {
    readonly table: string;
    /** The first is read with the listing; the others, which a base may lack, with the guard read. */
    readonly links: readonly string[];
    readonly payloadKeys: readonly string[];
  };
  readonly attachment: string;
  /** Further fields of the target that are written with the attachment. */
  readonly set: Readonly<Record<string, string | number | boolean>>;
  readonly onExisting: OnExisting;
  /** What an output must prove to be before it is delivered; null: nothing more than that it is there. */
  readonly check: "mp4" | null;
  readonly thresholds: Thresholds;
}

/** The record and field that receive an output. */
export interface Target {
  readonly table: string;
  readonly id: string;
  readonly field: string;
}

/** What is accepted as an external id: it becomes part of an URL and of a formula. */
const EXTERNAL_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Airtable's record ids, as in its API reference. */
const RECORD_ID = /^rec[A-Za-z0-9]{14}$/;

/** Whether the text can be an external id. Neither `.` nor `..`, which an URL would swallow. */
export function isExternalId(text: string): boolean {
  return EXTERNAL_ID.test(text) && text !== "." && text !== "..";
}

/** Whether the text has the form of an Airtable record id. */
export function isRecordId(text: unknown): text is string {
  return typeof text === "string" && RECORD_ID.test(text);
}

/** The names that a job's output may have, in the order in which they are probed. */
export function outputNames(operation: Operation, externalId: string): readonly string[] {
  return operation.outputs.map((pattern) => pattern.replaceAll("{externalId}", externalId));
}

/** The external id in a file's name, by the operation's patterns; null where the name is none of theirs. */
export function externalIdIn(operation: Operation, fileName: string): string | null {
  for (const pattern of operation.outputs) {
    const [before = "", after = ""] = pattern.split("{externalId}");
    const fits = fileName.startsWith(before) && fileName.endsWith(after);
    const id = fits ? fileName.slice(before.length, fileName.length - after.length) : "";
    if (isExternalId(id) && outputNames(operation, id).includes(fileName)) return id;
  }
  return null;
}
