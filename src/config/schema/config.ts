import * as z from "zod";
import { PROVIDER_PRESETS } from "../presets/providers.ts";
import { accounts } from "./accounts.ts";
import { checkFieldRoles, type Report } from "./field-roles.ts";
import { baseId, httpUrl, text } from "./fields.ts";
import { fleet } from "./fleet.ts";
import { monitoringSchema } from "./monitoring.ts";
import { ANY_TYPE, operation } from "./operations.ts";
import { journalTables, postgres, status, tableName, tableProblem } from "./postgres.ts";
import { providers } from "./providers.ts";
import { storage } from "./storage.ts";
import { thresholds } from "./thresholds.ts";
import { webhooks } from "./webhooks.ts";

/** One of several bases. Its other keys override the file's for this base; they are checked after the merge. */
const base = z.looseObject({
  baseId: baseId.optional().describe("The id of the base: app… Required, except for PostgreSQL."),
  name: text.optional().describe("Its name in reports and for `--base`. Default: its id; required for PostgreSQL."),
});

/** The list of bases, which is checked before each base is merged and checked. */
export const basesSchema = z.strictObject({
  bases: z
    .array(base)
    .min(1, "expected at least one base")
    .describe("Several bases in one run, each with its overrides of the rest of the file (docs/bases.md)."),
});

const optionalField = text.nullable().default(null);

const fields = z
  .strictObject({
    status: text.describe("A single select, or a text."),
    externalId: text.describe("The worker's id for the job: {externalId} in outputs."),
    ownId: optionalField.describe("The application's own id for a job: {jobId} in outputs."),
    type: optionalField.describe("The kind of work; its values are listed in the operations' `types`."),
    requestPayload: optionalField.describe(
      "The request to the worker, as JSON or a Python literal; it may name the operation and the target.",
    ),
    responsePayload: optionalField.describe(
      "Receives the output's URL when a job is completed; for completed jobs it says where their output is.",
    ),
    webhookUrl: optionalField.describe("May name the operation and the target in its query."),
    error: optionalField.describe("A long text that says why the job was failed."),
    notes: optionalField.describe("A long text that receives a line for each change to the job."),
    startedAt: optionalField.describe("The date from which a job's age counts; null for the record's created time."),
    completedAt: optionalField.describe(
      "A date or last-modified field that says when a job was completed; `stats` computes durations from it.",
    ),
  })
  .describe("The fields of that table, by name or id; null if the base has no such field. Ids need schema.bases:read.");

const jobs = z
  .strictObject({
    table: tableName.describe(
      "The table of the jobs. Airtable: its name or id. PostgreSQL: table, schema.table or a list of both names.",
    ),
    id: text.optional().describe("PostgreSQL only: the column that identifies a job, usually the primary key."),
    fields,
    stuckStatuses: z
      .array(status)
      .min(1)
      .default(["processing"])
      .describe("Statuses of jobs that are being worked on."),
    completedStatus: status.default("completed").describe("The status that a recovered job is set to."),
    failedStatus: status.default("failed").describe("The status that a failed job is set to."),
  })
  .describe("The table of the jobs, and the names of its fields.");

const brake = z.strictObject({
  minimum: z
    .int()
    .min(0)
    .default(5)
    .describe(
      "How many jobs of an operation may be failed without an output of that operation: on another operation's output, or on the provider's report alone.",
    ),
  maxFails: z.int().min(1).default(100).describe("No run fails more jobs than this."),
});

const journal = z.strictObject({
  path: text.optional().describe('A file, or "none". Default: a file in the state folder of the service or the user.'),
  maxBytes: z.int().min(10_000).default(10_000_000).describe("A file larger than this is rotated."),
  keep: z.int().min(0).max(100).default(5).describe("How many rotated files are kept."),
  postgres: journalTables
    .optional()
    .describe("Keeps the journal in PostgreSQL instead of a file, so that undo, stats and replay work from any host."),
});

const preset = z
  .enum(["nca", ...PROVIDER_PRESETS, "none"])
  .default("nca")
  .describe(
    "The defaults that the file overrides key by key: those for users of NCA Toolkit, the description of a provider (docs/providers.md), or none.",
  );

/** Returns the names of the presets. */
export function presetNames(): readonly string[] {
  return preset.unwrap().options;
}

/** The configuration after preset, file and environment are merged. Unknown keys are errors. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe("The location of this schema, for editors; nothing else reads it."),
    preset,
    store: z
      .enum(["airtable", "postgres"])
      .default("airtable")
      .describe("Where jobs and targets are: an Airtable base, or a PostgreSQL database (docs/postgresql.md)."),
    postgres: postgres
      .prefault({})
      .describe("The database. Its URL comes from the environment only: STUCK_JOBS_DATABASE_URL."),
    airtable: z
      .strictObject({
        baseId: baseId.optional().describe("The id of the base: the part of its address that begins with app."),
        requestsPerSecond: z
          .number()
          .positive()
          .max(5)
          .default(4)
          .describe(
            "Requests per second to the base. At most 5: Airtable's limit for a base, which all its clients share.",
          ),
        endpointUrl: httpUrl
          .default("https://api.airtable.com")
          .describe("The address of Airtable's API, without /v0."),
        allowInsecureEndpoint: z
          .boolean()
          .default(false)
          .describe("Whether the token may be sent to an endpointUrl without TLS that is not on this machine."),
      })
      .prefault({})
      .describe("The base. The token comes from the environment only: AIRTABLE_API_KEY."),
    jobs,
    thresholds: thresholds.partial().prefault({}).describe("The ages from which a job is stuck, failed or left alone."),
    storage,
    brake: brake.prefault({}).describe("Limits how many jobs are failed (docs/evidence.md)."),
    lateOutputs: z
      .boolean()
      .default(true)
      .describe("Whether jobs that polling failed are completed when their output appears within maxAge."),
    providers,
    webhooks,
    monitoring: monitoringSchema.prefault({}).describe("Metrics, pings and notifications (docs/monitoring.md)."),
    journal: journal.prefault({}).describe("Where a run records what it writes (docs/history.md)."),
    operations: z.record(text, operation).describe("The kinds of work, by name; null removes one of the preset's."),
    accounts: accounts
      .default({})
      .describe("Airtable accounts by name, if the bases belong to several (docs/bases.md)."),
    account: text
      .optional()
      .describe("The account whose token is used: at the top for all bases, in a base's entry for that base."),
    fleet: fleet.optional().describe("Shares the sweeps among several hosts by a queue in PostgreSQL (docs/fleet.md)."),
    bases: basesSchema.shape.bases.optional(),
  })
  .superRefine((config, context) => {
    const report = (path: readonly (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path: [...path], message });
    const owners = new Map<string, string>();
    for (const [name, { types, outputs, provider }] of Object.entries(config.operations)) {
      if (outputs.length === 0 && provider === null) {
        report(["operations", name, "outputs"], "expected at least one file name, or a provider that knows the output");
      }
      for (const [index, type] of types.entries()) {
        const owner = owners.get(type);
        owners.set(type, owner ?? name);
        if (owner === undefined) continue;
        report(
          ["operations", name, "types", ...(type === ANY_TYPE ? [] : [index])],
          `type "${type}" belongs to operation "${owner}" already`,
        );
      }
    }
    for (const [path, storage] of [
      [["storage"], config.storage] as const,
      ...Object.entries(config.operations).map(
        ([name, operation]) => [["operations", name, "storage"], operation.storage ?? {}] as const,
      ),
    ]) {
      const { addressing, baseUrl = config.storage.baseUrl } = storage;
      if (addressing !== "path" || !/^\/*$/.test(new URL(baseUrl).pathname)) continue;
      const message = "path means that the first part of baseUrl's path is the bucket, but it has no path";
      report([...path, "addressing"], message);
    }
    if (config.store === "postgres") checkPostgres(config, report);
    else checkAirtable(config, report);
    if (config.account !== undefined && config.accounts[config.account] === undefined) {
      const names = Object.keys(config.accounts).join(", ");
      report(["account"], `expected ${names === "" ? "a name from accounts, which has none" : `one of ${names}`}`);
    }
    if (config.journal.postgres !== undefined && config.journal.path !== undefined) {
      report(["journal", "path"], "cannot be combined with journal.postgres; expected one of them");
    }
    if (config.fleet !== undefined && config.journal.path !== undefined) {
      report(["journal", "path"], "is on one host; in a fleet the journal is in PostgreSQL: leave it out");
    }
    checkFieldRoles(config, report);
    const { stuckStatuses, completedStatus, failedStatus } = config.jobs;
    if (completedStatus === failedStatus) {
      const message = `"${failedStatus}" is completedStatus as well: a failed job would count as completed`;
      report(["jobs", "failedStatus"], message);
    }
    for (const [key, status] of Object.entries({ completedStatus, failedStatus })) {
      if (!stuckStatuses.includes(status)) continue;
      report(["jobs", key], `"${status}" is also one of stuckStatuses: a job set to it would be stuck again`);
    }
  });

export type Config = z.output<typeof configSchema>;

interface Checked {
  readonly preset: string;
  readonly jobs: z.output<typeof jobs>;
  readonly operations: Readonly<Record<string, z.output<typeof operation>>>;
}

/** What a configuration over PostgreSQL needs, and what it cannot have. */
function checkPostgres({ preset, jobs, operations }: Checked, report: Report): void {
  if (preset === "nca") {
    report(["preset"], "describes an Airtable base; expected none, or that of a provider");
    return;
  }
  const wrong = tableProblem(jobs.table);
  if (wrong !== null) report(["jobs", "table"], wrong);
  if (jobs.id === undefined) report(["jobs", "id"], "expected the column that names one job");
  if (jobs.fields.startedAt === null) {
    report(["jobs", "fields", "startedAt"], "expected the column that says when a job began");
  }
  for (const [name, { target }] of Object.entries(operations)) {
    if (typeof target === "string") continue;
    const at = ["operations", name, "target"];
    const problem = tableProblem(target.table);
    if (problem !== null) report([...at, "table"], problem);
    if (target.links.length > 0) report([...at, "links"], "link fields are Airtable's; expected from");
    if (target.from === undefined && target.payloadKeys.length === 0) {
      report([...at, "from"], "expected the job's column that names the target, or payloadKeys");
    }
  }
}

/** What only a configuration over PostgreSQL can have. */
function checkAirtable({ jobs, operations }: Checked, report: Report): void {
  const only = "expected nothing: it is for store: postgres";
  if (jobs.id !== undefined) report(["jobs", "id"], only);
  if (Array.isArray(jobs.table)) report(["jobs", "table"], "expected the name or id of one table");
  for (const [name, { target, deliver }] of Object.entries(operations)) {
    if (deliver?.path !== undefined) report(["operations", name, "deliver", "path"], only);
    if (typeof target === "string") continue;
    const at = ["operations", name, "target"];
    if (target.from !== undefined) report([...at, "from"], only);
    if (Array.isArray(target.table)) report([...at, "table"], "expected the name or id of one table");
  }
}
