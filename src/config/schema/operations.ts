import * as z from "zod";
import { text } from "./fields.ts";
import { tableName } from "./postgres.ts";
import { thresholds } from "./thresholds.ts";
import { fallback, via, webhookEndpoint } from "./webhooks.ts";

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
    context.addIssue({ code: "custom", message: `${unknown} is not known; allowed: ${known}` });
  }
  if (value.includes("/")) {
    context.addIssue({ code: "custom", message: "expected a file name; put its folder into storage.baseUrl" });
  }
});

const output = z.union([
  pattern.transform((value) => ({ pattern: value, all: false, count: null, from: 0 })),
  z
    .strictObject({
      pattern: pattern.describe(
        "The file name: {externalId}, {jobId}, {recordId}, {n} and {payload.some_key} are replaced.",
      ),
      all: z.boolean().default(false).describe("All entries with `all: true` are one output in several files."),
      count: z
        .union([z.int().min(1).max(100), text])
        .nullable()
        .default(null)
        .describe("How many files {n} stands for, or the payload's key that holds the number; null without {n}."),
      from: z.int().min(0).default(0).describe("The first {n}."),
    })
    .refine(({ pattern, count }) => pattern.includes("{n}") === (count !== null), {
      error: "expected a count with {n}, a number or the payload's key that holds it, and none without",
    }),
]);

/** One kind of work. */
export const operation = z
  .strictObject({
    types: z.array(text).default([]).describe("Values of the job's type field that stand for this operation."),
    outputs: z
      .array(output)
      .describe("File names that an output may have, in the order of probing; empty where only its provider knows it."),
    provider: text.nullable().default(null).describe("The provider that does the work, by its name under `providers`."),
    target: z
      .strictObject({
        table: tableName.describe("Name or id of the table whose record receives the output."),
        key: text.optional().describe("PostgreSQL only: the column that names one row of that table. Absent: id."),
        from: text.optional().describe("PostgreSQL only: the job's column that holds that key, such as segment_id."),
        links: z.array(text).default([]).describe("Link fields of the job that name the target; the first must exist."),
        payloadKeys: z.array(text).default([]).describe("Keys of the request payload that name the target."),
      })
      .describe("The record that receives the output. Link fields and payload must not name different records."),
    attachment: text.describe("The target's attachment field."),
    set: z
      .record(text, z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe("Further fields of the target and their values. Options of selects have to exist."),
    onExisting: z
      .enum(["skip", "replace", "append"])
      .default("skip")
      .describe("What to do when the attachment field holds another file."),
    check: z.enum(["mp4"]).nullable().default(null).describe("The file format that is verified before delivery."),
    via: via.optional().describe("Overrides webhooks.via."),
    fallback: fallback.optional().describe("Overrides webhooks.fallback."),
    webhookEndpoint: webhookEndpoint
      .nullable()
      .default(null)
      .describe("The endpoint that the provider's webhook names."),
    thresholds: thresholds.partial().default({}).describe("Overrides thresholds, key by key."),
  })
  .describe("How its output is named, and which record receives it.");
