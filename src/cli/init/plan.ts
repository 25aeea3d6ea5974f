import { ConfigError, type Problem } from "../../config/problems.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { inferTable } from "../../init/infer-table.ts";
import { asJobsTable, type FieldNames, type JobsTable, jobsTables, NO_FIELDS } from "../../init/jobs-table.ts";
import { learnStatuses, withFittingFields } from "../../init/learn-fields.ts";
import type { Plan } from "../../init/render-config.ts";
import { followJobs, readRecent, withEachState } from "../../init/sample-jobs.ts";
import type { SampleRecord } from "../../init/source.ts";
import type { FieldSchema, TableSchema } from "../../stores/airtable/metadata.ts";
import type { Prompter } from "../terminal/prompts.ts";
import { findNamed, type KnownJobs, orProblem, type PlanInput, type Planned } from "./input.ts";
import { planOperations } from "./operations.ts";

/**
 * Collects the content of the file: from the schema, the latest jobs, and the answers of the person.
 *
 * @throws UpstreamError, ConfigError for what cannot be found out, InterviewEnded
 */
export async function buildPlan(input: PlanInput): Promise<Planned> {
  const { answers, source, clock, signal } = input;
  const known = await readTables(input);
  const table = known === null ? null : await chooseTable(known, input);
  const name =
    table?.name ?? answers.table ?? (await input.interview.text("Which table holds the jobs?", null, "--table"));
  const recent = await readRecent(source, name, clock.now(), signal);
  const tables = known ?? (await inferTables(name, recent, input));
  const found = table ?? tables[0] ?? inferTable(name, recent);
  const jobs = await chooseFields(found, tables, recent, known !== null, input);
  const records = await withEachState(recent, jobs, source, signal);
  const target = await chooseTarget(tables, jobs, input);
  const sample = await followJobs(records, jobs, tables, target, source, signal);
  const externalId = answers.externalId ?? sample.fields.externalId ?? (await askExternalId(jobs, input));
  const fields = { ...sample.fields, externalId };
  return await planOperations({ ...jobs, fields }, tables, sample, known !== null, input);
}

const NEEDS_SCHEMA =
  "Check that the token is valid and has the scope schema.bases:read (https://airtable.com/create/tokens). Without that scope, name the table with --table: the rest is then learned from its records.";

/** Reads the tables; null where the token may not read the schema and the table is named or can be asked for. */
async function readTables({
  source,
  answers,
  interview,
  say,
  signal,
}: PlanInput): Promise<readonly TableSchema[] | null> {
  try {
    return await source.tables(signal);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== "auth") throw error;
    if (!interview.interactive && answers.table === null) {
      throw new UpstreamError("auth", error.message, NEEDS_SCHEMA, { cause: error });
    }
    say(error.message);
    say(
      "Without the scope schema.bases:read fields are learned from records: those that are blank everywhere are not seen.",
    );
    return null;
  }
}

/** Infers the tables that are named: of the jobs, and of the targets where --target names one. */
async function inferTables(
  jobs: string,
  records: readonly SampleRecord[],
  { answers: { target }, source, clock, signal }: PlanInput,
): Promise<readonly TableSchema[]> {
  const table = inferTable(jobs, records);
  if (target === null || target === "self" || target === "none") return [table];
  return [table, inferTable(target, await readRecent(source, target, clock.now(), signal))];
}

/** The least score of a table of jobs. */
const LEAST_SCORE = 6;

async function chooseTable(
  tables: readonly TableSchema[],
  { answers: { table }, interview }: PlanInput,
): Promise<TableSchema> {
  if (table !== null) return findNamed(tables, table, "--table");
  const [likeliest] = jobsTables(tables);
  const isLikely = likeliest !== undefined && (likeliest.score >= LEAST_SCORE || tables.length === 1);
  const proposed = isLikely ? likeliest.table.name : null;
  const names = tables.map(({ name }) => name);
  return findNamed(
    tables,
    await interview.choice("Which table holds the jobs?", names, proposed, "--table"),
    "--table",
  );
}

async function chooseFields(
  table: TableSchema,
  tables: readonly TableSchema[],
  records: readonly SampleRecord[],
  isSchemaKnown: boolean,
  input: PlanInput,
): Promise<KnownJobs> {
  const { answers, interview, say } = input;
  const found = asJobsTable(table, tables);
  const proposed = found === null ? NO_FIELDS : withFittingFields(found, records);
  const names = table.fields.map(({ name }) => name);
  const status =
    answers.status ?? proposed.status ?? (await interview.choice("Field of the status?", names, null, "--status"));
  const field = findNamed(table.fields, status, "--status");
  const startedAt = answers.startedAt ?? proposed.startedAt;
  const fields = { ...proposed, status: field.name, startedAt, externalId: answers.externalId ?? proposed.externalId };
  const statuses = await chooseStatuses(field, records, isSchemaKnown, input);
  const jobs = { table, fields, statuses, score: found?.score ?? 0 };
  if (!interview.interactive) return jobs;
  say(`In "${table.name}": ${formatFields(fields)}.`);
  say(`A running job is ${statuses.stuck.join(", ")}; it becomes ${statuses.completed} or ${statuses.failed}.`);
  if (await interview.yes("Is that right?", true)) return jobs;
  return {
    ...jobs,
    fields: await askFields(fields, names, interview),
    statuses: await askStatuses(statuses, interview),
  };
}

/** Formats the fields that were found: `status "Status", type "Type"`. */
function formatFields(fields: FieldNames): string {
  return Object.entries(fields)
    .flatMap(([key, name]) => (name === null ? [] : [`${key} "${name}"`]))
    .join(", ");
}

async function askFields(proposed: FieldNames, names: readonly string[], interview: Prompter): Promise<FieldNames> {
  const fields: Record<string, string | null> = {};
  for (const [key, name] of Object.entries(proposed)) {
    const question = `Field of ${key}?`;
    const isNeeded = key === "status" || key === "externalId";
    fields[key] = isNeeded
      ? await interview.choice(question, names, name, "--table")
      : await interview.optional(question, name);
  }
  return { ...NO_FIELDS, ...fields };
}

async function chooseStatuses(
  field: FieldSchema,
  records: readonly SampleRecord[],
  isSchemaKnown: boolean,
  { answers, interview }: PlanInput,
): Promise<Plan["statuses"]> {
  const learned = learnStatuses(field, records);
  const among = field.choices === null || field.choices.length === 0 ? "" : ` (${field.choices.join(", ")})`;
  const problems: Problem[] = [];
  const ask = (what: string, flag: string) =>
    orProblem(() => interview.text(`Status of a ${what} job?${among}`, null, flag), "", problems);
  const stuck = answers.stuck ?? (learned.stuck.length > 0 ? learned.stuck : [await ask("running", "--stuck")]);
  const completed = answers.completed ?? learned.completed ?? (await ask("completed", "--completed"));
  const failed = answers.failed ?? learned.failed ?? (await ask("failed", "--failed"));
  if (problems.length > 0) throw new ConfigError(problems);
  for (const [flag, value] of [
    ...stuck.map((each) => ["--stuck", each]),
    ["--completed", completed],
    ["--failed", failed],
  ]) {
    // Of records alone only the options in use are known.
    if (!isSchemaKnown || field.choices === null || value === undefined || field.choices.includes(value)) continue;
    const message = `"${field.name}" has no option "${value}"; expected one of ${field.choices.join(", ")}`;
    throw new ConfigError([{ path: flag ?? "", message }]);
  }
  return { stuck, completed, failed };
}

async function askStatuses(proposed: Plan["statuses"], interview: Prompter): Promise<Plan["statuses"]> {
  const stuck = await interview.text("Status of a running job?", proposed.stuck.join(", "), "--stuck");
  return {
    stuck: stuck.split(",").map((each) => each.trim()),
    completed: await interview.text("Status of a completed job?", proposed.completed, "--completed"),
    failed: await interview.text("Status of a failed job?", proposed.failed, "--failed"),
  };
}

async function askExternalId({ table }: JobsTable, { interview }: PlanInput): Promise<string> {
  const names = table.fields.map(({ name }) => name);
  return await interview.choice("Which field holds the worker's id of a job?", names, null, "--external-id");
}

/** Returns the table that --target names; null where it names none, or the job itself. */
async function chooseTarget(
  tables: readonly TableSchema[],
  { table }: JobsTable,
  { answers: { target } }: PlanInput,
): Promise<TableSchema | null> {
  if (target === null || target === "self" || target === "none") return null;
  const found = findNamed(tables, target, "--target");
  return found.id === table.id ? null : found;
}
