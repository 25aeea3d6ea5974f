import { nca } from "../../config/presets/nca.ts";
import { ConfigError } from "../../config/problems.ts";
import { suggestSpelling } from "../../config/suggest.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import type { Clock } from "../../core/ports/ports.ts";
import {
  asJobsTable,
  FIELD_KEYS,
  type FieldNames,
  type JobsTable,
  jobsTables,
  statusesOf,
} from "../../init/jobs-table.ts";
import { type Proposal, proposeOperations } from "../../init/operations.ts";
import { formatFields, PRESET_FIELDS, sampledFields, withoutKnown } from "../../init/proposal.ts";
import type { Plan } from "../../init/render-config.ts";
import { readSample, type Sample } from "../../init/sample-usage.ts";
import type { OpenBase } from "../../stores/airtable/base.ts";
import type { TableSchema } from "../../stores/airtable/metadata.ts";
import type { Prompter } from "../terminal/prompts.ts";

/** The sources of a plan. */
export interface PlanInput {
  readonly base: Pick<OpenBase, "metadata" | "readSample">;
  readonly baseId: string;
  /** --table. */
  readonly table: string | null;
  /** --storage-url, or the environment's. */
  readonly storageUrl: string | null;
  readonly interview: Prompter;
  readonly say: (text: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Collects the content of the file: from the schema, the latest jobs, and the answers of the person.
 *
 * @throws UpstreamError, ConfigError for what cannot be found out, InterviewEnded
 */
export async function buildPlan(input: PlanInput): Promise<Plan> {
  const tables = await readTables(input);
  if (tables === null) return await askedPlan(input);
  const jobs = await chooseFields(await chooseTable(tables, input), tables, input);
  const sample = await takeSample(jobs, tables, input);
  const proposal = await chooseOperations(proposeOperations(jobs, tables, sample.usages), input);
  return {
    preset: proposal.known.size > 0 ? "nca" : "none",
    baseId: input.baseId,
    table: jobs.table.name,
    fields: jobs.fields,
    statuses: jobs.statuses,
    storageUrl: await chooseStorage(sample.storageUrl, proposal, input),
    proposal,
  };
}

const NEEDS_SCHEMA =
  "Add the scope schema.bases:read to the token (https://airtable.com/create/tokens), or run init on a terminal, where it asks.";

/** Reads the tables; null where the token may not read the schema and a person can be asked instead. */
async function readTables({ base, interview, say, signal }: PlanInput): Promise<readonly TableSchema[] | null> {
  try {
    return await base.metadata.tables(signal);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== "auth") throw error;
    if (!interview.interactive) throw new UpstreamError("auth", error.message, NEEDS_SCHEMA, { cause: error });
    say(error.message);
    say(`Without the scope schema.bases:read the names cannot be read from the base, so you are asked for them.`);
    return null;
  }
}

/** The least score of a table of jobs. */
const LEAST_SCORE = 6;

async function chooseTable(tables: readonly TableSchema[], { table, interview }: PlanInput): Promise<TableSchema> {
  const names = tables.map(({ name }) => name);
  const named = (name: string) => tables.find((each) => each.name === name || each.id === name);
  if (table !== null) {
    const found = named(table);
    if (found !== undefined) return found;
    const guess = suggestSpelling(table, names);
    const suggestion = guess === null ? "" : ` Did you mean ${guess}?`;
    throw new ConfigError([
      { path: "--table", message: `found "${table}"; expected one of ${names.join(", ")}.${suggestion}` },
    ]);
  }
  const [likeliest] = jobsTables(tables);
  const proposed = likeliest !== undefined && likeliest.score >= LEAST_SCORE ? likeliest.table.name : null;
  const chosen = await interview.choice("Which table holds the jobs?", names, proposed, "--table");
  const found = named(chosen);
  if (found === undefined) throw new Error(`no table ${chosen}`);
  return found;
}

async function chooseFields(
  table: TableSchema,
  tables: readonly TableSchema[],
  { interview, say }: PlanInput,
): Promise<JobsTable> {
  const found = asJobsTable(table, tables);
  const proposed = found?.fields ?? NO_FIELDS;
  const whole = proposed.status !== null && proposed.externalId !== null;
  if (!interview.interactive) {
    if (found !== null && whole) return found;
    const what = proposed.status === null ? "a status: a single select with processing" : "an external id: a text";
    const message = `the table "${table.name}" has no field that fits ${what}. Run init on a terminal, where it asks`;
    throw new ConfigError([{ path: "--table", message }]);
  }
  if (found !== null && whole) {
    const { stuck, completed, failed } = found.statuses;
    say(`In "${table.name}": ${formatFields(found.fields)}.`);
    say(`A running job is ${stuck.join(", ")}; it becomes ${completed} or ${failed}.`);
    if (await interview.yes("Is that right?", true)) return found;
  }
  const names = table.fields.map(({ name }) => name);
  const fields = await askFields(proposed, names, interview);
  const status = table.fields.find(({ name }) => name === fields.status);
  const guessed = status === undefined ? null : statusesOf(status);
  return {
    table,
    fields,
    score: found?.score ?? 0,
    statuses: await askStatuses(guessed ?? PRESET_STATUSES, interview),
  };
}

const NO_FIELDS: FieldNames = {
  status: null,
  type: null,
  externalId: null,
  requestPayload: null,
  responsePayload: null,
  webhookUrl: null,
  error: null,
  notes: null,
};

const PRESET_STATUSES = {
  stuck: nca.jobs.stuckStatuses,
  completed: nca.jobs.completedStatus,
  failed: nca.jobs.failedStatus,
};

/** Asks for the fields. `names` are those of the table; null where they are not known. */
async function askFields(
  proposed: FieldNames,
  names: readonly string[] | null,
  interview: Prompter,
): Promise<FieldNames> {
  const fields: Record<string, string | null> = {};
  for (const key of FIELD_KEYS) {
    const question = `Field of ${key}?`;
    const needed = key === "status" || key === "externalId";
    if (!needed) fields[key] = await interview.optional(question, proposed[key]);
    else if (names === null) fields[key] = await interview.text(question, proposed[key], "--table");
    else fields[key] = await interview.choice(question, names, proposed[key], "--table");
  }
  return { ...NO_FIELDS, ...fields };
}

async function askStatuses(proposed: Plan["statuses"], interview: Prompter): Promise<Plan["statuses"]> {
  const stuck = await interview.text("Status of a running job?", proposed.stuck.join(", "), "--table");
  return {
    stuck: stuck.split(",").map((each) => each.trim()),
    completed: await interview.text("Status of a completed job?", proposed.completed, "--table"),
    failed: await interview.text("Status of a failed job?", proposed.failed, "--table"),
  };
}

const MONTH = 30 * 86_400_000;

/** Reads sample jobs: one request, or two where the last month has none. */
async function takeSample(
  jobs: JobsTable,
  tables: readonly TableSchema[],
  { base, clock, signal }: PlanInput,
): Promise<Sample> {
  const fields = sampledFields(jobs, tables);
  if (fields === null) return readSample([]);
  const recent = await base.readSample(jobs.table.name, fields, clock.now() - MONTH, signal);
  return readSample(recent.length > 0 ? recent : await base.readSample(jobs.table.name, fields, null, signal));
}

async function chooseOperations(proposal: Proposal, { interview }: PlanInput): Promise<Proposal> {
  const refused: string[] = [];
  for (const [name, { target, attachment }] of proposal.known) {
    const question = `${name}: its file goes into ${target.table}, "${attachment}". Take it?`;
    if (!(await interview.yes(question, true))) refused.push(name);
  }
  return withoutKnown(proposal, refused);
}

async function chooseStorage(recorded: string | null, { known }: Proposal, input: PlanInput): Promise<string> {
  const proposed = input.storageUrl ?? recorded ?? (known.size > 0 ? nca.storage.baseUrl : null);
  return await input.interview.text("URL prefix of the outputs?", proposed, "--storage-url");
}

/** Without the schema: asks for all names, and whether to take the preset's operations. */
async function askedPlan(input: PlanInput): Promise<Plan> {
  const { interview, baseId } = input;
  const table = input.table ?? (await interview.text("Which table holds the jobs?", nca.jobs.table, "--table"));
  const fields = await askFields(PRESET_FIELDS, null, interview);
  const statuses = await askStatuses(PRESET_STATUSES, interview);
  const names = Object.keys(nca.operations).join(", ");
  const preset = (await interview.yes(`Take the preset's operations (${names})?`, true)) ? "nca" : "none";
  const proposal: Proposal = { known: new Map(), notApplicable: [], incomplete: [] };
  const proposed = input.storageUrl ?? nca.storage.baseUrl;
  const storageUrl = await interview.text("URL prefix of the outputs?", proposed, "--storage-url");
  return { preset, baseId, table, fields, statuses, storageUrl, proposal };
}
