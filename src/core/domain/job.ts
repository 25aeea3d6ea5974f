import type { OutputPattern } from "./output-names.ts";
import type { Payload } from "./payload.ts";

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

/** How far in the future a job may be dated before its date is called wrong: clocks differ a little. */
export const FUTURE_TOLERANCE: Duration = 60_000;

/** From when a job's age counts: the record's `createdTime`, or the configured date field. */
export type StartTime =
  | { readonly kind: "at"; readonly at: Instant }
  | { readonly kind: "missing" }
  | { readonly kind: "unparsable"; readonly text: string };

/** A job as the base held it when it was read. Text that is blank in the base is `""` or `null` here. */
export interface Job {
  readonly id: string;
  readonly status: string;
  readonly type: string | null;
  readonly externalId: string | null;
  /** The application's own name for it, where the configuration names the field. */
  readonly applicationId: string | null;
  readonly since: StartTime;
  readonly payload: Payload;
  readonly webhookUrl: string | null;
  /** Record ids by link field. Only the fields that were read are there. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** The whole cell; `""` where it is blank or was not asked for. */
  readonly notes: string;
  readonly responsePayload: string;
  /** Why it failed; null where the configuration names no field for it. */
  readonly error: string | null;
}

/** A job without the bulky texts, on which no verdict rests. */
export type JobSummary = Omit<Job, "notes" | "responsePayload" | "error">;

/** Returns the job without `notes`, `responsePayload` and `error`. */
export function toSummary(job: Job): JobSummary {
  // Written out: a sweep may hold 50,000 of these, and V8 stores an object that a rest pattern made as a hash table.
  const { id, status, type, externalId, applicationId, since, payload, webhookUrl, links } = job;
  return { id, status, type, externalId, applicationId, since, payload, webhookUrl, links };
}

/**
 * When a job counts as stuck, may be failed, and is left to `fail-old`. `maxAge: null` is "none".
 * `providerCap`: up to which age a provider is believed that a job is still at work.
 */
export interface Thresholds {
  readonly stuckAfter: Duration;
  readonly failAfter: Duration;
  readonly maxAge: Duration | null;
  readonly providerCap: Duration;
}

/** What to do when the target's attachment field already holds another file. */
export type OnExisting = "skip" | "replace" | "append";

/** Who writes a recovered job: this tool, or the application's own handler, to which its webhook is sent again. */
export type Via = "direct" | "webhook";

/** What to do when the handler did not complete the job: write directly, or leave it. */
export type Fallback = "direct" | "none";

/** One kind of work: how its output is named, and which record and field receives it. */
export interface Operation {
  readonly name: string;
  /** Values of the job's Type that mean this operation when nothing else names one. */
  readonly types: readonly string[];
  /** What its output may be called, in the order of probing. Empty only with a provider. */
  readonly outputs: readonly OutputPattern[];
  /** The name of the provider that did the work; null where none is to be asked. */
  readonly provider: string | null;
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
  readonly completeVia: Via;
  readonly fallback: Fallback;
  /** What the provider's webhook names as its endpoint, such as `/v1/ffmpeg/compose`; null where it is not known. */
  readonly webhookEndpoint: string | null;
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
