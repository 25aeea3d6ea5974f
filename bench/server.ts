import { setTimeout as delay } from "node:timers/promises";
import type { FakeAirtable } from "../src/sandbox/airtable/fake-airtable.ts";
import type { Request, Response } from "../src/sandbox/http.ts";
import { type Listener, listen } from "../src/sandbox/loopback-server.ts";
import { BUCKET, baseIdsOf, buildWorld, TOKEN, worldSchema } from "./world.ts";

// A process of its own for each world, so that what the servers take is not counted as the tool's. Given what to build
// in its one argument, it says where it is, and at every "counts" what it has seen.
const spec = worldSchema.parse(JSON.parse(process.argv[2] ?? "{}"));
const ids = baseIdsOf(spec);
const { base: first, bucket } = buildWorld(spec);
const bases = [
  first,
  ...spec.more.map((recoverable, n) => buildWorld({ ...spec, recoverable, lost: 0 }, ids[n + 1]).base),
];
const counts = { airtable: 0, refused: 0, storage: 0, lists: 0, reads: 0, writes: 0, mostInASecond: 0 };
let lastSecond: number[] = [];

const baseAt = await listen(0, async (request): Promise<Response> => {
  const now = Date.now();
  lastSecond = [...lastSecond.filter((at) => now - at < 1000), now];
  counts.airtable += 1;
  counts.mostInASecond = Math.max(counts.mostInASecond, lastSecond.length);
  counts[kindOf(request)] += 1;
  const base = bases[ids.findIndex((id) => request.path.includes(`/${id}/`))] ?? first;
  const reply = base.handle(request, now);
  if (reply.status === 429) counts.refused += 1;
  if (request.method === "PATCH") fetchAttachments(base, bucketAt);
  if (spec.baseLatency > 0) await delay(spec.baseLatency);
  return reply;
});
const bucketAt = await listen(0, async (request) => {
  counts.storage += 1;
  if (spec.bucketLatency > 0) await delay(spec.bucketLatency);
  return bucket.handle(request, Date.now());
});

process.on("message", () => process.send?.(counts));
process.on("disconnect", () => process.exit());
process.send?.({
  AIRTABLE_API_KEY: TOKEN,
  ...(spec.more.length === 0 ? { AIRTABLE_BASE_ID: ids[0] } : {}),
  AIRTABLE_ENDPOINT_URL: baseAt.url,
  STUCK_JOBS_STORAGE_URL: `${bucketAt.url}/${BUCKET}`,
});

/** A guard read is a listing that asks for records by their ids. */
function kindOf({ method, query, body }: Request): "lists" | "reads" | "writes" {
  if (method === "PATCH") return "writes";
  return `${query.get("filterByFormula")}${body}`.includes("RECORD_ID()") ? "reads" : "lists";
}

/** Airtable fetches what was attached some time later; here at once. */
function fetchAttachments(base: FakeAirtable, { url }: Listener): void {
  const place = `${url}/${BUCKET}/`;
  for (const { attachmentId, url: file } of base.pendingAttachments()) {
    base.completeAttachment(attachmentId, bucket.get(file.slice(place.length)) ?? null);
  }
}
