import type { Instant } from "../domain/job.ts";
import { REASONS } from "../domain/verdict.ts";
import { type JournaledWebhook, type JournaledWrite, UNDO_WITHDRAWN } from "../ports/journal.ts";

/** A run that wrote something, as the journal has it. */
export interface PastRun {
  readonly runId: string;
  readonly command: string;
  /** The time of its first write. */
  readonly startedAt: Instant;
  /** Jobs it completed, and those whose webhook it sent again. */
  readonly recovered: number;
  readonly failed: number;
  /** Jobs that a later undo reverted; of an undo, the jobs it reverted. */
  readonly undone: number;
}

const FAILED: readonly string[] = REASONS.fail;

/** Returns the runs of a journal, the newest first. */
export function listPastRuns(
  writes: readonly JournaledWrite[],
  webhooks: readonly JournaledWebhook[],
): readonly PastRun[] {
  const runs = new Map<string, RunJobs>();
  const runOf = ({ run, command, at }: Pick<JournaledWrite, "run" | "command" | "at">): RunJobs => {
    const known = runs.get(run) ?? { command, at, recovered: new Set(), failed: new Set(), undone: new Set() };
    runs.set(run, known);
    return known;
  };
  for (const write of writes) {
    if (!write.possiblyApplied) continue;
    const own = runOf(write);
    if (write.role !== "job") continue;
    if (write.undoes === null) (FAILED.includes(write.reason) ? own.failed : own.recovered).add(write.record);
    else {
      for (const undone of [own.undone, runs.get(write.undoes)?.undone]) {
        if (write.reason === UNDO_WITHDRAWN) undone?.delete(write.record);
        else undone?.add(write.record);
      }
    }
  }
  for (const sent of webhooks) runOf(sent).recovered.add(sent.job.id);
  return [...runs]
    .map(([runId, { command, at, recovered, failed, undone }]) => ({
      runId,
      command,
      startedAt: at,
      recovered: recovered.size,
      failed: failed.size,
      undone: undone.size,
    }))
    .toSorted((one, other) => other.startedAt - one.startedAt);
}

interface RunJobs {
  readonly command: string;
  readonly at: Instant;
  readonly recovered: Set<string>;
  readonly failed: Set<string>;
  readonly undone: Set<string>;
}
