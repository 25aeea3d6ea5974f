import { UpstreamError } from "../../core/ports/errors.ts";
import type { Clock } from "../../core/ports/ports.ts";
import { type ApiError, classifyError } from "./api-errors.ts";
import type { ApiAnswer, ApiClient, ApiRequest, JsonObject } from "./client.ts";
import type { AcquireSlot } from "./rate-limit.ts";
import { ExchangeError } from "./transport.ts";

/** What the base says to a write. `unconfirmed`: it may or may not have been carried out. */
export type WriteResponse =
  | { readonly kind: "accepted"; readonly body: JsonObject }
  | { readonly kind: "refused"; readonly type: string; readonly error: string }
  | { readonly kind: "unconfirmed"; readonly error: string };

/** Asks the base at its pace, and knows what to make of what comes back. */
export interface Requests {
  /** Repeats what is transient. Throws `UpstreamError`, `ReadRefused` (422) or the signal's reason. */
  read(request: ApiRequest, signal: AbortSignal): Promise<JsonObject>;
  /** Sends once: a write that is to be repeated has to rest on a new read. Throws `UpstreamError` (auth) only. */
  write(request: ApiRequest, signal: AbortSignal): Promise<WriteResponse>;
  /** Requests that were sent so far. */
  sent(): number;
  /** The server's clock minus ours, in milliseconds, as of the last answer; null before one came. */
  skew(): number | null;
}

export interface RequestsOptions {
  readonly exchange: ApiClient;
  readonly turn: AcquireSlot;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  /** Milliseconds until the deadline; null without one. */
  readonly remaining: () => number | null;
}

/** A read that the base understood and refused (422): `type` is Airtable's word for why. */
export class ReadRefused extends Error {
  readonly type: string;
  constructor({ type, message }: ApiError) {
    super(`Airtable refused the request: ${message}`);
    this.name = "ReadRefused";
    this.type = type;
  }
}

const MAX_ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 500;

/** "You will need to wait 30 seconds before subsequent requests will succeed" (Airtable's API docs, rate limits). */
const DEFAULT_RETRY_AFTER_MS = 30_000;

/** How often in a row a rate limit is waited out: a base that is busy all the time has to be told of. */
const MAX_RATE_LIMIT_WAITS = 2;

export function createRequests({ exchange, turn, clock, random, remaining }: RequestsOptions): Requests {
  let sent = 0;
  let skew: number | null = null;
  let blockedUntil = Number.NEGATIVE_INFINITY;

  return { read, write, sent: () => sent, skew: () => skew };

  async function read(request: ApiRequest, signal: AbortSignal): Promise<JsonObject> {
    let waits = 0;
    for (let attempt = 1; ; attempt += 1) {
      await waitForRateLimit(signal);
      const reply = await ask(request, signal);
      if (reply.kind === "answer" && reply.body !== null && reply.status === 200) return reply.body;
      const refusal = reply.kind === "answer" ? classifyError(reply) : null;
      switch (refusal?.kind) {
        case "forbidden":
          throw new UpstreamError("auth", `Airtable refused ${nameOf(request)}: ${refusal.message}`, refusal.hint);
        case "missing":
          throw new UpstreamError("config", `Airtable knows no ${nameOf(request)}: ${refusal.message}`, refusal.hint);
        case "invalid":
          throw new ReadRefused(refusal);
        case "quota":
          throw new UpstreamError("unavailable", `Airtable: ${refusal.message}`, refusal.hint);
        case "rate-limited":
          waits += 1;
          attempt -= 1;
          if (waits > MAX_RATE_LIMIT_WAITS)
            throw new UpstreamError(
              "unavailable",
              `Airtable kept refusing for its rate limit: ${refusal.message}`,
              SHARED,
            );
          break;
        case "server-error":
        case undefined: {
          const what = reply.kind === "fault" ? reply.error.message : (refusal?.message ?? "no JSON object came back");
          if (attempt === MAX_ATTEMPTS) {
            throw new UpstreamError(
              "unavailable",
              `Airtable could not be asked for ${nameOf(request)}: ${what} (tried ${MAX_ATTEMPTS} times)`,
            );
          }
          await clock.sleep(FIRST_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + random()), signal);
        }
      }
    }
  }

  async function write(request: ApiRequest, signal: AbortSignal): Promise<WriteResponse> {
    if (blockedUntil > clock.now()) return { kind: "unconfirmed", error: "Airtable's rate limit" };
    let reply: Reply;
    try {
      reply = await ask(request, signal);
    } catch (error) {
      if (signal.aborted) return { kind: "unconfirmed", error: "the deadline cut the answer off" };
      throw error;
    }
    if (reply.kind === "fault") return { kind: "unconfirmed", error: reply.error.message };
    if (reply.status === 200) {
      return reply.body === null
        ? { kind: "unconfirmed", error: "no JSON object came back" }
        : { kind: "accepted", body: reply.body };
    }
    const refusal = classifyError(reply);
    switch (refusal.kind) {
      case "forbidden":
        throw new UpstreamError(
          "auth",
          `Airtable refused to write ${nameOf(request)}: ${refusal.message}`,
          refusal.hint,
        );
      case "quota":
        throw new UpstreamError("unavailable", `Airtable: ${refusal.message}`, refusal.hint);
      case "invalid":
      case "missing":
        return { kind: "refused", type: refusal.type, error: refusal.message };
      case "rate-limited":
      case "server-error":
        return { kind: "unconfirmed", error: refusal.message };
    }
  }

  async function waitForRateLimit(signal: AbortSignal): Promise<void> {
    const wait = blockedUntil - clock.now();
    if (wait <= 0) return;
    const left = remaining();
    if (left !== null && wait > left) {
      const seconds = Math.ceil(wait / 1000);
      throw new UpstreamError(
        "unavailable",
        `Airtable's rate limit: told to wait ${seconds} s, longer than the deadline allows`,
        SHARED,
      );
    }
    await clock.sleep(wait, signal);
  }

  async function ask(request: ApiRequest, signal: AbortSignal): Promise<Reply> {
    const departure = await turn(signal);
    sent += 1;
    try {
      const answer = await exchange(request, signal, departure.sent);
      const now = clock.now();
      recordServerTime(answer, now);
      return { kind: "answer", ...answer };
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      // The server counts what reached it, and so do we.
      if (!error.sent) sent -= 1;
      return { kind: "fault", error };
    } finally {
      departure.done();
    }
  }

  /** The `Date` header has whole seconds, so the server's clock is half a second past it on average. */
  function recordServerTime({ status, headers }: ApiAnswer, now: number): void {
    const at = Date.parse(headers.date ?? "");
    if (!Number.isNaN(at)) skew = at + 500 - now;
    if (status === 429) blockedUntil = now + (retryAfter(headers["retry-after"], now) ?? DEFAULT_RETRY_AFTER_MS);
  }
}

type Reply = ({ readonly kind: "answer" } & ApiAnswer) | { readonly kind: "fault"; readonly error: ExchangeError };

const SHARED =
  "The base's limit of 5 requests a second is shared by all its clients; the next run tries again. Lower airtable.requestsPerSecond if it happens often.";

/** Retry-After is seconds or an HTTP date (RFC 9110, 10.2.3). */
function retryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined || value === "") return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

const META: ReadonlyMap<string, string> = new Map([
  ["/whoami", "owner of the token"],
  ["/bases", "list of bases"],
]);

/** What a request is about, for people: the table, as it stands in the path. */
function nameOf({ under, path }: ApiRequest): string {
  if (under === "meta") return META.get(path) ?? "schema of the base";
  const [, first = "", second = ""] = path.split("/");
  return second === "" || second === "listRecords" ? `table "${decodeURIComponent(first)}"` : `record ${second}`;
}
