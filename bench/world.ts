import * as z from "zod";
import { createBase, type FakeAirtable } from "../src/sandbox/airtable/fake-airtable.ts";
import { parseSchema } from "../src/sandbox/airtable/schema.ts";
import { type Bucket, createBucket } from "../src/sandbox/fake-bucket.ts";
import schemaJson from "../src/sandbox/seed/base-schema.json" with { type: "json" };

/** What is in a world, and how its servers behave. */
export const worldSchema = z.object({
  /** Jobs that are completed and of no interest. */
  finished: z.int().min(0).default(0),
  /** Stuck jobs whose output is in the bucket; all are for one table. */
  recoverable: z.int().min(0).default(0),
  /** Stuck jobs past `failAfter` whose output is not there. */
  lost: z.int().min(0).default(0),
  /** Whether the base has Airtable's limit: 5 requests in any second, then 30 s of 429. */
  limited: z.boolean().default(false),
  /** How long the servers take to answer, in ms. */
  baseLatency: z.number().min(0).default(0),
  bucketLatency: z.number().min(0).default(0),
  /** Whether the listing holds a field "Created Time", without which the original poller finds nothing. */
  createdTimeField: z.boolean().default(false),
  /** Further bases on the same server, by their stuck jobs whose output is in the bucket: at most as many as above. */
  more: z.array(z.int().min(0)).default([]),
});

export type WorldSpec = z.input<typeof worldSchema>;

export const BASE_ID = "appBench000000001";

/** The first base, and the further ones. */
export function baseIdsOf({ more = [] }: Pick<WorldSpec, "more">): readonly string[] {
  return [BASE_ID, ...more.map((_, n) => `appBenchMore${String(n).padStart(5, "0")}`)];
}

/** Opens nothing but a world of the bench. */
export const TOKEN = "patBench00000000.bench";

export const BUCKET = "outputs";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A base with the real schema and a bucket, in memory. */
export function buildWorld(
  spec: z.output<typeof worldSchema>,
  baseId = BASE_ID,
): { base: FakeAirtable; bucket: Bucket } {
  const schema = parseSchema(schemaJson);
  const jobs = schema.tables.find(({ name }) => name === "Jobs");
  if (spec.createdTimeField && jobs !== undefined) {
    Object.assign(jobs, {
      fields: [...jobs.fields, { id: "fldCreatedTime001", name: "Created Time", type: "createdTime" }],
    });
  }
  const base = createBase({
    schema,
    baseId,
    token: TOKEN,
    random: Math.random,
    ...(spec.limited ? {} : { limit: null }),
  });
  const bucket = createBucket({ name: BUCKET, visibility: "open" });
  const now = Date.now();
  const job = (id: string, age: number, fields: Parameters<FakeAirtable["edit"]>[2]) => {
    const createdTime = new Date(now - age).toISOString();
    const created = spec.createdTimeField ? { "Created Time": createdTime } : {};
    base.upsert("Jobs", { id, createdTime, fields: { Type: "combine", ...fields, ...created } });
  };
  for (let n = 0; n < spec.finished; n += 1) {
    job(idOf("Old", n), 30 * HOUR, { Status: "completed", "External Job ID": `old-${n}` });
  }
  for (let n = 0; n < spec.recoverable + spec.lost; n += 1) {
    const lost = n >= spec.recoverable;
    const target = idOf("Seg", n);
    base.upsert("Segments", { id: target, createdTime: new Date(now - 40 * HOUR).toISOString(), fields: {} });
    job(idOf("Job", n), lost ? 2 * HOUR : 20 * MINUTE + n, {
      Status: "processing",
      "External Job ID": `ext-${n}`,
      "Request Payload": `{'segment_id': '${target}', 'video_url': 'https://example.com/${n}.mp4', 'duration_override': None}`,
      "Webhook URL": `https://app.example.com/webhooks/nca-toolkit?job_id=${idOf("Job", n)}&operation=combine&target_id=${target}`,
    });
    if (lost) continue;
    bucket.put(`ext-${n}_output_0.mp4`, {
      bytes: 1_000_000 + n,
      contentType: "binary/octet-stream",
      lastModified: now - 10 * MINUTE,
    });
  }
  return { base, bucket };
}

/** A record id: 17 characters. */
function idOf(kind: string, n: number): string {
  return `rec${kind}${String(n).padStart(11, "0")}`;
}
