import type { ProbeResult } from "../../src/core/domain/evidence.ts";
import { isObject } from "../../src/core/domain/json.ts";
import type { OutputProbe } from "../../src/core/ports/ports.ts";
import type { Reply } from "../../src/sandbox/http.ts";
import { type ApiAnswer, type ApiRequest, NoAnswer } from "../../src/stores/airtable/client.ts";
import { SECOND } from "../support/builders.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import { type Scenario, START } from "./scenario.ts";
import { BASE_ID, keyIn, PLACE, TOKEN, type World } from "./world.ts";

/** What stands between one runner and the world. */
export interface Line {
  readonly world: World;
  readonly recorder: Recorder;
  readonly random: Random;
  /** The runner's name. */
  readonly name: string;
  readonly troubled: boolean;
  /** Passes wherever the runner could be killed; does not come back once it was. */
  readonly pulse: () => Promise<void>;
  /** Resolves once its host does not stand still; absent where none does. */
  readonly awake?: () => Promise<void>;
  /** Called in a transaction before it is carried out; absent outside of a fleet. */
  readonly committing?: () => Promise<void>;
}

/** The longest that an exchange may take, as in the product. */
export const EXCHANGE_LIMIT = 20 * SECOND;

/** The base has carried out the request. */
const LOST_ANSWERS = [
  "reset after",
  "hang after",
  "slow after",
  "slow after",
  "504 after",
  "html",
  "html",
  "truncated",
] as const;

/** Before the request is carried out, and after; what comes before leaves the base as it was. */
const FAULTS = [
  "refused",
  "reset before",
  "hang before",
  "slow before",
  "429",
  "503 before",
  "iterators expire",
  ...LOST_ANSWERS,
] as const;

const SLOW_ANSWERS = ["slow before", "slow after"] as const;

const FAULTS_BY_KIND = { all: FAULTS, answers: LOST_ANSWERS, slow: SLOW_ANSWERS } as const;

/** The way to the base. */
export function exchangeOf(line: Line) {
  const { world, recorder, random, name, pulse } = line;
  const { clock, scenario } = world;
  const lost = (message: string, code: string) =>
    new NoAnswer(`${message} (${code})`, { sent: true, permanent: false });
  return async (request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> => {
    const sentAt = clock.now();
    await pulse();
    const fault =
      line.troubled && !world.calm && random.chance(scenario.trouble.airtable)
        ? random.pick<(typeof FAULTS)[number]>(FAULTS_BY_KIND[scenario.trouble.faults])
        : "none";
    if (fault !== "none") {
      world.log(`${name}: ${fault} at ${request.method} ${request.path}`);
    }
    const slow = () => random.whole(20, 15_000);
    await clock.sleep(fault === "slow before" ? slow() : random.whole(20, 250), signal);
    switch (fault) {
      case "refused":
        throw new NoAnswer("connection refused (ECONNREFUSED)", { sent: false, permanent: false });
      case "reset before":
        throw lost("connection reset", "ECONNRESET");
      case "hang before":
        await clock.sleep(EXCHANGE_LIMIT, signal);
        throw lost("timed out", "ETIMEDOUT");
      case "429":
        return { status: 429, headers: { ...dated(clock.now()), "retry-after": "2" }, body: null };
      case "503 before":
        return { status: 503, headers: dated(clock.now()), body: null };
      case "iterators expire":
        world.base.expireIterators();
        break;
      default:
    }
    const heard = recorder.carriedOut(
      name,
      request,
      sentAt,
      () =>
        refusalOf(request, scenario, clock.now()) ??
        (isLocked(request, scenario.locked)
          ? locked(clock.now())
          : world.base.handle(wire(request, scenario.pageSize), clock.now())),
    );
    world.fetchAttachments();
    // A process that dies here never hears of what it did.
    await pulse();
    switch (fault) {
      case "reset after":
      case "truncated":
        throw lost("connection reset", "ECONNRESET");
      case "hang after":
        await clock.sleep(EXCHANGE_LIMIT, signal);
        throw lost("timed out", "ETIMEDOUT");
      case "504 after":
        return { status: 504, headers: dated(clock.now()), body: null };
      case "html":
        return { status: 200, headers: dated(clock.now()), body: null };
      default:
    }
    await clock.sleep(fault === "slow after" ? slow() : random.whole(20, 250), signal);
    if (line.awake !== undefined) {
      await line.awake();
      // Its limit comes before the answer that waited for it.
      if (clock.now() - sentAt > EXCHANGE_LIMIT) throw lost("timed out", "ETIMEDOUT");
    }
    const { reply } = heard;
    heard.arrive();
    const body: unknown = JSON.parse(reply.body);
    return { status: reply.status, headers: reply.headers, body: isObject(body) ? body : null };
  };
}

export function isLocked({ method, body }: ApiRequest, id: string | null): boolean {
  return method === "PATCH" && id !== null && JSON.stringify(body).includes(`{"id":"${id}"`);
}

/** Returns the answer to a write of a kind that the base refuses; null where it takes it. */
export function refusalOf({ method, path, body }: ApiRequest, { refused }: Scenario, now: number) {
  if (method !== "PATCH" || refused === null) return null;
  const text = JSON.stringify(body);
  if (refused === "completion" && path.includes("/Jobs") && text.includes('"Status":"completed"')) {
    const message = 'Insufficient permissions to create new select option ""completed""';
    return answer(422, { type: "INVALID_MULTIPLE_CHOICE_OPTIONS", message }, now);
  }
  if (refused === "segments" && path.includes("/Segments")) {
    return answer(403, { type: "INVALID_PERMISSIONS", message: "You are not permitted to write this field" }, now);
  }
  return null;
}

function answer(status: number, error: { readonly type: string; readonly message: string }, now: number) {
  return { status, headers: dated(now), body: JSON.stringify({ error }) };
}

/** An automation, or a field that was locked: Airtable names no record. */
function locked(now: number) {
  return answer(422, { type: "INVALID_VALUE_FOR_COLUMN", message: "The value cannot be written" }, now);
}

/** A request that the base has carried out. */
export interface CarriedOut {
  readonly request: ApiRequest;
  readonly reply: Reply;
  readonly sentAt: number;
}

/**
 * The way to the base without faults, and without a recorder. Each request takes as long as `takes` says; `carriedOut` is
 * awaited before its answer is given.
 */
export function quietExchange(
  { base, clock, scenario }: World,
  takes: () => number,
  carriedOut: (what: CarriedOut) => Promise<void>,
) {
  return async (request: ApiRequest, signal: AbortSignal): Promise<ApiAnswer> => {
    const sentAt = clock.now();
    await clock.sleep(takes(), signal);
    const reply = base.handle(wire(request, scenario.pageSize), clock.now());
    await carriedOut({ request, reply, sentAt });
    const body: unknown = JSON.parse(reply.body);
    return { status: reply.status, headers: reply.headers, body: isObject(body) ? body : null };
  };
}

function dated(now: number) {
  return { date: new Date(now).toUTCString() };
}

/** As it goes over the wire. The listings of jobs get pages of the scenario's size, which Airtable is free to do. */
export function wire({ method, path, query, body }: ApiRequest, pageSize: number) {
  const listing = JSON.stringify(query ?? body ?? "").includes("{Status}='processing'");
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries({
    ...query,
    ...(listing && query ? { pageSize: String(pageSize) } : {}),
  })) {
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

/** The way to the bucket. */
export function probeOf(line: Line): OutputProbe {
  const { world, recorder, random, name, pulse } = line;
  const { clock, scenario } = world;
  const place = scenario.wrongBucket ? `${PLACE}-typo` : PLACE;
  let requests = 0;
  const faulty = () => line.troubled && !world.calm && random.chance(scenario.trouble.storage);
  const there = (url: string) => (url.startsWith(`${PLACE}/`) ? world.objects.get(keyIn(url)) : undefined);

  async function probe(url: string, signal: AbortSignal): Promise<ProbeResult> {
    await pulse();
    requests += 1;
    await clock.sleep(random.whole(5, 80), signal);
    // Where every key is answered alike, neither a page nor an old answer stands for a missing one.
    const faults = scenario.bucket === "full" ? FAULTS_WITHOUT_ANSWER : STORAGE_FAULTS;
    const fault = faulty() ? random.pick(faults) : "none";
    const object = there(url);
    switch (fault) {
      case "time-out":
        await clock.sleep(10 * SECOND, signal);
        return { result: "unknown", url, cause: "unreachable", detail: "timed out" };
      case "503":
        return { result: "unknown", url, cause: "unreachable", detail: "HTTP 503" };
      case "html":
        return { result: "unknown", url, cause: "suspect", detail: "HTTP 200 text/html" };
      case "cached":
        return { result: "unknown", url, cause: "cached", detail: "HTTP 404, age 30" };
      default:
    }
    const refused = line.troubled && !world.calm && random.chance(scenario.trouble.refusing);
    const blind = world.blind || refused;
    recorder.probed(name, keyIn(url), { there: object !== undefined, blind });
    await pulse();
    await clock.sleep(fault === "slow" ? random.whole(0, 9_500) : random.whole(5, 80), signal);
    if (blind || (object === undefined && scenario.bucket === "closed")) {
      return { result: "unknown", url, cause: "forbidden", detail: "HTTP 403" };
    }
    const shown = object ?? (scenario.bucket === "full" ? DEFAULT_PAGE : undefined);
    if (shown === undefined) return { result: "absent", url, detail: "HTTP 404" };
    const lastModified = new Date(shown.since).toISOString();
    const output = { url, bytes: shown.bytes, contentType: null, etag: null, lastModified };
    return { result: "present", url, detail: "HTTP 200", output };
  }

  const newestFirst = (one: string, other: string) =>
    (world.objects.get(other)?.since ?? 0) - (world.objects.get(one)?.since ?? 0);

  return {
    signed: scenario.bucket === "signed",
    urlFor: (fileName) => `${place}/${fileName}`,
    isSameObject: (one, other) => one === other && one.startsWith(`${place}/`),
    isSameHost: (url) => url.startsWith(PLACE),
    probe,
    async list(prefix, signal) {
      await pulse();
      requests += 1;
      await clock.sleep(random.whole(5, 80), signal);
      if (scenario.bucket !== "signed" || world.blind) return { kind: "refused", detail: "HTTP 403" };
      if (faulty()) return { kind: "unknown", detail: "HTTP 503" };
      const all = place === PLACE ? [...world.objects.keys()] : [];
      const names = all.filter((each) => each.startsWith(prefix)).sort(newestFirst);
      if (scenario.namesCut) return { kind: "listed", names: names.slice(0, random.whole(0, 2)), complete: false };
      recorder.listed(name, prefix);
      return { kind: "listed", names, complete: true };
    },
    attachmentUrl: async (url) => (scenario.bucket === "signed" ? `${url}?X-Amz-Signature=secret` : url),
    checkMedia: async () => ({ kind: "sound" }),
    requests: () => requests,
  };
}

/** What a site answers that has no error page. */
const DEFAULT_PAGE = { since: START, bytes: 4_096 };

const FAULTS_WITHOUT_ANSWER = ["time-out", "503", "slow"] as const;
const STORAGE_FAULTS = [...FAULTS_WITHOUT_ANSWER, "html", "cached"] as const;
