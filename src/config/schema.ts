import { z } from "zod";
import { DURATION_FORM, parseDuration } from "./duration.ts";
import { providers } from "./provider-schema.ts";
import { httpUrl, text } from "./texts.ts";
import { watchingSchema } from "./watching.ts";
import { fallback, via, webhookEndpoint, webhooks } from "./webhook-schema.ts";

const duration = z.string({ error: `expected ${DURATION_FORM}` }).transform((value, context) => {
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
      pattern,
      all: z.boolean().default(false),
      count: z
        .union([z.int().min(1).max(100), text])
        .nullable()
        .default(null),
      from: z.int().min(0).default(0),
    })
    .refine(({ pattern, count }) => pattern.includes("{n}") === (count !== null), {
      error: "expected a count with {n}, a number or the payload's key that holds it, and none without",
    }),
]);

const operation = z.strictObject({
  types: z.array(text).default([]).describe("Values of the job's Type that mean this operation."),
  outputs: z
    .array(output)
    .describe("File names an output may have, in the order of probing; none where only its provider knows it."),
  provider: text.nullable().default(null).describe("Who did the work, by its name under `providers`."),
  target: z.strictObject({
    table: text.describe("Name or id of the table whose record receives the output."),
    links: z.array(text).default([]).describe("Link fields of the job that name the target; the first must exist."),
    payloadKeys: z.array(text).default([]).describe("Keys of the request payload that name the target."),
  }),
  attachment: text.describe("The target's attachment field."),
  set: z.record(text, z.union([z.string(), z.number(), z.boolean()])).default({}),
  onExisting: z.enum(["skip", "replace", "append"]).default("skip"),
  check: z.enum(["mp4"]).nullable().default(null).describe("What a file must prove to be before it is delivered."),
  via: via.optional().describe("Overrides webhooks.via."),
  fallback: fallback.optional().describe("Overrides webhooks.fallback."),
  webhookEndpoint: webhookEndpoint.nullable().default(null).describe("What the provider's webhook calls its endpoint."),
  thresholds: thresholds.partial().default({}),
});

const DAY = 86_400_000;

/** Airtable fetches a file soon after it is told of it, not at once; SigV4 allows a link no more than seven days. */
const [MIN_LINK, MAX_LINK] = [600_000, 7 * DAY];

const credentials = z.strictObject({
  from: z.enum(["aws"]).optional().describe("Take AWS_ACCESS_KEY_ID and AWS's other variables as well."),
  accessKeyId: text.optional(),
  secretAccessKey: text.optional().describe("Better in the environment: STUCK_JOBS_S3_SECRET_ACCESS_KEY."),
  sessionToken: text.optional().describe("Of temporary credentials."),
  region: text.optional().describe("Absent: as the host of baseUrl tells, else us-east-1."),
});

/** The configuration as files write it, after the preset was laid under it. Unknown keys are errors. */
export const configSchema = z
  .strictObject({
    preset: z.enum(["nca", "none"]).default("nca"),
    airtable: z
      .strictObject({
        baseId: z
          .string()
          .regex(/^app[A-Za-z0-9]+$/, "expected an Airtable base id: app…")
          .optional(),
        requestsPerSecond: z.number().positive().max(5).default(4),
        endpointUrl: httpUrl.default("https://api.airtable.com"),
      })
      .prefault({}),
    jobs: z.strictObject({
      table: text,
      fields: z.strictObject({
        status: text,
        externalId: text,
        ownId: text.nullable().default(null).describe("The application's own name for a job: {jobId} in outputs."),
        type: text.nullable().default(null),
        requestPayload: text.nullable().default(null),
        responsePayload: text.nullable().default(null),
        webhookUrl: text.nullable().default(null),
        error: text.nullable().default(null),
        notes: text.nullable().default(null),
        startedAt: text.nullable().default(null),
      }),
      stuckStatuses: z.array(text).min(1).default(["processing"]),
      completedStatus: text.default("completed"),
      failedStatus: text.default("failed"),
    }),
    thresholds: thresholds.partial().prefault({}),
    storage: z.strictObject({
      baseUrl: httpUrl,
      concurrency: z.int().min(1).max(256).default(16),
      requestsPerSecond: z.number().positive().max(10_000).default(200),
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
        .default(DAY)
        .describe("How long the signed link from which Airtable fetches a file is valid."),
    }),
    brake: z
      .strictObject({
        minimum: z.int().min(0).default(5),
        share: z.number().min(0).max(1).default(0.2),
        maxFails: z.int().min(1).default(100),
      })
      .prefault({}),
    lateOutputs: z.boolean().default(true),
    providers,
    webhooks,
    watching: watchingSchema.prefault({}),
    operations: z.record(text, operation),
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
