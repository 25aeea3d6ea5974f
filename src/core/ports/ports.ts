import type { Output, ProbeResult, ProviderAnswer } from "../domain/evidence.ts";
import type { Instant, Job } from "../domain/job.ts";
import type { Operation } from "../domain/operation.ts";

/** Time, as the sweep may know it. */
export interface Clock {
  /** The local clock, in milliseconds since 1970. */
  now(): Instant;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Which jobs a listing is to hold. The store filters as far as the server can; the core looks again. */
export interface JobQuery {
  readonly statuses: readonly string[];
  /** Jobs that count from before this moment. Jobs without a readable date, or dated after `future`, are included. */
  readonly before: Instant;
  /** Later than this no job can have been created: it is listed so that it can be shown. */
  readonly future: Instant;
  /** Record ids or external ids; absent means all. */
  readonly named?: readonly string[];
  /** Jobs that this tool completed or failed lately, to be looked at again. Absent means none. */
  readonly revisit?: Revisit;
}

/** Each list holds texts, one of which the job's notes must contain. */
export interface Revisit {
  readonly completed: { readonly status: string; readonly notes: readonly string[] } | null;
  readonly failed: {
    readonly status: string;
    readonly notes: readonly string[];
    /** Further texts, that count only in the notes of jobs created after `after`. */
    readonly undated: { readonly notes: readonly string[]; readonly after: Instant };
  } | null;
}

/** A file in an attachment field. `url` and `size` may be missing while Airtable has not fetched it. */
export interface Attachment {
  readonly id: string | null;
  readonly filename: string;
  readonly url: string | null;
  readonly size: number | null;
}

/** A record that receives outputs: the fields that are written, as just read. A blank field has no entry. */
export interface TargetRecord {
  readonly id: string;
  readonly attachments: Readonly<Record<string, readonly Attachment[]>>;
  /** The further fields, as the base answers them. */
  readonly cells: Readonly<Record<string, unknown>>;
}

/** Which fields of a target are read: those that are to be written, and no others. */
export interface TargetFields {
  readonly attachments: readonly string[];
  readonly cells: readonly string[];
}

/** The whole list of a cell: new files as `{ url }`, and entries that are kept as `{ id }`. */
export type AttachmentValue = readonly ({ readonly url: string } | { readonly id: string })[];

/** `null` blanks a cell. */
export type CellValue = string | number | boolean | null | AttachmentValue;

/** What is to be written to a target record; field names are the base's. */
export interface TargetUpdate {
  readonly id: string;
  readonly fields: Readonly<Record<string, CellValue>>;
}

/** What is to be written to a job; the store knows the names of the fields. Absent keys are not touched. */
export interface JobUpdate {
  readonly id: string;
  readonly status?: string;
  readonly responsePayload?: string;
  /** Null blanks it. */
  readonly error?: string | null;
  readonly notes?: string;
}

/**
 * What became of one record of a write.
 * `held-up`: the base refused the request for another of its records and wrote none: read again, and write fewer.
 * `unconfirmed`: no trustworthy answer came, the record may or may not have been changed: read it.
 */
export type WriteResult =
  | { readonly id: string; readonly kind: "confirmed" }
  | { readonly id: string; readonly kind: "refused"; readonly error: string }
  /** The base has no such record any more. */
  | { readonly id: string; readonly kind: "deleted"; readonly error: string }
  | { readonly id: string; readonly kind: "batch-rejected"; readonly error: string }
  | { readonly id: string; readonly kind: "unconfirmed"; readonly error: string };

/** The jobs and their targets. Every method throws `UpstreamError` when the base could not be asked. */
export interface JobStore {
  /** Streams pages of at most 100 jobs. A record is listed once even when the listing had to start over. */
  list(query: JobQuery, signal: AbortSignal): AsyncIterable<readonly Job[]>;
  /** Reads at most 50 jobs again, with all their fields; one that is gone is not in the map. */
  readJobs(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Job>>;
  /** Jobs of any status with one of at most 50 external ids, as far as they are named in the base. */
  findJobs(externalIds: readonly string[], signal: AbortSignal): Promise<readonly Job[]>;
  /**
   * Reads at most 50 targets again; one that is gone, or of another table, is not in the map. Throws `TableRefused`
   * where the base does not let us at the table, or has none of that name.
   */
  readTargets(
    table: string,
    ids: readonly string[],
    fields: TargetFields,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, TargetRecord>>;
  /** Writes at most ten targets in one request. */
  updateTargets(table: string, updates: readonly TargetUpdate[], signal: AbortSignal): Promise<readonly WriteResult[]>;
  /** Writes at most ten jobs in one request. */
  updateJobs(updates: readonly JobUpdate[], signal: AbortSignal): Promise<readonly WriteResult[]>;
  /** Completed jobs with a recorded response that were created after `after`; `whole` when none was left out. */
  listCompleted(after: Instant | null, signal: AbortSignal): Promise<{ jobs: readonly Job[]; complete: boolean }>;
  /** Requests that reached the base so far, repeated and refused ones included. */
  requests(): number;
  /** The server's clock minus ours in milliseconds, as of the last answer; null before one came. */
  clockSkewMs(): number | null;
}

/** A job of any status. `completedAt` is null where the configuration names no field for it, or that is blank. */
export interface FinishedJob {
  readonly job: Job;
  readonly completedAt: Instant | null;
}

/** What became of jobs, finished ones included. Throws `UpstreamError` when the base could not be asked. */
export interface JobHistory {
  /** Streams pages of at most 100 jobs that were created after a moment, in the base's own order. */
  listSince(
    after: Instant,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly jobs: readonly FinishedJob[]; readonly last: boolean }>;
}

/** The file names in the place that begin with a prefix. `detail` is for people. */
export type Listing =
  /** Names as `locate` takes them. `whole`: these are all that there are. */
  | { readonly kind: "listed"; readonly names: readonly string[]; readonly complete: boolean }
  /** This caller may not list, or the place does not speak S3's ListObjectsV2: it will not tell. */
  | { readonly kind: "refused"; readonly detail: string }
  /** There is no such place: its 404 to every name, a random one too, says nothing of any output. */
  | { readonly kind: "nowhere"; readonly detail: string }
  /** No answer that says anything: it may tell another time. */
  | { readonly kind: "unknown"; readonly detail: string };

/** Whether a file can be played. `detail` is for people. */
export type MediaCheck =
  | { readonly kind: "sound" }
  /** The file itself is not what it should be: it was cut off, or is of another kind. */
  | { readonly kind: "broken"; readonly detail: string }
  /** It could not be read, or not as the object that was looked at. */
  | { readonly kind: "unknown"; readonly detail: string };

/**
 * Where outputs lie. Its methods throw the signal's reason, and `StorageConfigError` where the place refuses the
 * credentials themselves; all else that goes wrong is in what they return.
 */
export interface OutputProbe {
  /** Whether requests are signed: then the place's 404 is the true one, and a 403 does not mean "missing". */
  readonly signed: boolean;
  /** The URL of an output by its file name: what is probed, written to the base and compared. */
  urlFor(fileName: string): string;
  /** Looks once (with retries for what is transient). */
  probe(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Asks once (with retries for what is transient) for the names that begin with `prefix`, at most 1,000 of them. */
  list(prefix: string, signal: AbortSignal): Promise<Listing>;
  /**
   * The URL from which Airtable, which has no credentials, can fetch what is at `url`: a signed one that expires, or
   * `url` itself where nothing is signed. It opens the object to whoever has it: for attachments only, never shown.
   */
  attachmentUrl(url: string): Promise<string>;
  /** Whether `output`, which `look` has just seen, is a whole MP4 file. Reads a few bytes of it. */
  checkMedia(output: Output, signal: AbortSignal): Promise<MediaCheck>;
  /** Requests sent so far, redirects and repeats included. */
  requests(): number;
}

/** The service that was asked to do the work. */
export interface ProviderStatus {
  /** Never throws but for the signal's reason. */
  ask(externalId: string, signal: AbortSignal): Promise<ProviderAnswer>;
  /** Requests sent so far, repeats included. */
  requests(): number;
}

/** A provider that can be asked, and whose outputs can be looked at. */
export interface Provider {
  /** Where it is asked; for people. */
  readonly url: string;
  readonly status: ProviderStatus;
  /** Looks at an output that it named. Never throws but for the signal's reason. */
  look(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Requests sent so far, to it and to where its outputs are. */
  requests(): number;
}

/** A webhook that was lost, to be made again. */
export interface WebhookResend {
  /** The job's own, as the base holds it. */
  readonly webhookUrl: string;
  readonly externalId: string;
  /** The outputs' URLs, in the order of the provider. */
  readonly outputs: readonly string[];
  readonly operation: Operation;
}

/** What came of sending a webhook again. `detail` is for people and holds no secret. */
export type ResendResult =
  /** The handler took it (2xx). Whether it completed the job, the base tells. */
  | { readonly kind: "accepted"; readonly detail: string }
  /** It was not sent, or the handler said no: nothing was done by it. */
  | { readonly kind: "refused"; readonly detail: string }
  /** It may have arrived, and may be at work still: read the job before anything else. */
  | { readonly kind: "unknown"; readonly detail: string };

/** Sends a provider's success webhook to the application's own handler. */
export interface WebhookSender {
  /** Sends at most once, as a handler need not bear a second time. Never throws but for the signal's reason. */
  post(request: WebhookResend, signal: AbortSignal): Promise<ResendResult>;
  /** Requests sent so far. */
  requests(): number;
}
