import { onTestFinished } from "vitest";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { createBase, type FakeAirtable } from "../../src/sandbox/airtable/fake-airtable.ts";
import type { Access } from "../../src/sandbox/airtable/permissions.ts";
import { type BaseSchema, parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { type Bucket, createBucket } from "../../src/sandbox/fake-bucket.ts";
import type { Reply, Request } from "../../src/sandbox/http.ts";
import { listen } from "../../src/sandbox/loopback-server.ts";
import schemaJson from "../../src/sandbox/seed/base-schema.json" with { type: "json" };
import { MINUTE } from "../support/builders.ts";

const BASE_ID = "appE2e00000000001";
export const TOKEN = "patE2e00000000001.0123456789abcdef0123456789abcdef";

/** The real schema, which a test may change. */
export function realSchema(): BaseSchema {
  return parseSchema(structuredClone(schemaJson));
}

export interface World {
  readonly base: FakeAirtable;
  readonly bucket: Bucket;
  /** A second bucket, on the same host. */
  readonly archive: Bucket;
  readonly archiveUrl: string;
  /** The base's requests, in their order. */
  readonly requests: Request[];
  readonly storageUrl: string;
  /** What points the CLI at it. */
  readonly env: Record<string, string>;
  /** A job of the Jobs table; `age` is in ms. */
  job(id: string, fields: Readonly<Record<string, Json>>, age?: number): void;
  output(key: string, bytes?: number): void;
  fields(table: string, id: string): Readonly<Record<string, Json>>;
}

export interface WorldOptions {
  readonly schema?: BaseSchema;
  readonly listing?: "open" | "restricted";
  /** What the token may do; everything by default. */
  readonly access?: Access;
  /** Answers in the base's place; undefined lets the base answer, null ends the connection. */
  readonly instead?: (request: Request, count: number) => Promise<Reply | null | undefined> | Reply | null | undefined;
  /** Called after the base carried a request out; null loses its answer. */
  readonly after?: (request: Request, reply: Reply, count: number) => Promise<Reply | null> | Reply | null;
  readonly bucketInstead?: (request: Request) => Promise<Reply | null | undefined> | Reply | null | undefined;
}

/** A base with the real schema and no limit, and a bucket, on loopback ports. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { schema = realSchema(), listing: visibility = "restricted", access } = options;
  const base = createBase({
    schema,
    baseId: BASE_ID,
    token: TOKEN,
    random: Math.random,
    limit: null,
    ...(access === undefined ? {} : { access }),
  });
  const bucket = createBucket({ name: "outputs", visibility });
  const archive = createBucket({ name: "archive", visibility });
  const requests: Request[] = [];
  const baseAt = await listen(0, async (request) => {
    requests.push(request);
    const count = requests.length;
    const instead = await options.instead?.(request, count);
    if (instead !== undefined) return instead;
    const reply = base.handle(request, Date.now());
    if (request.method === "PATCH") fetchAttachments();
    return options.after === undefined ? reply : await options.after(request, reply, count);
  });
  const bucketAt = await listen(0, async (request) => {
    const instead = await options.bucketInstead?.(request);
    const asked = request.path.startsWith("/archive/") ? archive : bucket;
    return instead === undefined ? asked.handle(request, Date.now()) : instead;
  });
  onTestFinished(async () => {
    await Promise.all([baseAt.close(), bucketAt.close()]);
  });
  const storageUrl = `${bucketAt.url}/outputs`;
  const archiveUrl = `${bucketAt.url}/archive`;
  const fetchAttachments = () => {
    for (const { attachmentId, url } of base.pendingAttachments()) {
      const found = url.startsWith(`${archiveUrl}/`)
        ? archive.get(url.slice(archiveUrl.length + 1))
        : bucket.get(url.slice(storageUrl.length + 1));
      base.completeAttachment(attachmentId, found ?? null);
    }
  };
  return {
    base,
    bucket,
    archive,
    archiveUrl,
    requests,
    storageUrl,
    env: {
      AIRTABLE_API_KEY: TOKEN,
      AIRTABLE_BASE_ID: BASE_ID,
      AIRTABLE_ENDPOINT_URL: baseAt.url,
      STUCK_JOBS_STORAGE_URL: storageUrl,
      STUCK_JOBS_AIRTABLE_RPS: "5",
    },
    job(id, fields, age = 10 * MINUTE) {
      const createdTime = new Date(Date.now() - age).toISOString();
      base.upsert("Jobs", { id, createdTime, fields: { Status: "processing", ...fields } });
    },
    output(key, bytes = 1_000_000) {
      bucket.put(key, { bytes, contentType: "binary/octet-stream", lastModified: Date.now() - MINUTE });
    },
    fields(table, id) {
      const record = base.record(table, id);
      if (record === undefined) throw new Error(`${table} has no ${id}`);
      return record.fields;
    },
  };
}

/** A segment that a combine job is for. */
export function addSegment(world: World, id: string, fields: Readonly<Record<string, Json>> = {}): void {
  world.base.upsert("Segments", { id, createdTime: "2026-01-01T00:00:00.000Z", fields });
}

/** A video that a concatenation or music is for. */
export function addVideo(world: World, id: string, fields: Readonly<Record<string, Json>> = {}): void {
  world.base.upsert("Videos", { id, createdTime: "2026-01-01T00:00:00.000Z", fields });
}
