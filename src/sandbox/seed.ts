import { createHash } from "node:crypto";
import * as z from "zod";
import type { Json } from "./airtable/cells.ts";
import type { StoredObject } from "./fake-bucket.ts";
import historyJson from "./seed/history.json" with { type: "json" };
import stuckJson from "./seed/stuck.json" with { type: "json" };

/** A record's cells by the names of their fields; blank ones are left out. */
export type FieldsJson = Readonly<Record<string, Json>>;

/** A record as the sandbox's base starts with it. */
export interface SeedRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly createdTime: string;
  readonly fields: FieldsJson;
}

/** What the application's webhook writes when it completes a job during the first sweep. */
export interface SeedWebhook {
  readonly jobId: string;
  readonly jobFields: FieldsJson;
  readonly targetTable: string;
  readonly targetId: string;
  readonly targetFields: FieldsJson;
}

/** What the sandbox starts with. */
export interface Seed {
  /** Records by the name of their table. */
  readonly tables: Readonly<Record<string, readonly SeedRecord[]>>;
  readonly objects: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly webhook: SeedWebhook | null;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Where the real rows' outputs lie. */
const REAL_STORAGE_URL = "https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket";

const AGE = /^(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?$/;

/** `3h10m` as milliseconds. */
const age = z
  .string()
  .regex(AGE)
  .transform((text) => {
    const [, days = 0, hours = 0, minutes = 0] = AGE.exec(text) ?? [];
    return Number(days) * DAY + Number(hours) * HOUR + Number(minutes) * MINUTE;
  });
const fields = z.record(z.string(), z.json());
const row = z.strictObject({ id: z.string(), fields });
const record = row.extend({ age });
const job = record.extend({ state: z.string(), expect: z.string(), why: z.string() });
const writes = z.strictObject({ job: fields, target: row.extend({ table: z.string() }) });
const completedJob = job.extend({ webhook: z.literal("completes"), writes });
const stored = z.strictObject({ key: z.string(), bytes: z.int().min(0), contentType: z.string(), age });
const stuck = z.strictObject({
  about: z.array(z.string()),
  jobs: z.array(z.union([job, completedJob])),
  segments: z.array(record),
  videos: z.array(record),
  objects: z.array(stored),
});

type Row = z.infer<typeof row>;
type Aged = z.infer<typeof record>;
type Stuck = z.infer<typeof stuck>;

/**
 * Creates the sandbox's base and bucket for the time `now`, in milliseconds since 1970: the real finished jobs, and one stuck
 * job of every kind (listed in seed/stuck.json). `storageUrl` is the bucket's, without a slash at the end.
 */
export function seed(now: number, storageUrl: string): Seed {
  const made = stuck.parse(stuckJson);
  const history = withAges(z.array(row).parse(historyJson));
  const records = (list: readonly Aged[]) => list.map((each) => anchored(each, now, storageUrl));
  return {
    tables: {
      Jobs: records([...history, ...made.jobs]),
      Segments: records(made.segments),
      Videos: records(made.videos),
    },
    objects: [...history.flatMap((each) => outputOf(each, now)), ...made.objects.map((each) => storedAt(each, now))],
    webhook: webhookOf(made, storageUrl),
  };
}

function anchored({ id, age, fields }: Aged, now: number, storageUrl: string): SeedRecord {
  return { id, createdTime: new Date(wholeSecond(now - age)).toISOString(), fields: placed(fields, storageUrl) };
}

/** Distributes the real jobs, whose dates are not known, over the last 2 to 30 days. */
function withAges(rows: readonly Row[]): readonly Aged[] {
  const step = (28 * DAY) / Math.max(1, rows.length);
  return rows.map((each, index) => ({ ...each, age: 2 * DAY + index * step + hash(each.id, step) }));
}

/** Returns the object that a real job's response names, if it was in the bucket. */
function outputOf({ age, fields }: Aged, now: number): Seed["objects"] {
  const response = fields["Response Payload"];
  const [, rest] = typeof response === "string" ? response.split(`${REAL_STORAGE_URL}/`, 2) : [];
  const [key] = rest?.split(/['"]/, 1) ?? [];
  if (key === undefined || key === "") return [];
  const bytes = 2_000_000 + hash(key, 38_000_000);
  return [storedAt({ key, bytes, contentType: "binary/octet-stream", age: age - 3 * MINUTE }, now)];
}

function storedAt({ key, bytes, contentType, age }: Stuck["objects"][number], now: number): Seed["objects"][number] {
  return { key, object: { bytes, contentType, lastModified: wholeSecond(now - age) } };
}

function webhookOf(made: Stuck, storageUrl: string): SeedWebhook | null {
  for (const each of made.jobs) {
    if (!("webhook" in each)) continue;
    const { job, target } = each.writes;
    return {
      jobId: each.id,
      jobFields: placed(job, storageUrl),
      targetTable: target.table,
      targetId: target.id,
      targetFields: placed(target.fields, storageUrl),
    };
  }
  return null;
}

/** Returns the fields with the sandbox's bucket in place of the real one. */
function placed(fields: FieldsJson, storageUrl: string): FieldsJson {
  return Object.fromEntries(Object.entries(fields).map(([name, cell]) => [name, placedCell(cell, storageUrl)]));
}

function placedCell(cell: Json, storageUrl: string): Json {
  if (typeof cell === "string") {
    return cell.replaceAll("{storageUrl}", () => storageUrl).replaceAll(REAL_STORAGE_URL, () => storageUrl);
  }
  if (cell === null || typeof cell !== "object") return cell;
  if (isList(cell)) return cell.map((each) => placedCell(each, storageUrl));
  return placed(cell, storageUrl);
}

/** `Array.isArray` does not narrow to read-only lists. */
function isList(cell: Json): cell is readonly Json[] {
  return Array.isArray(cell);
}

/** Returns a number from 0 to below `end` that depends on the text alone. */
function hash(text: string, end: number): number {
  return createHash("sha256").update(text).digest().readUInt32BE() % Math.floor(end);
}

/** Times of Airtable and the bucket are whole seconds. */
function wholeSecond(at: number): number {
  return Math.floor(at / SECOND) * SECOND;
}
