import type { Job } from "../domain/job.ts";
import type { Signature } from "../domain/notes.ts";
import type { PendingWrite } from "./journal.ts";
import type { JobUpdate, TargetRecord, TargetUpdate, WriteResult } from "./ports.ts";

/**
 * A job and a target, as they were read, and what is to be written to both or to neither. One of them may be null: then
 * the other is written alone, if it is as it was. A job that has a version is as it was listed: it is written only if it
 * still has that version. Any other was just read: it is written if its status and external id are the same, and its
 * notes, where they are written. Of a target the fields that are written have to be as they were.
 */
export interface AtomicWrite {
  readonly job: { readonly read: Job; readonly update: JobUpdate } | null;
  readonly target: { readonly table: string; readonly read: TargetRecord; readonly update: TargetUpdate } | null;
  /** What the journal is to hold of it. */
  readonly records: readonly PendingWrite[];
}

/**
 * What a store can do that has transactions: write a job and its target together, if both are still as they were read.
 * A store without it is read again right before each write; so is this one, but for jobs that were listed with a version.
 */
export interface AtomicWriter {
  /** How many jobs are best written at once. */
  readonly batchSize: number;
  /** Whether the journal's rows are part of the transaction; else the journal has to have them before. */
  readonly keepsJournal: boolean;
  /**
   * Writes each on its own: one that is refused, or changed, does not undo another. Returns the results in the order of
   * `writes`, each with the id of the job, or else of the target.
   */
  write(
    writes: readonly AtomicWrite[],
    by: Signature & { readonly command: string },
    signal: AbortSignal,
  ): Promise<readonly WriteResult[]>;
}
