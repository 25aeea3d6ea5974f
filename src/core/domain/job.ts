import type { Payload } from "./payload.ts";

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

/** How far in the future a job may be dated before its date is called wrong: clocks differ a little. */
export const FUTURE_TOLERANCE: Duration = 60_000;

/** From when a job's age counts: the record's `createdTime`, or the configured date field. */
export type StartTime =
  /** `latest`: the last instant that a date without a time may mean. A job is failed by it; absent: `at`. */
  | { readonly kind: "at"; readonly at: Instant; readonly latest?: Instant }
  | { readonly kind: "missing" }
  | { readonly kind: "unparsable"; readonly text: string };

/** A job as the base held it when it was read. Text that is blank in the base is `""` or `null` here. */
export interface Job {
  readonly id: string;
  readonly status: string;
  readonly type: string | null;
  readonly externalId: string | null;
  /** The application's own id of the job, where the configuration names the field. */
  readonly applicationId: string | null;
  readonly since: StartTime;
  /** The date in the configured field, else the record's own, as the base holds it: names of outputs may contain it. */
  readonly startedAt: StartTime;
  readonly payload: Payload;
  readonly webhookUrl: string | null;
  /** Record ids by link field. Only the fields that were read are there. */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** The further fields that are read (recorded-output.ts); `""` where one is blank, null where it holds no single text. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** The whole cell; `""` where it is blank or was not asked for. */
  readonly notes: string;
  readonly responsePayload: string;
  /** Why it failed; null where the configuration names no field for it. */
  readonly error: string | null;
  /**
   * A text that stays the same as long as nothing changes on which a verdict rests, and notes, response payload and error
   * stay blank. Only stores with transactions give one, and only with the listing; absent where one of these is not blank.
   */
  readonly version?: string | undefined;
}

/** A job without its long texts, on which no verdict rests, and without its version. */
export type JobSummary = Omit<Job, "notes" | "responsePayload" | "error" | "version">;

/** Returns the job without `notes`, `responsePayload`, `error` and `version`. */
export function toSummary(job: Job): JobSummary {
  const { notes: _, responsePayload: __, error: ___, version: ____, ...summary } = job;
  return summary;
}

/** Returns a job as it was listed with a version: its long texts were blank. */
export function toListedJob(job: JobSummary, version: string): Job {
  // The spread last: fields added to one take ten times as long, which counts with tens of thousands of jobs.
  return { notes: "", responsePayload: "", error: "", version, ...job };
}

/** Returns a job's age at `now`; null where its date is not known. */
export function getAge({ since }: Pick<Job, "since">, now: Instant): Duration | null {
  return since.kind === "at" ? now - since.at : null;
}

/** Returns the age by which a job may be failed: that of the latest instant that its date may mean. */
export function getCertainAge({ since }: Pick<Job, "since">, now: Instant): Duration | null {
  return since.kind === "at" ? now - (since.latest ?? since.at) : null;
}

/** What says which of two jobs is the newer. */
export type DatedJob = Pick<Job, "id" | "since">;

/**
 * Whether a job is newer than another: it began later or, at the same instant, has the greater id, so that every run
 * picks the same of the two. A job without a date is older than all that have one; where that would let a file or a
 * value of unknown age be replaced, `mayBeNewer` is asked.
 */
export function isNewer(job: DatedJob, than: DatedJob): boolean {
  const [one, other] = [beganAt(job), beganAt(than)];
  return one === other ? job.id > than.id : one > other;
}

/** Whether a job is newer than another, or the date of one of them is not known. */
export function mayBeNewer(job: DatedJob, than: DatedJob): boolean {
  return job.since.kind !== "at" || than.since.kind !== "at" || isNewer(job, than);
}

/** Returns when a job began; one without a date began before all others. */
function beganAt({ since }: DatedJob): Instant {
  return since.kind === "at" ? since.at : Number.NEGATIVE_INFINITY;
}

/** The accepted external ids: an id becomes part of a URL and of a formula. */
const EXTERNAL_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Airtable's record ids, as in its API reference. */
const RECORD_ID = /^rec[A-Za-z0-9]{14}$/;

/** Whether the text can be an external id. Neither `.` nor `..`, which a URL would swallow. */
export function isExternalId(text: string): boolean {
  return EXTERNAL_ID.test(text) && text !== "." && text !== "..";
}

/** Whether the text has the form of an Airtable record id. */
export function isRecordId(text: unknown): text is string {
  return typeof text === "string" && RECORD_ID.test(text);
}

/** Returns a parameter of the URL that the job's worker calls; null where it has none. */
export function webhookParameter({ webhookUrl }: Pick<Job, "webhookUrl">, name: string): string | null {
  if (webhookUrl === null || !URL.canParse(webhookUrl)) return null;
  const value = new URL(webhookUrl).searchParams.get(name);
  return value === null || value === "" ? null : value;
}
