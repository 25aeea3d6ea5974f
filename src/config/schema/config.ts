import * as z from "zod";
import { DURATION_FORM, parseDuration } from "../duration.ts";
import { httpUrl, text } from "./fields.ts";
import { BASE_ID } from "./formats.ts";
import { journalSchema } from "./journal.ts";
import { watchingSchema } from "./monitoring.ts";
import { providers } from "./providers.ts";
import { fallback, via, webhookEndpoint, webhooks } from "./webhooks.ts";

/** What every duration looks like, for editors: `parseDuration` has the last word. */
export const DURATION_PATTERN = "^\\s*\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h|d)\\s*$";

const duration = z
  .string({ error: `expected ${DURATION_FORM}` })
  .meta({ pattern: DURATION_PATTERN })
  .transform((value, context) => {
    const parsed = parseDuration(value);
    if (parsed !== null) return parsed;
    context.addIssue({ code: "custom", message: `expected ${DURATION_FORM}` });
    return z.NEVER;
  });

const maxAge = z.union([z.literal("none").transform(() => null), duration]);

const thresholds = z.strictObject({
  stuckAfter: duration.describe("A job of a stuck status that is older than this is stuck."),
  failAfter: duration.describe("A stuck job older than this is failed, if its output is proven absent."),
  maxAge: maxAge.describe('Jobs older than this are left to `fail-old`; "none" for no such limit.'),
  providerCap: duration.describe("Up to this age a provider is believed that a job is still at work."),
});

const PLACEHOLDERS = /\{(externalId|jobId|recordId|n|payload\.[^{}]+)\}/g;

const pattern = text.superRefine((value, context) => {
  if (!/\{(externalId|jobId|recordId)\}/.test(value)) {
    context.addIssue({
      code: "custom",
      message: "expected a file name with {externalId}, {jobId} or {recordId} in it",
    });
  }
  const [unknown] = value.replace(PLACEHOLDERS, "").match(/\{[^}]*\}?/) ?? [];
  if (unknown !== undefined) {
    const known = "{externalId}, {jobId}, {recordId}, {n}, {payload.some_key}";
    context.addIssue({ code: "custom", message: `${unknown} is not known: replaced are ${known}` });
  }
  if (value.includes("/")) {
    context.addIssue({ code: "custom", message: "expected a file name: its folder belongs into storage.baseUrl" });
  }
});

/** Entries that say `all` are one output in several files. `{n}` counts from `from`, `count` of them. */
const output = z.union([
  pattern.transform((value) => ({ pattern: value, all: false, count: null, from: 0 })),
  z
    .strictObject({
      pattern: pattern.describe(
        "The file's name: {externalId}, {jobId}, {recordId}, {n} and {payload.some_key} are replaced.",
      ),
      all: z.boolean().default(false).describe("All entries that say so are one output in several files."),
      count: z
        .union([z.int().min(1).max(100), text])
        .nullable()
        .default(null)
        .describe("How many files {n} stands for, or the payload's key that tells; null without {n}."),
      from: z.int().min(0).default(0).describe("The first {n}."),
    })
    .refine(({ pattern, count }) => pattern.includes("{n}") === (count !== null), {
      error: "expected a count with {n}, a number or the payload's key that holds it, and none without",
    }),
]);

const operation = z
  .strictObject({
    types: z.array(text).default([]).describe("Values of the job's Type that mean this operation."),
    outputs: z
      .array(output)
      .describe("File names an output may have, in the order of probing; none where only its provider knows it."),
    provider: text.nullable().default(null).describe("Who did the work, by its name under `providers`."),
    target: z
      .strictObject({
        table: text.describe("Name or id of the table whose record receives the output."),
        links: z.array(text).default([]).describe("Link fields of the job that name the target; the first must exist."),
        payloadKeys: z.array(text).default([]).describe("Keys of the request payload that name the target."),
      })
      .describe("The record that receives the output. All that name one have to name the same."),
    attachment: text.describe("The target's attachment field."),
    set: z
      .record(text, z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe("Further fields of the target, and what they are set to. Options of selects have to exist."),
    onExisting: z
      .enum(["skip", "replace", "append"])
      .default("skip")
      .describe("What to do when the attachment field holds another file."),
    check: z.enum(["mp4"]).nullable().default(null).describe("What a file must prove to be before it is delivered."),
    via: via.optional().describe("Overrides webhooks.via."),
    fallback: fallback.optional().describe("Overrides webhooks.fallback."),
    webhookEndpoint: webhookEndpoint
      .nullable()
      .default(null)
      .describe("What the provider's webhook calls its endpoint."),
    thresholds: thresholds.partial().default({}).describe("Those of this operation; what it leaves out is as above."),
  })
  .describe("What its output is called, and which record receives it.");

/** An Airtable base's id. */
const baseId = z.string().regex(BASE_ID, "expected an Airtable base id: app…");

/** One of several bases. Its other keys are those of the file, for it alone: they are checked where they are laid over. */
const base = z.looseObject({
  baseId: baseId.describe("The base: app…"),
  name: text.optional().describe("What reports and `--base` call it. Absent: its id."),
});

/** The list by itself, as it is checked before its bases are. */
export const basesSchema = z.strictObject({
  bases: z
    .array(base)
    .min(1, "expected at least one base")
    .describe("Several bases in one run, each with what it changes of the rest of the file (docs/bases.md)."),
});

const DAY = 86_400_000;

/** Airtable fetches a file soon after it is told of it, not at once; SigV4 allows a link no more than seven days. */
const [MIN_LINK, MAX_LINK] = [600_000, 7 * DAY];

const credentials = z.strictObject({
  from: z.enum(["aws"]).optional().describe("Take AWS_ACCESS_KEY_ID and AWS's other variables as well."),
  accessKeyId: text.optional().describe("The key's id, which is no secret."),
  secretAccessKey: text.optional().describe("A secret: better in the environment than in a file."),
  sessionToken: text.optional().describe("Of temporary credentials."),
  region: text.optional().describe("Absent: as the host of baseUrl tells, else us-east-1."),
});

/** The configuration as files write it, after the preset was laid under it. Unknown keys are errors. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe("Where this schema is, for editors; nothing else reads it."),
    preset: z
      .enum(["nca", "none"])
      .default("nca")
      .describe("What the file is laid over, key by key: the base of NCA Toolkit's users, or nothing."),
    airtable: z
      .strictObject({
        baseId: baseId.optional().describe("The base: the part of its address in the browser that begins with app."),
        requestsPerSecond: z
          .number()
          .positive()
          .max(5)
          .default(4)
          .describe("At most 5, Airtable's limit for a base, which all its clients share."),
        endpointUrl: httpUrl.default("https://api.airtable.com").describe("Where Airtable's API is, without /v0."),
      })
      .prefault({})
      .describe("The base. The token comes from the environment only: AIRTABLE_API_KEY."),
    jobs: z
      .strictObject({
        table: text.describe("The table of the jobs, by name or id."),
        fields: z
          .strictObject({
            status: text.describe("A single select, or a text."),
            externalId: text.describe("The worker's name for the job: {externalId} in outputs."),
            ownId: text.nullable().default(null).describe("The application's own name for a job: {jobId} in outputs."),
            type: text
              .nullable()
              .default(null)
              .describe("The kind of work; `types` of the operations are values of it."),
            requestPayload: text
              .nullable()
              .default(null)
              .describe("What the worker was asked for, as JSON or a Python literal: may name operation and target."),
            responsePayload: text
              .nullable()
              .default(null)
              .describe("Gets the output's URL when the job is completed, and holds those of completed jobs."),
            webhookUrl: text.nullable().default(null).describe("May name the operation and the target in its query."),
            error: text.nullable().default(null).describe("A long text: says why the job was failed."),
            notes: text.nullable().default(null).describe("A long text: gets a line for each thing that was done."),
            startedAt: text
              .nullable()
              .default(null)
              .describe("A date from which a job's age counts; null: the record's created time."),
            completedAt: text
              .nullable()
              .default(null)
              .describe("A date or last-modified field: when a job was completed. `stats` learns the pace from it."),
          })
          .describe(
            "The fields of that table, by name or id; null where the base has none. Ids take schema.bases:read.",
          ),
        stuckStatuses: z
          .array(text)
          .min(1)
          .default(["processing"])
          .describe("What a job that is at work has as status."),
        completedStatus: text.default("completed").describe("What a recovered job is set to."),
        failedStatus: text.default("failed").describe("What a failed job is set to."),
      })
      .describe("Where the jobs are, and what their fields are called."),
    thresholds: thresholds.partial().prefault({}).describe("Ages, from which on something is done about a job."),
    storage: z
      .strictObject({
        baseUrl: httpUrl.describe("What an output's file name is appended to, after a slash. Not a CDN's host."),
        concurrency: z.int().min(1).max(256).default(16).describe("Probes at the same time."),
        requestsPerSecond: z.number().positive().max(10_000).default(200).describe("Spaces refuses above 240."),
        otherNames: z
          .array(z.string().regex(/^[^{}/]*\{externalId\}[^{}/]*$/, "expected a file name with {externalId} in it"))
          .default([])
          .describe("Names that the worker is known to use: a job is not failed while one of them is there."),
        addressing: z
          .enum(["path", "virtual"])
          .optional()
          .describe("Where baseUrl names the bucket: first in its path, or in its host. Absent: as the host tells."),
        credentials: credentials.optional().describe("The key that requests are signed with, for a private bucket."),
        attachmentUrlTtl: duration
          .refine((ms) => ms >= MIN_LINK && ms <= MAX_LINK, { error: "expected a duration from 10m to 7d" })
          .prefault("1d")
          .describe("How long the signed link from which Airtable fetches a file is valid."),
      })
      .describe("Where the outputs lie: a bucket that speaks S3, public or not."),
    brake: z
      .strictObject({
        minimum: z
          .int()
          .min(0)
          .default(5)
          .describe("So many jobs of an operation may be failed in a run without that proof."),
        share: z
          .number()
          .min(0)
          .max(1)
          .default(0.2)
          .describe("Of many stuck jobs: so large a part of them, if that is more than the minimum."),
        maxFails: z.int().min(1).default(100).describe("No run fails more jobs than this."),
      })
      .prefault({})
      .describe("Holds back the failing of many jobs at once until an output of their operation was seen."),
    lateOutputs: z
      .boolean()
      .default(true)
      .describe("Whether jobs that polling failed are completed when their output turns up within maxAge."),
    providers,
    webhooks,
    watching: watchingSchema.prefault({}).describe("Who is told of runs (docs/monitoring.md)."),
    journal: journalSchema.prefault({}).describe("Where what a run writes is recorded (docs/history.md)."),
    operations: z.record(text, operation).describe("The kinds of work, by name; null takes one of the preset's out."),
    bases: basesSchema.shape.bases.optional(),
  })
  .superRefine((config, context) => {
    const owners = new Map<string, string>();
    for (const [name, { types, outputs, provider }] of Object.entries(config.operations)) {
      if (outputs.length === 0 && provider === null) {
        const message = "expected at least one file name, or a provider that knows the output";
        context.addIssue({ code: "custom", path: ["operations", name, "outputs"], message });
      }
      for (const [index, type] of types.entries()) {
        const owner = owners.get(type);
        owners.set(type, owner ?? name);
        if (owner === undefined) continue;
        const message = `type "${type}" belongs to operation "${owner}" already`;
        context.addIssue({ code: "custom", path: ["operations", name, "types", index], message });
      }
    }
    if (config.storage.addressing === "path" && /^\/*$/.test(new URL(config.storage.baseUrl).pathname)) {
      const message = "path means that the first part of baseUrl's path is the bucket, but it has no path";
      context.addIssue({ code: "custom", path: ["storage", "addressing"], message });
    }
    const { stuckStatuses, completedStatus, failedStatus } = config.jobs;
    if (completedStatus === failedStatus) {
      const message = `"${failedStatus}" is completedStatus as well: a job that died would count as done`;
      context.addIssue({ code: "custom", path: ["jobs", "failedStatus"], message });
    }
    for (const [key, status] of Object.entries({ completedStatus, failedStatus })) {
      if (!stuckStatuses.includes(status)) continue;
      const message = `"${status}" is also one of stuckStatuses: a job set to it would be stuck again`;
      context.addIssue({ code: "custom", path: ["jobs", key], message });
    }
  });

export type Config = z.output<typeof configSchema>;
