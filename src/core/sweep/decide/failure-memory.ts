import type { Duration, Instant } from "../../domain/job.ts";
import type { SweepContext } from "../context.ts";
import { lookback } from "../list/finished-jobs.ts";

/** What earlier runs failed within `maxAge`. */
export interface FailureMemory {
  /** How many jobs of each operation. */
  readonly byOperation: ReadonlyMap<string, number>;
  /** Whether that is all: neither a listing that was cut short nor `--job` hides a part of it. */
  readonly isWhole: boolean;
  /** Whether it is all that runs on this machine failed, at least. */
  readonly isKnown: boolean;
}

/** What the listing says of it: the operation of each job that stuck-jobs failed, by the job's id. */
interface ListedFailures {
  readonly now: Instant;
  readonly truncated: boolean;
  readonly failedBefore: ReadonlyMap<string, string>;
}

/**
 * Finds out what earlier runs failed: by the notes of the jobs that the listing brought along, and by the journal. A job
 * counts once.
 */
export async function recallFailures(
  { now, truncated, failedBefore }: ListedFailures,
  run: SweepContext,
): Promise<FailureMemory> {
  // Where a run cannot record what it fails, what it reads is not all that was failed either.
  const hasJournal = run.journal === null ? run.past.hasJournal() : await run.journal.isWritable();
  const window: Duration = lookback(run);
  const journaled = hasJournal ? await run.past.failed(run.failedStatus, now - window) : new Map<string, string>();
  const byOperation = new Map<string, number>();
  for (const operation of new Map([...journaled, ...failedBefore]).values()) {
    byOperation.set(operation, (byOperation.get(operation) ?? 0) + 1);
  }
  const isListed = !truncated && run.named === null;
  return {
    byOperation,
    isWhole: isListed && (run.hasNotes || hasJournal),
    isKnown: hasJournal || (isListed && run.hasNotes),
  };
}
