import * as z from "zod";
import { httpUrl, SECRET, text } from "./fields.ts";
import { duration } from "./thresholds.ts";

const DAY = 86_400_000;

/** Airtable fetches an attachment some time after the write; SigV4 allows a link at most seven days. */
const [MIN_LINK, MAX_LINK] = [600_000, 7 * DAY];

const credentials = z
  .strictObject({
    prefix: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]*$/, { error: "expected the beginning of the variables' names: ACME_S3" })
      .optional()
      .describe("Read the key only from <prefix>_ACCESS_KEY_ID, _SECRET_ACCESS_KEY, _SESSION_TOKEN and _REGION."),
    from: z.enum(["aws"]).optional().describe("Also read AWS_ACCESS_KEY_ID and AWS's other variables."),
    accessKeyId: text.optional().describe("The id of the key; not a secret."),
    secretAccessKey: text.optional().describe("A secret: better in the environment than in a file.").meta(SECRET),
    sessionToken: text.optional().describe("The session token of temporary credentials.").meta(SECRET),
    region: text.optional().describe("The region. Default: derived from the host of baseUrl, else us-east-1."),
  })
  .refine(({ prefix, region, ...others }) => prefix === undefined || Object.keys(others).length === 0, {
    error: "expected no other key beside prefix but region",
  });

const otherName = z.string().regex(/^[^{}/]*\{externalId\}[^{}/]*$/, "expected a file name with {externalId} in it");

/** The keys without their defaults: an operation overrides them one by one. */
const keys = {
  baseUrl: httpUrl.describe("The prefix of every output's URL: a slash and the file name follow. Not a CDN's host."),
  concurrency: z.int().min(1).max(256).describe("Maximum number of concurrent probes."),
  requestsPerSecond: z
    .number()
    .positive()
    .max(10_000)
    .describe("Maximum number of probes a second. Spaces refuses more than 240."),
  otherNames: z
    .array(otherName)
    .describe("Further file names that the worker may use: a job is not failed while one of them exists."),
  addressing: z
    .enum(["path", "virtual"])
    .optional()
    .describe("Where baseUrl names the bucket: first in its path, or in its host. Default: derived from the host."),
  credentials: credentials.optional().describe("The key that requests to a private bucket are signed with."),
  attachmentUrlTtl: duration
    .refine((ms) => ms >= MIN_LINK && ms <= MAX_LINK, { error: "expected a duration from 10m to 7d" })
    .describe("How long the signed link that Airtable fetches a file from is valid."),
};

/** Where outputs are stored. */
export const storage = z
  .strictObject({
    ...keys,
    concurrency: keys.concurrency.default(16),
    requestsPerSecond: keys.requestsPerSecond.default(200),
    otherNames: keys.otherNames.default([]),
    attachmentUrlTtl: keys.attachmentUrlTtl.prefault("1d"),
  })
  .describe("The bucket that outputs are stored in: any S3-compatible one, public or private.");

/** What an operation says of its own storage. */
export const operationStorage = z
  .strictObject({
    ...keys,
    credentials: keys.credentials
      .nullable()
      .describe("Overrides storage.credentials as a whole; null for a public bucket."),
  })
  .partial()
  .describe("Overrides storage, key by key: another bucket, folder or key.");
