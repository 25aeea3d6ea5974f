import type { Duration } from "./job.ts";

/**
 * When a job counts as stuck, may be failed, and is left to `fail-old`. `maxAge: null` is "none".
 * `providerCap`: up to which age a provider is believed that a job is still running.
 */
export interface Thresholds {
  readonly stuckAfter: Duration;
  readonly failAfter: Duration;
  readonly maxAge: Duration | null;
  readonly providerCap: Duration;
}

/** What to do when the target's attachment field already holds another file. */
export type OnExisting = "skip" | "replace" | "append";

/** Who completes a recovered job: stuck-jobs, or the application's own handler, to which its webhook is sent again. */
export type Via = "direct" | "webhook";

/** What to do when the handler did not complete the job: write directly, or leave it. */
export type Fallback = "direct" | "none";

/** The record that receives an output: one that the job names, the job itself, or none: then the status is all. */
export type TargetKind = "record" | "self" | "none";

/** The field of the target that receives an output: as a file, or as its URL in a field of text. */
export interface DeliveryField {
  readonly field: string;
  readonly as: "attachment" | "url";
}

/** A value of a field that is written as it is configured; texts may have `{url}`, `{externalId}`, `{bytes}`, `{now}`. */
export type SetValue = string | number | boolean;

/** One kind of work: how its output is named, and which record and field receives it. */
export interface Operation {
  readonly name: string;
  /** Values of the job's Type that mean this operation when nothing else names one. */
  readonly types: readonly string[];
  /** Whether a job that nothing names otherwise is of this operation. */
  readonly isDefault: boolean;
  /** The possible names of its output, in the order of probing. Empty only with a provider. */
  readonly outputs: readonly OutputPattern[];
  /** The name of the provider that did the work; null where none is to be asked. */
  readonly provider: string | null;
  readonly targetKind: TargetKind;
  /** Of a record that the job names; of the job itself its table; empty for none. */
  readonly target: {
    readonly table: string;
    /** The first is read with the listing; the others, which a base may lack, with the guard read. */
    readonly links: readonly string[];
    readonly payloadKeys: readonly string[];
    /** The form of ids that are recognised; absent: Airtable's record ids. */
    readonly ids?: "any";
    /** The field by which texts in link fields name the record; absent: the table's primary field. */
    readonly key?: string;
  };
  /** The field of `deliver`; empty without one. */
  readonly attachment: string;
  /** Null only for the target kind `none`. */
  readonly deliver: DeliveryField | null;
  /** Further fields of the target that are written with the output. */
  readonly set: Readonly<Record<string, SetValue>>;
  /** Values of those fields that `set` may replace where the file was there already, beside blank. */
  readonly setFrom: Readonly<Record<string, readonly SetValue[]>>;
  readonly onExisting: OnExisting;
  /** The format that is verified before an output is delivered; null for none. */
  readonly check: "mp4" | null;
  readonly completeVia: Via;
  readonly fallback: Fallback;
  /** The endpoint that the provider's webhook names, such as `/v1/ffmpeg/compose`; null where it is not known. */
  readonly webhookEndpoint: string | null;
  readonly thresholds: Thresholds;
}

/** One entry of an operation's `outputs`: a file name, with folders, with placeholders in braces. */
export interface OutputPattern {
  readonly pattern: string;
  /** All entries with `true` are one output in several files: only together they are the output. */
  readonly all: boolean;
  /** How many files a pattern with `{n}` stands for, or the payload's key for that; null for a pattern without `{n}`. */
  readonly count: number | string | null;
  /** The first value of `{n}`. */
  readonly from: number;
  /** Whether the file may have been there before its job began. */
  readonly mayPredate: boolean;
}
