import { resolve } from "node:path";
import { createBase, type FakeAirtable } from "./airtable/fake-airtable.ts";
import { AIRTABLE_LIMIT } from "./airtable/rate-limit.ts";
import { type SandboxBase, type SandboxBaseName, sandboxBase } from "./bases.ts";
import { type Chaos, type ChaosRules, createChaos } from "./chaos.ts";
import { type Bucket, createBucket } from "./fake-bucket.ts";
import type { Reply, Request, Response } from "./http.ts";
import { type Listener, listen, PortTakenError } from "./loopback-server.ts";
import type { SeedWebhook } from "./seed.ts";
import { moveTo, readState, type SandboxState, writeState } from "./state.ts";

export interface SandboxOptions {
  /** The base that it starts with; absent: that of the preset. */
  readonly base?: SandboxBaseName;
  /** The file that keeps the state between runs; null to forget it at the end. */
  readonly stateFile: string | null;
  /** Whether the delayed webhook arrives right after the first listing of the jobs. */
  readonly delayedWebhook: boolean;
  /** The port of the base; the bucket gets the next one. Absent: the ports of the last run where they are free, else any. */
  readonly port?: number;
  /** The faults to inject, and the log that gets a line for each; absent: none. */
  readonly chaos?: { readonly rules: ChaosRules; readonly log: (line: string) => void };
}

/** A running base and bucket on loopback ports, in this process. */
export interface Sandbox {
  /** The environment that points any client at it. */
  readonly env: Readonly<Record<string, string>>;
  /** The content of the configuration file for it. */
  readonly config: unknown;
  close(): Promise<void>;
}

/** Valid for the sandbox only, so it is no secret. */
const TOKEN = "patSandbox00000.sandbox";

/** Blanks the settings of real providers, which know nothing of the sandbox's jobs. */
export const NO_PROVIDERS = {
  NCA_BASE_URL: "",
  NCA_API_KEY: "",
  NCA_API_KEY_FILE: "",
  GOAPI_BASE_URL: "",
  GOAPI_API_KEY: "",
  GOAPI_API_KEY_FILE: "",
  CREDENTIALS_DIRECTORY: "",
};

const NO_CHAOS: NonNullable<SandboxOptions["chaos"]> = { rules: { rules: [] }, log: () => undefined };

/** Airtable fetches attachments some time after it has confirmed them. */
const FETCH_AFTER_MS = 500;

/**
 * Starts the sandbox with the state of the last run, or with the seed. A write is in the state file before it is
 * answered.
 *
 * @throws StateFileError where the file holds something else; PortTakenError where `port` is taken
 */
export async function startSandbox({
  base: name = "nca",
  stateFile,
  delayedWebhook,
  port,
  chaos: wanted,
}: SandboxOptions): Promise<Sandbox> {
  const start = sandboxBase(name);
  const kept = stateFile === null ? null : readState(stateFile);
  const { rules, log } = wanted ?? NO_CHAOS;
  const chaos = createChaos(rules, log);
  const limit = { ...AIRTABLE_LIMIT, perSecond: rules.requestsPerSecond ?? AIRTABLE_LIMIT.perSecond };
  const bucket = createBucket({ name: start.bucket, visibility: "restricted" });
  const base = createBase({
    schema: start.schema,
    baseId: start.baseId,
    token: TOKEN,
    random: Math.random,
    limit,
  });
  const stats = { airtable: 0, storage: 0 };
  const expireListings = () => base.expireIterators();

  const open = port === undefined ? listenAt : listen;
  const bucketAt = await open(port === undefined ? (kept?.ports.bucket ?? 0) : port + 1, (request) => {
    stats.storage += 1;
    const execute = () => bucket.handle(request, Date.now());
    return chaos.pass({ place: "bucket", request, execute, expireListings });
  });
  const storageUrl = `${bucketAt.url}/${start.bucket}`;
  let webhook: SeedWebhook | null = null;
  let ports = { base: 0, bucket: bucketAt.port };

  const state = (): SandboxState => {
    const objects = bucket.keys().flatMap((key) => {
      const object = bucket.get(key);
      return object === undefined ? [] : [{ key, object }];
    });
    return { ports, storageUrl, base: base.snapshot(), objects, webhookPending: webhook !== null };
  };
  const save = () => {
    if (stateFile !== null) writeState(stateFile, state());
  };
  const fetching = createFetcher(base, bucket, storageUrl, chaos, save);
  /** Resets base and bucket to the seed. */
  const resetToSeed = () => {
    const seeded = start.seed(Date.now(), storageUrl);
    base.restore({ tables: {}, pending: [] });
    for (const key of bucket.keys()) bucket.remove(key);
    for (const [table, records] of Object.entries(seeded.tables)) for (const each of records) base.upsert(table, each);
    for (const { key, object } of seeded.objects) bucket.put(key, object);
    webhook = seeded.webhook;
  };
  const execute = (request: Request): Reply => {
    const reply = base.handle(request, Date.now());
    if (reply.status !== 200) return reply;
    if (request.method === "PATCH") {
      fetching.wake();
      save();
    } else if (webhook !== null && delayedWebhook && listsJobs(request, start)) {
      handleWebhook(base, webhook);
      webhook = null;
      save();
    }
    return reply;
  };
  const answer = async (request: Request): Promise<Response> => {
    if (request.path === "/sandbox/stats") return jsonReply(stats);
    if (request.path === "/sandbox/state") return jsonReply(state());
    if (request.path === "/sandbox/reset") {
      if (stateFile === null || !isReset(request, stateFile))
        return { ...jsonReply({ error: "of another folder" }), status: 409 };
      resetToSeed();
      save();
      return jsonReply({});
    }
    stats.airtable += 1;
    return await chaos.pass({ place: "base", request, execute: () => execute(request), expireListings });
  };

  if (kept === null) resetToSeed();
  else {
    const moved = moveTo(kept, storageUrl);
    base.restore(moved.base);
    for (const { key, object } of moved.objects) bucket.put(key, object);
    if (moved.webhookPending) webhook = start.seed(Date.now(), storageUrl).webhook;
    fetching.now();
  }
  const baseAt = await open(port ?? kept?.ports.base ?? 0, answer).catch(async (error: unknown) => {
    await bucketAt.close();
    throw error;
  });
  ports = { base: baseAt.port, bucket: bucketAt.port };
  save();

  return {
    env: {
      ...NO_PROVIDERS,
      AIRTABLE_API_KEY: TOKEN,
      AIRTABLE_BASE_ID: start.baseId,
      AIRTABLE_ENDPOINT_URL: baseAt.url,
      ...(start.namesStorage ? { STUCK_JOBS_STORAGE_URL: storageUrl } : {}),
    },
    config: start.config(storageUrl),
    async close() {
      fetching.stop();
      save();
      await Promise.all([baseAt.close(), bucketAt.close()]);
    },
  };
}

/** Listens on the port, or on any free one where it is taken. */
export async function listenAt(port: number, answer: (request: Request) => Promise<Response>): Promise<Listener> {
  try {
    return await listen(port, answer);
  } catch (error) {
    if (!(error instanceof PortTakenError)) throw error;
    return await listen(0, answer);
  }
}

/** Creates an answer of the sandbox's own endpoints, which are not counted and get no faults. */
function jsonReply(value: unknown): Reply {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/** Returns the request by which `sandbox reset` resets the sandbox that is served in its folder, and no other. */
export function resetRequest(stateFile: string): { readonly method: "POST"; readonly body: string } {
  return { method: "POST", body: resolve(stateFile) };
}

function isReset({ method, body }: Request, stateFile: string): boolean {
  const expected = resetRequest(stateFile);
  return method === expected.method && body === expected.body;
}

/** Fetches attachments some time after they were written, as Airtable does, and drops those that cannot be fetched. */
function createFetcher(base: FakeAirtable, bucket: Bucket, storageUrl: string, chaos: Chaos, changed: () => void) {
  let timer: NodeJS.Timeout | null = null;
  const now = () => {
    timer = null;
    for (const { attachmentId, url } of base.pendingAttachments()) {
      const key = url.startsWith(`${storageUrl}/`) ? decodeURIComponent(url.slice(storageUrl.length + 1)) : null;
      const object = key === null || chaos.drops(url) ? undefined : bucket.get(key);
      base.completeAttachment(attachmentId, object ?? null);
    }
    changed();
  };
  return {
    now,
    wake() {
      timer ??= setTimeout(now, FETCH_AFTER_MS).unref();
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}

function listsJobs({ method, path }: Request, { baseId, jobsTable }: SandboxBase): boolean {
  const table = `/v0/${baseId}/${encodeURIComponent(jobsTable)}`;
  return path === table ? method === "GET" : path === `${table}/listRecords`;
}

/** Does what the application's handler does: delivers the file and completes the job. */
function handleWebhook(
  base: FakeAirtable,
  { jobId, jobFields, targetTable, targetId, targetFields }: SeedWebhook,
): void {
  if (base.record("Jobs", jobId)?.fields.Status !== "processing") return;
  base.edit(targetTable, targetId, targetFields);
  base.edit("Jobs", jobId, jobFields);
}
