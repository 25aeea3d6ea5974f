import * as z from "zod";
import { text } from "./fields.ts";
import { nameProblem, setProblem } from "./placeholders.ts";
import { tableName } from "./postgres.ts";
import { operationStorage } from "./storage.ts";
import { thresholds } from "./thresholds.ts";
import { fallback, via, webhookEndpoint } from "./webhooks.ts";

const pattern = text.superRefine((value, context) => {
  const problem = nameProblem(value);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

const output = z.union([
  pattern.transform((value) => ({ pattern: value, all: false, count: null, from: 0, mayPredate: false })),
  z
    .strictObject({
      pattern: pattern.describe(
        "The file name, with folders: {externalId}, {jobId}, {recordId}, {n}, {payload.some_key}, {field.Some Field} and {startedAt:yyyy/MM/dd} are replaced.",
      ),
      all: z.boolean().default(false).describe("All entries with `all: true` are one output in several files."),
      count: z
        .union([z.int().min(1).max(100), text])
        .nullable()
        .default(null)
        .describe("How many files {n} stands for, or the payload's key that holds the number; null without {n}."),
      from: z.int().min(0).default(0).describe("The first {n}."),
      mayPredate: z
        .boolean()
        .default(false)
        .describe("Whether the file may be older than its job, for example if it is named by its content or imported."),
    })
    .refine(({ pattern, count }) => pattern.includes("{n}") === (count !== null), {
      error: "expected a count with {n}, a number or the payload's key that holds it, and none without",
    }),
]);

/** Every value of a job's type. */
export const ANY_TYPE = "*";

const types = z
  .union([z.literal(ANY_TYPE).transform((any) => [any]), z.array(text)])
  .default([])
  .refine((values) => values.length === 1 || !values.includes(ANY_TYPE), {
    error: `expected "${ANY_TYPE}" alone: it stands for all types`,
  })
  .describe(
    'Values of the job\'s type field that stand for this operation; "*" for every job. An only operation needs none.',
  );

const target = z
  .union([
    z.literal("self").describe("The job itself."),
    z.literal("none").describe("No record: only the job's status is written."),
    z.strictObject({
      table: tableName.describe("Name or id of the table whose record receives the output."),
      key: text
        .optional()
        .describe(
          "The field or column by which jobs name the record. PostgreSQL: a unique column, by default id. Airtable: for names in text fields, by default the primary field.",
        ),
      from: text.optional().describe("PostgreSQL only: the job's column that holds that key, such as segment_id."),
      links: z
        .array(text)
        .default([])
        .describe(
          "Link fields of the job that name the target, or text fields with its id or name; the first must exist.",
        ),
      payloadKeys: z.array(text).default([]).describe("Keys of the request payload that name the target."),
    }),
  ])
  .describe(
    "The record that receives the output: `self`, `none`, or a record that link fields or payload name; they must not name different ones.",
  );

const deliver = z.strictObject({
  field: text.describe("The target's field."),
  path: z
    .array(text)
    .min(1)
    .max(10)
    .optional()
    .describe("PostgreSQL only: where in a jsonb column the URL goes, key by key."),
  as: z
    .enum(["attachment", "url"])
    .default("attachment")
    .describe("A file in an attachment field, or its URL in a URL or text field."),
});

const setValue = z.union([z.string(), z.number(), z.boolean()]);

const setTemplate = z.union([
  z.string().superRefine((value, context) => {
    const problem = setProblem(value);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  }),
  z.number(),
  z.boolean(),
]);

/** One kind of work. */
export const operation = z
  .strictObject({
    types,
    outputs: z
      .array(output)
      .describe(
        "File names that an output may have, in the order of probing; empty if only the provider knows where the output is.",
      ),
    storage: operationStorage.optional(),
    provider: text.nullable().default(null).describe("The provider that does the work, by its name under `providers`."),
    target,
    deliver: deliver.optional().describe("Where the output goes, as a file or as its URL."),
    attachment: text.optional().describe("The target's attachment field: a short form of deliver."),
    set: z
      .record(text, setTemplate)
      .default({})
      .describe(
        "Further fields of the target and their values. Options of selects must exist. {url}, {externalId}, {bytes} and {now} are replaced.",
      ),
    setFrom: z
      .record(text, z.array(setValue))
      .default({})
      .describe("Values of those fields that `set` may replace, besides blank, if the target already had the file."),
    onExisting: z
      .enum(["skip", "replace", "append"])
      .default("skip")
      .describe("What to do when the field holds another file."),
    check: z.enum(["mp4"]).nullable().default(null).describe("The file format that is verified before delivery."),
    via: via.optional().describe("Overrides webhooks.via."),
    fallback: fallback.optional().describe("Overrides webhooks.fallback."),
    webhookEndpoint: webhookEndpoint
      .nullable()
      .default(null)
      .describe("The endpoint that the provider's webhook names."),
    thresholds: thresholds.partial().default({}).describe("Overrides thresholds, key by key."),
  })
  .superRefine(({ target, deliver, attachment, set, setFrom }, context) => {
    const report = (path: readonly string[], message: string) =>
      context.addIssue({ code: "custom", path: [...path], message });
    const named = [deliver, attachment].filter((each) => each !== undefined).length;
    if (target === "none") {
      if (named > 0)
        report([deliver === undefined ? "attachment" : "deliver"], "target: none has no field; leave it out");
      if (Object.keys(set).length > 0) report(["set"], "target: none has no field; leave it out");
    } else if (named === 0) report(["deliver"], "missing; expected { field }, or attachment: the name of the field");
    else if (named === 2) report(["attachment"], "it is short for deliver, which is there too; leave one of them out");
    for (const field of Object.keys(setFrom)) {
      if (!Object.hasOwn(set, field)) report(["setFrom", field], "set has no such field");
    }
  })
  .describe("How its output is named, and which record receives it.");
