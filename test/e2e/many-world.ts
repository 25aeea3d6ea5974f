import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { FakeAirtable } from "../../src/sandbox/airtable/fake-airtable.ts";
import { createBase } from "../../src/sandbox/airtable/fake-airtable.ts";
import { createBucket } from "../../src/sandbox/fake-bucket.ts";
import type { Reply, Request } from "../../src/sandbox/http.ts";
import { listen } from "../../src/sandbox/loopback-server.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { folder } from "./cli.ts";
import { realSchema, TOKEN } from "./world.ts";

/** One request as it reached the server. */
export interface Arrival {
  readonly at: number;
  readonly baseId: string;
  readonly status: number;
}

/** Several bases of one token on one server, and a bucket for all. */
export interface ManyBases {
  readonly ids: readonly string[];
  readonly url: string;
  readonly arrivals: readonly Arrival[];
  readonly probes: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** A folder with a configuration that lists the bases as `base-0`, `base-1` …; `more` goes above the list. */
  configured(more?: string, each?: (n: number) => string): string;
  /** A job of the n-th base that is stuck, with its output in the bucket or past saving. */
  stuck(n: number, kind: "recoverable" | "lost", number?: number): void;
  status(n: number, kind: "recoverable" | "lost", number?: number): unknown;
}

export interface ManyBasesOptions {
  /** Whether each base has Airtable's limit. A run does not know what the one before it sent within the last second. */
  readonly limited?: boolean;
  /** The token of the n-th base; absent: one for all. */
  readonly tokenOf?: (n: number) => string;
  /** Answers in a base's place; undefined lets it answer. */
  readonly instead?: (n: number, request: Request) => Reply | undefined;
}

export async function openManyBases(count: number, options: ManyBasesOptions = {}): Promise<ManyBases> {
  const { limited = false, tokenOf = () => TOKEN, instead = () => undefined } = options;
  const ids = Array.from({ length: count }, (_, n) => `appMany${String(n).padStart(10, "0")}`);
  const schema = realSchema();
  const bases = ids.map((baseId, n) =>
    createBase({ schema, baseId, token: tokenOf(n), random: Math.random, ...(limited ? {} : { limit: null }) }),
  );
  const bucket = createBucket({ name: "outputs", visibility: "open" });
  const arrivals: Arrival[] = [];
  const probes: string[] = [];
  const baseAt = await listen(0, async (request) => {
    const now = Date.now();
    const n = ids.findIndex((id) => request.path.includes(`/${id}/`));
    // What is asked of the token may be answered by any.
    const base = baseOf(bases, Math.max(0, n));
    const reply = instead(n, request) ?? base.handle(request, now);
    arrivals.push({ at: now, baseId: ids[n] ?? "", status: reply.status });
    if (request.method === "PATCH") {
      for (const { attachmentId, url } of base.pendingAttachments()) {
        base.completeAttachment(attachmentId, bucket.get(url.slice(storageUrl.length + 1)) ?? null);
      }
    }
    return reply;
  });
  const bucketAt = await listen(0, async (request) => {
    probes.push(request.path);
    return bucket.handle(request, Date.now());
  });
  const storageUrl = `${bucketAt.url}/outputs`;
  onTestFinished(async () => {
    await Promise.all([baseAt.close(), bucketAt.close()]);
  });
  return {
    ids,
    url: baseAt.url,
    arrivals,
    probes,
    env: {
      AIRTABLE_API_KEY: TOKEN,
      AIRTABLE_ENDPOINT_URL: baseAt.url,
      STUCK_JOBS_STORAGE_URL: storageUrl,
      STUCK_JOBS_AIRTABLE_RPS: "5",
    },
    configured(more = "", each = () => "") {
      const cwd = folder();
      const items = ids.map((id, n) => `  - { baseId: ${id}, name: base-${n}${each(n)} }`);
      writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), `${more}\nbases:\n${items.join("\n")}\n`);
      return cwd;
    },
    stuck(n, kind, number = 0) {
      const base = baseOf(bases, n);
      const [job, target, externalId] = [idOf(kind, number), `recTarget${pad(number, 8)}`, `ext-${n}-${number}`];
      const age = kind === "lost" ? 2 * HOUR : 20 * MINUTE;
      base.upsert("Segments", { id: target, createdTime: "2026-01-01T00:00:00.000Z", fields: {} });
      base.upsert("Jobs", {
        id: job,
        createdTime: new Date(Date.now() - age).toISOString(),
        fields: {
          Status: "processing",
          Type: "combine",
          "External Job ID": externalId,
          "Request Payload": `{"segment_id": "${target}"}`,
        },
      });
      if (kind === "lost") return;
      const file = { bytes: 1_000_000, contentType: "binary/octet-stream", lastModified: Date.now() - MINUTE };
      bucket.put(`${externalId}_output_0.mp4`, file);
    },
    status: (n, kind, number = 0) => baseOf(bases, n).record("Jobs", idOf(kind, number))?.fields.Status,
  };
}

/** The most that reached the server within any second. */
export function mostInASecond(arrivals: readonly Pick<Arrival, "at">[]): number {
  const times = arrivals.map(({ at }) => at).sort((a, b) => a - b);
  return Math.max(
    0,
    ...times
      .map((from, n) => times.slice(n).findIndex((at) => at - from >= 1000))
      .map((each, n) => (each === -1 ? times.length - n : each)),
  );
}

function baseOf(bases: readonly FakeAirtable[], n: number): FakeAirtable {
  const base = bases[n];
  if (base === undefined) throw new Error(`no base ${n}`);
  return base;
}

function idOf(kind: "recoverable" | "lost", number: number): string {
  return `rec${kind === "lost" ? "Lost" : "Here"}${pad(number, 10)}`;
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}
