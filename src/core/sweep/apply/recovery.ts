import { fileNameOf, type Output } from "../../domain/evidence.ts";
import type { Duration, Instant } from "../../domain/job.ts";
import type { RecoverVerdict } from "../../domain/verdict.ts";
import type { WriteLimit } from "../../ports/ports.ts";
import type { Candidate } from "../decide/triage.ts";
import type { DecidedItem } from "../item.ts";

/** A write rests on a read that is no older than this; else the records are read again first. */
export const MAX_READ_AGE_MS: Duration = 5_000;

/** Returns until when a write may be sent that rests on these reads. */
export function writeLimit(readAt: readonly Instant[], signal: AbortSignal): WriteLimit {
  return { signal, notAfter: Math.min(...readAt) + MAX_READ_AGE_MS };
}

/** A job of another operation for the same record, whose `set` is weighed against that of a job. */
export interface OtherSet {
  readonly jobId: string;
  readonly fields: readonly string[];
  readonly isNewer: boolean;
  /** Whether it was delivered in this sweep. */
  readonly applied: boolean;
}

/** A job whose output is to be delivered or, where it is superseded, only to be closed. */
export interface Recovery extends DecidedItem {
  readonly candidate: Candidate;
  readonly verdict: RecoverVerdict;
  /** Jobs of other operations that this sweep delivers to the same record. */
  readonly otherSets: readonly OtherSet[];
  /**
   * A newer job for the same target whose output has no space beside what is there; null where there is none. Then this
   * one's file may be there already, but is not written.
   */
  readonly newerWithoutSpace: string | null;
}

/** Whether a file is to be written to the target. */
export function isDelivery({ verdict }: Recovery): boolean {
  return verdict.reason !== "superseded";
}

/** Returns all files of the output. */
export function outputFiles({ output, others }: RecoverVerdict): readonly Output[] {
  return [output, ...others];
}

/** Returns the sizes of files by their names. */
export function fileSizes(files: readonly Output[]): ReadonlyMap<string, number> {
  return new Map(files.map(({ url, bytes }) => [fileNameOf(url), bytes]));
}
