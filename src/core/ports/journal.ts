import type { Calibration, ProbeResult } from "../domain/evidence.ts";
import type { Duration, Instant } from "../domain/job.ts";
import type { Signature } from "../domain/notes.ts";
import type { RefusalScope, ResendResult, WriteResult } from "./ports.ts";

/** The reason of a write by which an undo gives a job back what it held: the base had refused to restore its target. */
export const UNDO_WITHDRAWN = "undo-withdrawn";

/** A file as the journal names it. Its URL is never recorded: it opens the file to whoever reads the journal. */
export interface JournalFile {
  /** Null for one that was handed over by its URL: Airtable gives the id afterwards. */
  readonly id: string | null;
  readonly filename: string;
  readonly size: number | null;
}

/** What a cell held, or was to hold; null where it was blank. `opaque` is what cannot be written back as it was read. */
export type JournalCell = string | number | boolean | null | readonly JournalFile[] | { readonly opaque: string };

/** Whether a cell holds attachments. */
export function isFiles(cell: JournalCell): cell is readonly JournalFile[] {
  return Array.isArray(cell);
}

/** A field of a write, as it was just read and as it is to be. */
export interface Change {
  readonly before: JournalCell;
  readonly after: JournalCell;
}

/** The evidence that justifies a write. */
export interface JournalEvidence {
  readonly probes: readonly ProbeResult[];
  /** What its provider was asked and answered; null where none was asked. */
  readonly provider: { readonly name: string; readonly kind: string; readonly detail: string } | null;
  /** What "missing" looks like in the bucket; null where it made no difference. */
  readonly calibration: Calibration | null;
}

/** A job as the journal names it. */
export interface JournalJob {
  readonly id: string;
  readonly externalId: string | null;
  readonly operation: string | null;
  /** From when its age counts; null where it is not known. */
  readonly since: Instant | null;
  readonly age: Duration | null;
}

/** Names a job's webhook. A job that was started again, under another external id, has another one. */
export function webhookKey({ id, externalId }: Pick<JournalJob, "id" | "externalId">): string {
  return `${id} ${externalId ?? ""}`;
}

/** The job for whose sake something was written. `since` is from when its age counted then; null if not known. */
export interface JournaledJob {
  readonly id: string;
  readonly externalId: string | null;
  readonly operation: string | null;
  readonly since: Instant | null;
}

/** One record of a write, as the journal has it. */
export interface JournaledWrite {
  readonly at: Instant;
  readonly run: string;
  readonly command: string;
  readonly role: "job" | "target";
  readonly table: string;
  readonly record: string;
  readonly job: JournaledJob;
  readonly fields: Readonly<Record<string, Change>>;
  readonly reason: string;
  /** The newer job whose output was delivered instead; null where the job is not superseded. */
  readonly supersededBy: string | null;
  /** The run that it undid; null for the write of a sweep. */
  readonly undoes: string | null;
  /** Whether the base may have carried it out: it confirmed the write, or did not refuse it. */
  readonly possiblyApplied: boolean;
  /** Whether the base confirmed it. */
  readonly confirmed: boolean;
  /** Whether its result was recorded: a run that is killed while it writes records none. */
  readonly finished: boolean;
}

/** A lost webhook that was sent again to the application's own handler, and that the handler did not refuse. */
export interface JournaledWebhook {
  readonly at: Instant;
  readonly run: string;
  readonly command: string;
  readonly job: JournaledJob;
}

/** One record of a write, recorded before it is sent. */
export interface PendingWrite {
  /** The job for whose sake the record is written. */
  readonly job: JournalJob;
  /** Null: the job itself. Its fields are `status`, `responsePayload` and `error`; a target's are named as in the base. */
  readonly target: { readonly table: string; readonly id: string } | null;
  readonly fields: Readonly<Record<string, Change>>;
  /** The line that is added to the job's notes. */
  readonly note: string | null;
  readonly reason: string;
  readonly detail: string;
  /** The record id of the newer job whose output was delivered instead; null where the job is not superseded. */
  readonly supersededBy: string | null;
  readonly evidence: JournalEvidence;
  /** The run whose write this one undoes; null in a sweep. */
  readonly undoes: string | null;
}

/** A job that was decided, with all that its verdict rests on, so that another policy can be tried on it. */
export interface VerdictRecord {
  /** The job as it was listed, without its long texts. */
  readonly job: unknown;
  readonly operation: string | null;
  readonly reopened: boolean;
  readonly probeGroups: unknown;
  readonly providerReply: unknown;
  /** What triage and decide said of it, before it came to writing. */
  readonly decision: { readonly kind: string; readonly reason: string };
  /** The verdict in the report. */
  readonly verdict: { readonly kind: string; readonly reason: string; readonly detail: string };
  readonly applied: boolean;
  readonly error: string | null;
}

/** What all verdicts of a run rest on. */
export interface RunRecord {
  /** The server's time by which ages were counted. */
  readonly now: Instant;
  readonly calibration: Calibration | null;
  /** By operation, for those that have a storage of their own. */
  readonly calibrations: Readonly<Record<string, Calibration | null>>;
  /** How many jobs of each operation earlier runs had failed. */
  readonly failedBefore: Readonly<Record<string, number>>;
  /** The operations that the brake held back. */
  readonly blocked: readonly string[];
  readonly force: boolean;
}

/** A kind of write that the base refused: it would refuse the others of that kind as well. */
export interface RefusedKind {
  /** Names the kind: what is written where, in words of the configuration. */
  readonly kind: string;
  /** The base's words. */
  readonly error: string;
  readonly at: Instant;
  /** The record id of the job for whose sake it was tried. */
  readonly job: string;
  /** What the refusal is about; null where that is not on record. */
  readonly scope: RefusalScope | null;
}

/** A write-ahead log: what was written, and why, in a form that outlasts the run. */
export interface Journal {
  /**
   * Records the writes of one request and makes them durable: only then may they be sent. Returns what is to be called
   * with the base's results, in the same order.
   *
   * @throws JournalError where a journal that is required cannot be written: then nothing may be
   */
  recordIntent(
    writes: readonly PendingWrite[],
    by: Signature & { readonly command: string },
  ): Promise<(results: readonly WriteResult[]) => Promise<void>>;
  /**
   * Records that a job's lost webhook is to be sent again, in the same way: what its handler writes bears no mark of
   * stuck-jobs. Returns what is to be called with the answer.
   *
   * @throws JournalError as `recordIntent` does
   */
  recordWebhookIntent(
    job: JournalJob,
    by: Signature & { readonly command: string },
  ): Promise<(answer: ResendResult) => Promise<void>>;
  /** Records that the base refused a kind of write; with the error null, that it takes it again. */
  recordRefusal(
    refused: Omit<RefusedKind, "at" | "error"> & { readonly error: string | null },
    by: Signature & { readonly command: string },
  ): Promise<void>;
  /**
   * Returns whether what is recorded now will be known to later runs: that the journal can be written.
   *
   * @throws JournalError as `recordIntent` does
   */
  isWritable(): Promise<boolean>;
  /** Returns the kinds of writes that the base refused, and that it has not taken since. */
  readRefusals(): Promise<readonly RefusedKind[]>;
  /** Returns the jobs whose webhook was announced, as `webhookKey` names them; those that never connected are left out. */
  readWebhooks(): Promise<ReadonlySet<string>>;
  /** Returns what runs wrote to the base, undos included, oldest first; files have the ids that the base gave them. */
  readWrites(): Promise<readonly JournaledWrite[]>;
  /** Records the verdicts of a run that has written something; does nothing in another. */
  recordVerdicts(
    run: RunRecord,
    jobs: Iterable<VerdictRecord>,
    by: Signature & { readonly command: string },
  ): Promise<void>;
}
