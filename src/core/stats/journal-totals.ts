import type { Instant, Job } from "../domain/job.ts";
import type { FinishedJob } from "../ports/ports.ts";
import type { JournalContribution, JournaledOutcome } from "./journal-outcomes.ts";
import type { JobOutcome } from "./outcome.ts";

/** What the journal told beside the base: numbers of jobs, but for `runs`. */
export interface FromJournal {
  /** Runs within the window that wrote, or sent webhooks again. */
  readonly runs: number;
  /** Completed by polling, which their records do not tell any more. */
  readonly completedByPolling: number;
  /** Completed by the application's handler after their webhook was sent again: they count as completed by polling. */
  readonly viaWebhook: number;
  /** Failed by polling, which their records do not tell any more. */
  readonly failedByPolling: number;
  /** Completed after polling had failed them, which their records do not tell any more. */
  readonly lateOutputs: number;
  /** Of which the journal alone tells when polling completed them. */
  readonly moments: number;
  /** Deleted from the base since, and counted all the same. */
  readonly gone: number;
  /** All that runs did about them was taken back: it does not count. */
  readonly undone: number;
  /** Deleted from the base, and the base never said whether it took the write: not counted. */
  readonly unconfirmed: number;
  /** Not counted, since it was not looked whether they are in the base still. */
  readonly unchecked: number;
}

/** What a journal tells, and which of the jobs that the base did not list were looked for in it. */
export interface StatsJournal {
  readonly rescues: ReadonlyMap<string, JournaledOutcome>;
  readonly runs: number;
  /** Ids of jobs that are proven to be gone. */
  readonly gone: ReadonlySet<string>;
  /** How many were not looked for. */
  readonly unchecked: number;
}

/** Jobs of the window that the journal tells of and the base did not list: those to be looked for, the newest first. */
export function notListed(
  jobs: readonly FinishedJob[],
  rescues: ReadonlyMap<string, JournaledOutcome>,
  { since, now }: { readonly since: Instant; readonly now: Instant },
): readonly string[] {
  const listed = new Set(jobs.map(({ job }) => job.id));
  return [...rescues]
    .filter(([id, { job, ending }]) => {
      return ending !== null && !listed.has(id) && job.since !== null && job.since > since && job.since <= now;
    })
    .sort(([, a], [, b]) => (b.job.since ?? 0) - (a.job.since ?? 0))
    .map(([id]) => id);
}

/** Deleted jobs with their ends, as far as the base had confirmed what the journal tells of them. */
export function goneJobs({ rescues, gone }: StatsJournal): readonly {
  readonly job: Pick<Job, "id" | "since">;
  readonly operation: string;
  readonly ending: JobOutcome;
}[] {
  return [...gone].flatMap((id) => {
    const rescue = rescues.get(id);
    if (rescue?.ending?.certain !== true || rescue.job.since === null) return [];
    const { job, ending, failed } = rescue;
    const told: JobOutcome =
      ending.kind === "failed"
        ? { kind: "failed", by: "polling", reason: ending.reason }
        : { kind: "completed", by: "polling", late: failed, at: ending.at };
    const since = { kind: "at", at: rescue.job.since } as const;
    return [{ job: { id, since }, operation: job.operation ?? "(none)", ending: told }];
  });
}

/** Counts what the journal told, of the jobs that the base listed and of those that it did not. */
export function journalTotals(
  listed: readonly { readonly id: string; readonly byJournal: readonly JournalContribution[] }[],
  counted: number,
  { rescues, gone, runs, unchecked }: StatsJournal,
): FromJournal {
  const count = (what: JournalContribution) => listed.filter(({ byJournal }) => byJournal.includes(what)).length;
  return {
    runs,
    completedByPolling: count("completion"),
    viaWebhook: count("webhook"),
    failedByPolling: count("failure"),
    lateOutputs: count("late"),
    moments: count("moment"),
    gone: counted,
    undone: listed.filter(({ id }) => isTakenBack(rescues.get(id))).length,
    unconfirmed: gone.size - counted,
    unchecked,
  };
}

/** Whether all that was done about a job was taken back, and nothing was done since. */
function isTakenBack(rescue: JournaledOutcome | undefined): boolean {
  return rescue !== undefined && rescue.ending === null && rescue.undone.length > 0;
}
