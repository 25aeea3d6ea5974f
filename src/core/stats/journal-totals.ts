import type { Instant, Job } from "../domain/job.ts";
import type { FinishedJob } from "../ports/ports.ts";
import type { JournalContribution, JournaledOutcome } from "./journal-outcomes.ts";
import type { JobOutcome } from "./outcome.ts";

/** What the journal contributed to the statistics: numbers of jobs, except `runs`. */
export interface JournalTotals {
  /** Runs within the window that wrote, or sent webhooks again. */
  readonly runs: number;
  /** Completed by stuck-jobs, which their records do not show any more. */
  readonly completedByPolling: number;
  /** Completed by the application's handler after their webhook was sent again: they count as completed by polling. */
  readonly viaWebhook: number;
  /** Failed by stuck-jobs, which their records do not show any more. */
  readonly failedByPolling: number;
  /** Completed after stuck-jobs had failed them, which their records do not show any more. */
  readonly lateOutputs: number;
  /** Of these only the journal knows when stuck-jobs completed them. */
  readonly moments: number;
  /** Deleted from the base since, and counted all the same. */
  readonly gone: number;
  /** Everything that runs did about them was undone: it does not count. */
  readonly undone: number;
  /** Deleted from the base, and the base never confirmed the write: not counted. */
  readonly unconfirmed: number;
  /** Not counted, since it was not checked whether they are still in the base. */
  readonly unchecked: number;
}

/** What a journal knows, and which of the jobs that the base did not list were checked. */
export interface StatsJournal {
  /** By record id. */
  readonly outcomes: ReadonlyMap<string, JournaledOutcome>;
  readonly runs: number;
  /** Ids of jobs that were deleted. */
  readonly gone: ReadonlySet<string>;
  /** How many were not checked. */
  readonly unchecked: number;
}

/** Returns the jobs of the window that the journal knows and the base did not list: those to be checked, newest first. */
export function findUnlisted(
  jobs: readonly FinishedJob[],
  outcomes: StatsJournal["outcomes"],
  { since, now }: { readonly since: Instant; readonly now: Instant },
): readonly string[] {
  const listed = new Set(jobs.map(({ job }) => job.id));
  return [...outcomes]
    .filter(([id, { job, outcome }]) => {
      return outcome !== null && !listed.has(id) && job.since !== null && job.since > since && job.since <= now;
    })
    .sort(([, a], [, b]) => (b.job.since ?? 0) - (a.job.since ?? 0))
    .map(([id]) => id);
}

/** Returns deleted jobs with their outcomes, as far as the base had confirmed what the journal holds of them. */
export function deletedJobs({ outcomes, gone }: StatsJournal): readonly {
  readonly job: Pick<Job, "id" | "since">;
  readonly operation: string;
  readonly outcome: JobOutcome;
}[] {
  return [...gone].flatMap((id) => {
    const journaled = outcomes.get(id);
    if (journaled?.outcome?.certain !== true || journaled.job.since === null) return [];
    const { job, outcome: written, failed } = journaled;
    const outcome: JobOutcome =
      written.kind === "failed"
        ? { kind: "failed", by: "polling", reason: written.reason }
        : { kind: "completed", by: "polling", late: failed, at: written.at };
    const since = { kind: "at", at: journaled.job.since } as const;
    return [{ job: { id, since }, operation: job.operation ?? "(none)", outcome }];
  });
}

/** Counts what the journal contributed, for the jobs that the base listed and for those that it did not. */
export function journalTotals(
  listed: readonly { readonly id: string; readonly byJournal: readonly JournalContribution[] }[],
  deleted: number,
  { outcomes, gone, runs, unchecked }: StatsJournal,
): JournalTotals {
  const count = (what: JournalContribution) => listed.filter(({ byJournal }) => byJournal.includes(what)).length;
  return {
    runs,
    completedByPolling: count("completion"),
    viaWebhook: count("webhook"),
    failedByPolling: count("failure"),
    lateOutputs: count("late"),
    moments: count("moment"),
    gone: deleted,
    undone: listed.filter(({ id }) => isUndone(outcomes.get(id))).length,
    unconfirmed: gone.size - deleted,
    unchecked,
  };
}

/** Whether everything that was done about a job was undone, and nothing was done since. */
function isUndone(journaled: JournaledOutcome | undefined): boolean {
  return journaled !== undefined && journaled.outcome === null && journaled.undone.length > 0;
}
