import type { ApiRequest, Exchange } from "../../src/airtable/exchange.ts";
import { isObject } from "../../src/airtable/exchange.ts";
import { createRequests } from "../../src/airtable/requests.ts";
import { createStore } from "../../src/airtable/store.ts";
import { ExchangeError } from "../../src/airtable/wire.ts";
import type { Sighting } from "../../src/core/evidence.ts";
import { isUpstreamError, type OutputProbe } from "../../src/core/ports.ts";
import type { Report } from "../../src/core/report.ts";
import type { Run } from "../../src/core/run.ts";
import { sweep } from "../../src/core/sweep.ts";
import { COMBINE, CONCATENATE, POLICY, SECOND } from "../support/world.ts";
import type { Witness } from "./invariants.ts";
import type { Random } from "./random.ts";
import { BASE_ID, PLACE, TOKEN, type World } from "./world.ts";

/** How a sweep ended, as its caller would see it. */
export type Ending =
  | { readonly kind: "reported"; readonly report: Report }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "killed" };

export interface RunnerOptions {
  readonly name: string;
  readonly dryRun: boolean;
  readonly skew: number;
  /** The sweep dies at its n-th request; null: it lives. */
  readonly killAt: number | null;
  readonly troubled: boolean;
}

const DEADLINE = 90 * SECOND;

/** One sweep on a machine of its own, over the real adapter, with faults between it and the world. */
export function startSweep(world: World, witness: Witness, random: Random, options: RunnerOptions): Promise<Ending> {
  const { clock } = world;
  const own = clock.seenBy(options.skew);
  let killed = false;
  let announceDeath: (ending: Ending) => void = () => undefined;
  const death = new Promise<Ending>((resolve) => {
    announceDeath = resolve;
  });
  let asked = 0;
  /** Never comes back once the process is dead. */
  const alive = async (): Promise<void> => {
    asked += 1;
    if (options.killAt !== null && asked === options.killAt) {
      killed = true;
      announceDeath({ kind: "killed" });
    }
    if (killed) await new Promise(() => undefined);
  };
  const living = {
    now: own.now,
    sleep: async (ms: number, signal?: AbortSignal) => {
      await own.sleep(ms, signal);
      if (killed) await new Promise(() => undefined);
    },
  };

  const limits = [0.5, 0.8, 1, 1].map(() => new AbortController());
  const cancels = limits.map((limit, n) =>
    clock.after(DEADLINE * ([0.5, 0.8, 1, 1][n] ?? 1), () =>
      limit.abort(new DOMException("the deadline", "TimeoutError")),
    ),
  );
  const endsAt = clock.now() + DEADLINE;
  const [listing, begin, reads, writes] = limits.map(({ signal }) => signal);
  if (!listing || !begin || !reads || !writes) throw new Error("unreachable");

  let next = clock.now();
  const requests = createRequests({
    exchange: Object.assign(exchangeOf(world, witness, random, options, alive), { close() {} }),
    async turn(signal) {
      const at = Math.max(next, clock.now());
      next = at + 260;
      await living.sleep(at - clock.now(), signal);
    },
    clock: living,
    random: random.next,
    remaining: () => Math.max(0, endsAt - clock.now()),
  });
  const store = createStore(requests, {
    baseId: BASE_ID,
    jobs: { table: "Jobs", fields: FIELDS, completedStatus: "completed" },
    operations: [COMBINE, CONCATENATE],
  });
  const run: Run = {
    command: "recover",
    dryRun: options.dryRun,
    force: false,
    limit: null,
    named: null,
    only: null,
    policy: { ...POLICY, operations: [COMBINE, CONCATENATE] },
    brake: { minimum: 5, share: 0.2, maxFails: 100 },
    completedStatus: "completed",
    failedStatus: "failed",
    signature: { runId: options.name, version: "0.0.0" },
    concurrency: 4,
    store,
    providers: new Map(),
    webhooks: null,
    via: null,
    probe: probeOf(world, witness, random, options, alive),
    clock: living,
    random: random.next,
    limits: { listing, begin, reads, writes },
    observer: { listed() {}, probed() {}, settled() {}, warn() {} },
    lateOutputs: true,
    otherNames: ["{externalId}_captioned.mp4"],
    confirm: null,
  };
  const swept = sweep(run).then(
    ({ report }): Ending => ({ kind: "reported", report }),
    (error: unknown): Ending => {
      if (isUpstreamError(error) || reads.aborted) return { kind: "refused", message: String(error) };
      throw error;
    },
  );
  return Promise.race([swept, death]).finally(() => {
    for (const cancel of cancels) cancel();
  });
}

const FIELDS = {
  status: "Status",
  type: "Type",
  externalId: "External Job ID",
  ownId: null,
  requestPayload: "Request Payload",
  responsePayload: "Response Payload",
  webhookUrl: "Webhook URL",
  error: "Error Details",
  notes: "Notes",
  startedAt: null,
};

/** The longest that an exchange may take, as in the product. */
const EXCHANGE_LIMIT = 20 * SECOND;

function exchangeOf(
  world: World,
  witness: Witness,
  random: Random,
  { name, troubled }: RunnerOptions,
  alive: () => Promise<void>,
) {
  const { clock } = world;
  const faulty = () => troubled && !world.calm && random.chance(world.scenario.trouble.airtable);
  return async (request: ApiRequest, signal: AbortSignal) => {
    await alive();
    const fault = faulty() ? random.pick(FAULTS) : "none";
    await clock.sleep(random.whole(20, fault === "slow" ? 15_000 : 250), signal);
    switch (fault) {
      case "refused":
        throw new ExchangeError("connection refused", false, "ECONNREFUSED");
      case "reset before":
        throw new ExchangeError("connection reset", true, "ECONNRESET");
      case "hang before":
        await clock.sleep(EXCHANGE_LIMIT, signal);
        throw new ExchangeError("timed out", true, "ETIMEDOUT");
      case "503":
        return { status: 503, headers: dated(clock.now()), body: null };
      default:
    }
    const reply = witness.carriedOut(name, request, () => world.base.handle(wire(request), clock.now()));
    world.fetchAttachments();
    // A process that dies here never hears of what it did.
    await alive();
    switch (fault) {
      case "reset after":
        throw new ExchangeError("connection reset", true, "ECONNRESET");
      case "hang after":
        await clock.sleep(EXCHANGE_LIMIT, signal);
        throw new ExchangeError("timed out", true, "ETIMEDOUT");
      case "html":
        return { status: 200, headers: dated(clock.now()), body: null };
      default:
    }
    await clock.sleep(random.whole(20, 250), signal);
    const body: unknown = JSON.parse(reply.body);
    return { status: reply.status, headers: reply.headers, body: isObject(body) ? body : null };
  };
}

const FAULTS = ["refused", "reset before", "hang before", "503", "reset after", "hang after", "html", "slow"] as const;

function dated(now: number) {
  return { date: new Date(now).toUTCString() };
}

function wire({ method, path, query, body }: ApiRequest) {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    for (const each of typeof value === "string" ? [value] : value)
      search.append(typeof value === "string" ? key : `${key}[]`, each);
  }
  return {
    method,
    path: path.startsWith("/meta") ? `/v0${path}` : `/v0/${BASE_ID}${path}`,
    query: search,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: body === undefined ? "" : JSON.stringify(body),
  };
}

function probeOf(
  world: World,
  witness: Witness,
  random: Random,
  { name, troubled }: RunnerOptions,
  alive: () => Promise<void>,
): OutputProbe {
  const { clock, scenario } = world;
  const place = scenario.wrongBucket ? `${PLACE}-typo` : PLACE;
  let requests = 0;
  return {
    signed: false,
    locate: (fileName) => `${place}/${fileName}`,
    list: async () => ({ kind: "refused", detail: "HTTP 403" }),
    attachmentUrl: async (url) => url,
    checkMedia: async () => ({ kind: "sound" }),
    async look(url, signal): Promise<Sighting> {
      await alive();
      requests += 1;
      await clock.sleep(random.whole(5, 80), signal);
      if (troubled && !world.calm && random.chance(scenario.trouble.storage)) {
        await clock.sleep(random.pick([0, 1000, 20_000] as const), signal);
        return { result: "unknown", url, cause: "unreachable", detail: "timed out" };
      }
      const object = url.startsWith(`${PLACE}/`) ? world.objects.get(url.slice(PLACE.length + 1)) : undefined;
      witness.looked(name, url);
      if (object === undefined) {
        if (scenario.missing === "404") return { result: "absent", url, detail: "HTTP 404" };
        return { result: "unknown", url, cause: "forbidden", detail: "HTTP 403" };
      }
      const output = { url, bytes: object.bytes, contentType: null, etag: null, lastModified: null };
      return { result: "present", url, detail: "HTTP 200", output };
    },
    requests: () => requests,
  };
}

export type { Exchange };
