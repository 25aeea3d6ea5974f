import type {
  Change,
  Journal,
  JournalFile,
  JournalJob,
  PendingWrite,
  RunRecord,
  VerdictRecord,
} from "../core/ports/journal.ts";
import { redactSecrets, redactText } from "./redact-secrets.ts";

/** The schema of each line (docs/history.md). Later versions of it only add keys. */
export const JOURNAL_SCHEMA = "stuck-jobs/journal@2";

/** The writer of a line. */
export interface LineOf {
  readonly runId: string;
  readonly version: string;
  readonly command: string;
  /** The id of the base that is written. */
  readonly base: string;
  readonly at: Date;
}

/** Returns the line that announces the write of one record. */
export function writeLine(write: number, announced: PendingWrite, jobsTable: string, by: LineOf): object {
  const { job, target, fields, note, reason, detail, supersededBy, evidence, undoes } = announced;
  const { schema, kind, at, base, run, command, version } = commonFields("write", by);
  const changes: Record<string, Change> = {};
  for (const [name, change] of Object.entries(fields)) changes[name] = withoutSecrets(change);
  // Field by field: a spread of this size takes longer than all the rest of a write.
  return {
    schema,
    kind,
    at,
    base,
    run,
    command,
    version,
    write,
    role: target === null ? "job" : "target",
    table: target?.table ?? jobsTable,
    record: target?.id ?? job.id,
    job: formatJob(job),
    fields: changes,
    note,
    reason,
    detail,
    supersededBy,
    evidence,
    undoes,
  };
}

/** Returns the line that announces that a job's webhook is sent again. A result line follows it, as it does a write. */
export function webhookLine(write: number, job: JournalJob, by: LineOf): object {
  return { ...commonFields("webhook", by), write, job: formatJob(job) };
}

/** Returns the line with the result of a write or a webhook; `files` are those of a confirmed write, with their ids. */
export function resultLine(
  write: number,
  result: string,
  error: string | null,
  by: LineOf,
  files: Readonly<Record<string, readonly JournalFile[]>> = {},
): object {
  return { ...commonFields("result", by), write, result, error, ...(Object.keys(files).length === 0 ? {} : { files }) };
}

/** Returns the line that says that the base refuses a kind of write, or, with the error null, takes it again. */
export function refusalLine({ kind, error, job, scope }: Parameters<Journal["recordRefusal"]>[0], by: LineOf): object {
  return { ...commonFields("refusal", by), of: kind, error, job: { id: job }, scope };
}

/** Returns the line with what all verdicts of a run are based on. */
export function runLine({ now, ...rest }: RunRecord, by: LineOf): object {
  return { ...commonFields("run", by), now: formatTime(now), ...rest };
}

/** Returns the line with the verdict on one job. */
export function verdictLine({ job, ...rest }: VerdictRecord, by: LineOf): object {
  return Object.assign(commonFields("verdict", by), { job: redactSecrets(job) }, rest);
}

function commonFields(kind: string, { runId, version, command, base, at }: LineOf) {
  return { schema: JOURNAL_SCHEMA, kind, at: at.toISOString(), base, run: runId, command, version };
}

function formatJob({ age, since, ...job }: JournalJob) {
  return { ...job, since: formatTime(since), ageSeconds: age === null ? null : Math.round(age / 1000) };
}

function formatTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** What stood in a field may be a payload with secrets in it; what is written now is the run's own. */
function withoutSecrets({ before, after }: Change): Change {
  return { before: typeof before === "string" ? redactText(before) : before, after };
}
