import type { JournalJob, PendingWrite, RunRecord, VerdictRecord } from "../core/ports/journal.ts";

/** The schema of each line (docs/history.md). What is added to it later is added as new keys. */
export const JOURNAL_SCHEMA = "stuck-jobs/journal@2";

/** Who wrote a line. */
export interface LineOf {
  readonly runId: string;
  readonly version: string;
  readonly command: string;
  /** The id of the base that is written. */
  readonly base: string;
  readonly at: Date;
}

/** The line that announces the write of one record. */
export function writeLine(write: number, announced: PendingWrite, jobsTable: string, by: LineOf): object {
  const { job, target, fields, note, reason, detail, evidence, undoes } = announced;
  return {
    ...commonFields("write", by),
    write,
    role: target === null ? "job" : "target",
    table: target?.table ?? jobsTable,
    record: target?.id ?? job.id,
    job: jobIn(job),
    fields,
    note,
    reason,
    detail,
    evidence,
    undoes,
  };
}

/** The line that announces that a job's webhook is sent again; a result line follows it as it does a write's. */
export function webhookLine(write: number, job: JournalJob, by: LineOf): object {
  return { ...commonFields("webhook", by), write, job: jobIn(job) };
}

/** The line that tells what came of it. */
export function resultLine(write: number, result: string, error: string | null, by: LineOf): object {
  return { ...commonFields("result", by), write, result, error };
}

/** The line that all verdicts of a run rest on. */
export function runLine({ now, ...rest }: RunRecord, by: LineOf): object {
  return { ...commonFields("run", by), now: iso(now), ...rest };
}

/** The line of one job that was judged. */
export function verdictLine(judged: VerdictRecord, by: LineOf): object {
  return { ...commonFields("verdict", by), ...judged };
}

function commonFields(kind: string, { runId, version, command, base, at }: LineOf) {
  return { schema: JOURNAL_SCHEMA, kind, at: at.toISOString(), base, run: runId, command, version };
}

function jobIn({ age, since, ...job }: JournalJob) {
  return { ...job, since: iso(since), ageSeconds: seconds(age) };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function seconds(age: number | null): number | null {
  return age === null ? null : Math.round(age / 1000);
}
