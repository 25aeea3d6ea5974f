import type { Output, ProbeResult, ProviderAnswer } from "../domain/evidence.ts";
import type { Instant, Job } from "../domain/job.ts";
import type { Operation } from "../domain/operation.ts";
import type { StoreKind } from "../domain/report.ts";

/** Time, as the sweep may know it. */
export interface Clock {
  /** Returns the local time. */
  now(): Instant;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Which jobs a listing is to hold. The store filters as far as the server can; the core checks again. */
export interface JobQuery {
  readonly statuses: readonly string[];
  /** Jobs whose age counts from before this. Jobs without a readable date, or dated after `future`, are included. */
  readonly before: Instant;
  /** No job can have been created later than this: one that is dated so is listed, so that it can be reported. */
  readonly future: Instant;
  /** Only jobs that were created, or began, after this; absent means of any age. */
  readonly after?: Instant;
  /** Record ids or external ids; absent means all. */
  readonly named?: readonly string[];
  /** Jobs that stuck-jobs completed or failed lately. Absent means none. */
  readonly revisit?: Revisit;
}

/** Which finished jobs a listing is to hold. Each `notes` holds texts, one of which the job's notes must contain. */
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

/** A value that was written to a field of a target. */
export interface WrittenCell {
  readonly field: string;
  readonly value: string | number | boolean | null;
}

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
 * What a refusal is about where it is not about one record: a field or the value that all records get, such as an option
 * that does not exist; the right to write there; or the token, which may read there and write nothing.
 */
export type RefusalScope = "field" | "permission" | "token";

/** The result of writing one record. */
export type WriteResult =
  | {
      readonly id: string;
      readonly kind: "confirmed";
      /** The files of each attachment field that was written, as the base answered them; absent where it did not. */
      readonly files?: Readonly<Record<string, readonly Attachment[]>>;
    }
  | { readonly id: string; readonly kind: "refused"; readonly error: string; readonly scope?: RefusalScope }
  /** The base has no such record any more. */
  | { readonly id: string; readonly kind: "deleted"; readonly error: string }
  /** It is not as it was read any more, and was not written. */
  | { readonly id: string; readonly kind: "changed"; readonly error: string }
  /** The base refused the request for another of its records and wrote none: read again, and write fewer. */
  | { readonly id: string; readonly kind: "batch-rejected"; readonly error: string; readonly scope?: RefusalScope }
  /** No trustworthy answer came, the record may or may not have been changed: read it. */
  | { readonly id: string; readonly kind: "unconfirmed"; readonly error: string }
  /** It was not sent: what it rests on was read too long ago by the time it could be. Read again. */
  | { readonly id: string; readonly kind: "stale"; readonly error: string };

/** Until when a write may be sent. */
export interface WriteLimit {
  readonly signal: AbortSignal;
  /** From then on what the write rests on was read too long ago. Checked right before the request is sent. */
  readonly notAfter: Instant;
}

/**
 * The jobs and their targets. Every method throws `UpstreamError` when the base could not be asked.
 *
 * No write is conditional: the sweep reads a record right before it writes it, writes the target first, and the job
 * only when the target is confirmed. A store that can do better is an `AtomicWriter` as well (atomic-writer.ts).
 */
export interface JobStore {
  /** Yields pages of at most 100 jobs. A record is listed once even when the listing had to start over. */
  list(query: JobQuery, signal: AbortSignal): AsyncIterable<readonly Job[]>;
  /** Reads at most 50 jobs again, with all their fields; a deleted one is not in the map. */
  readJobs(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Job>>;
  /** Returns jobs of any status with one of at most 50 external ids; an id that no job has is left out. */
  findJobs(externalIds: readonly string[], signal: AbortSignal): Promise<readonly Job[]>;
  /**
   * Reads at most 50 targets again; one that is deleted, or of another table, is not in the map. Throws `TableRefused`
   * where the base does not give access to the table, or has none of that name.
   */
  readTargets(
    table: string,
    ids: readonly string[],
    fields: TargetFields,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, TargetRecord>>;
  /**
   * Returns values that were written to fields of a table as `readTargets` returns them, in the same order: a store may
   * keep a moment or a number in another form. Left out where it returns them as they were written.
   */
  readonly storedForms?: (
    table: string,
    cells: readonly WrittenCell[],
    signal: AbortSignal,
  ) => Promise<readonly (string | number | boolean | null)[]>;
  /** Writes at most ten targets in one request. */
  updateTargets(table: string, updates: readonly TargetUpdate[], limit: WriteLimit): Promise<readonly WriteResult[]>;
  /** Writes at most ten jobs in one request. */
  updateJobs(updates: readonly JobUpdate[], limit: WriteLimit): Promise<readonly WriteResult[]>;
  /** Returns completed jobs with an external id that were created after `after`; `complete`: all of them. */
  listCompleted(after: Instant | null, signal: AbortSignal): Promise<{ jobs: readonly Job[]; complete: boolean }>;
  /** The kind of store, by which reports and metrics count its requests. */
  readonly kind: StoreKind;
  /** Returns the number of requests that reached the base so far, repeated and refused ones included. */
  requests(): number;
  /** Returns the server's clock minus ours in milliseconds, as of the last answer; null before one came. */
  clockSkewMs(): number | null;
}

/** A job of any status. `completedAt` is null where the configuration names no field for it, or that is blank. */
export interface FinishedJob {
  readonly job: Job;
  readonly completedAt: Instant | null;
}

/** All jobs, finished ones included. Throws `UpstreamError` when the base could not be asked. */
export interface JobHistory {
  /** Yields pages of at most 100 jobs that were created after an instant, in the base's own order. */
  listSince(
    after: Instant,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly jobs: readonly FinishedJob[]; readonly last: boolean }>;
}

/** The file names in the bucket that begin with a prefix. `detail` is for people. */
export type ObjectListing =
  /** Names as `urlFor` takes them, the newest first. `complete`: these are all that there are. */
  | { readonly kind: "listed"; readonly names: readonly string[]; readonly complete: boolean }
  /** This caller may not list, or the storage does not support S3's ListObjectsV2. */
  | { readonly kind: "refused"; readonly detail: string }
  /** There is no such bucket: its 404 to every name, a random one too, says nothing of any output. */
  | { readonly kind: "no-bucket"; readonly detail: string }
  /** No usable answer: another attempt may get one. */
  | { readonly kind: "unknown"; readonly detail: string };

/** Whether a file can be played. `detail` is for people. */
export type MediaCheck =
  | { readonly kind: "sound" }
  /** The file itself is not what it should be: it was cut off, or is of another kind. */
  | { readonly kind: "broken"; readonly detail: string }
  /** It could not be read, or was replaced since it was probed. */
  | { readonly kind: "unknown"; readonly detail: string };

/**
 * The bucket in which the outputs are. Its methods throw the signal's reason, and `StorageConfigError` where the storage
 * refuses the credentials themselves; all else that goes wrong is in what they return.
 */
export interface OutputProbe {
  /** Whether requests are signed: then a 404 is the truth, and a 403 does not mean "missing". */
  readonly signed: boolean;
  /** Returns the URL of an output by its name, with its folders: what is probed, written to the base and compared. */
  urlFor(name: string): string;
  /** Whether two URLs are addresses of one object of the bucket, be it by path, by host or through its CDN. */
  isSameObject(one: string, other: string): boolean;
  /** Whether a URL is one of the storage's own host, if perhaps of another bucket. */
  isSameHost(url: string): boolean;
  /** Probes a URL once, with retries for what is transient. */
  probe(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Lists the names that begin with `prefix`, at most 1,000 of them, with retries for what is transient. */
  list(prefix: string, signal: AbortSignal): Promise<ObjectListing>;
  /**
   * Returns a URL from which Airtable, which has no credentials, can fetch what is at `url`: a signed one that expires,
   * or `url` itself where nothing is signed. It opens the object to whoever has it: for attachments only, never shown.
   */
  attachmentUrl(url: string): Promise<string>;
  /** Checks that `output`, which was just probed, is a whole MP4 file. Reads a few bytes of it. */
  checkMedia(output: Output, signal: AbortSignal): Promise<MediaCheck>;
  /** Returns the number of requests sent so far, redirects and repeats included. */
  requests(): number;
}

/** Where outputs of an operation are, and names with `{externalId}` that its worker may use there beside the configured. */
export interface OutputPlace {
  readonly probe: OutputProbe;
  readonly otherNames: readonly string[];
}

/** The service that was asked to do the work. */
export interface ProviderStatus {
  /** Asks for the state of a job. Throws nothing but the signal's reason. */
  ask(externalId: string, signal: AbortSignal): Promise<ProviderAnswer>;
  /** Returns the number of requests sent so far, repeats included. */
  requests(): number;
}

/** A provider that can be asked, and whose outputs can be probed. */
export interface Provider {
  /** Where it is asked, for people. */
  readonly url: string;
  readonly status: ProviderStatus;
  /** Probes an output that it named. Throws nothing but the signal's reason. */
  probe(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Returns the number of requests sent so far, to it and to where its outputs are. */
  requests(): number;
}

/** A lost webhook that is to be sent again. */
export interface WebhookResend {
  /** The job's own, as the base holds it. */
  readonly webhookUrl: string;
  readonly externalId: string;
  /** The outputs' URLs, in the order of the provider. */
  readonly outputs: readonly string[];
  readonly operation: Operation;
}

/** The result of sending a webhook again. `detail` is for people and holds no secret. */
export type ResendResult =
  /** The handler accepted it (2xx). Whether it completed the job, the base shows. */
  | { readonly kind: "accepted"; readonly detail: string }
  /** It did not leave this machine, or no connection was made: nobody has received it. */
  | { readonly kind: "not-sent"; readonly detail: string }
  /** The handler answered with an error of its own (500): it may have done a part, and does no more. */
  | { readonly kind: "failed"; readonly detail: string }
  /** The handler refused it: nothing was done by it. */
  | { readonly kind: "refused"; readonly detail: string }
  /** It may have arrived, and the handler may still be working: read the job before anything else. */
  | { readonly kind: "unknown"; readonly detail: string };

/** Sends a provider's success webhook to the application's own handler. */
export interface WebhookSender {
  /** Sends at most once, since a handler need not be idempotent. Throws nothing but the signal's reason. */
  post(request: WebhookResend, signal: AbortSignal): Promise<ResendResult>;
  /** Returns the number of requests sent so far. */
  requests(): number;
}
