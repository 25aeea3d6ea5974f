import type { JsonObject } from "../../core/domain/json.ts";
import { TokenRefused, UpstreamError } from "../../core/ports/errors.ts";
import type { Clock, WriteLimit } from "../../core/ports/ports.ts";
import { parseRetryAfter } from "../../http/retry.ts";
import { type ApiError, classifyError } from "./api-errors.ts";
import { AnswerTooLarge, type ApiAnswer, type ApiClient, type ApiRequest, NoAnswer } from "./client.ts";
import type { AcquireSlot } from "./rate-limit.ts";

/** What the base answers to a write. `unconfirmed`: it may or may not have been carried out. */
export type WriteResponse =
  | { readonly kind: "accepted"; readonly body: JsonObject }
  | {
      readonly kind: "refused";
      readonly type: string;
      readonly error: string;
      /** What it is refused for: the token or its user may not write there, there is no such table, or the values. */
      readonly cause: "permission" | "token" | "table" | "values";
    }
  | { readonly kind: "unconfirmed"; readonly error: string }
  /** It was not sent: its time was over when it could have been. */
  | { readonly kind: "stale"; readonly error: string };

/** Sends requests to the base within its rate limit, and classifies the answers. */
export interface Requests {
  /** Retries what is transient. Throws `UpstreamError`, `ReadRefused` (422), `AnswerTooLarge`, or the signal's reason. */
  read(request: ApiRequest, signal: AbortSignal): Promise<JsonObject>;
  /** Sends once: a repeated write has to rest on a new read. Throws `UpstreamError` (a refused token, quota) only. */
  write(request: ApiRequest, limit: WriteLimit): Promise<WriteResponse>;
  /** Returns how many requests were sent. */
  sent(): number;
  /** Returns the server's clock minus ours in milliseconds, by the last answer; null before the first. */
  skew(): number | null;
}

export interface RequestsOptions {
  readonly client: ApiClient;
  readonly acquireSlot: AcquireSlot;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  /** Milliseconds until the deadline; null without one. */
  readonly remaining: () => number | null;
  /** Called right before a write is sent; throws `UpstreamError` where it must not be. */
  readonly beforeWrite?: () => void;
}

/** A read that the base understood and refused (422): `type` is Airtable's code for why. */
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

/** How many rate limits in a row are waited for: more of them mean a base that is always busy, which is reported. */
const MAX_RATE_LIMIT_WAITS = 2;

export function createRequests({
  client,
  acquireSlot,
  clock,
  random,
  remaining,
  beforeWrite = () => undefined,
}: RequestsOptions): Requests {
  let sent = 0;
  let skew: number | null = null;
  let blockedUntil = Number.NEGATIVE_INFINITY;

  return { read, write, sent: () => sent, skew: () => skew };

  async function read(request: ApiRequest, signal: AbortSignal): Promise<JsonObject> {
    let waits = 0;
    for (let attempt = 1; ; attempt += 1) {
      await waitForRateLimit(signal);
      const reply = await send(request, signal);
      if (reply.kind === "too-large") throw reply.error;
      if (reply.kind === "answer" && reply.body !== null && reply.status === 200) return reply.body;
      const refusal = reply.kind === "answer" ? classifyError(reply) : null;
      switch (refusal?.kind) {
        case "forbidden":
          throw asRefused(refusal, `Airtable refused ${describe(request)}: ${refusal.message}`);
        case "missing":
          throw new UpstreamError(
            "config",
            `Airtable did not find ${describe(request)}: ${refusal.message}`,
            refusal.hint,
          );
        case "invalid":
          throw new ReadRefused(refusal);
        case "quota":
          throw new UpstreamError("unavailable", `Airtable: ${refusal.message}`, refusal.hint);
        case "rate-limited":
          waits += 1;
          attempt -= 1;
          if (waits > MAX_RATE_LIMIT_WAITS) {
            const message = `Airtable's rate limit was reached ${waits} times in a row: ${refusal.message}`;
            throw new UpstreamError("unavailable", message, SHARED_LIMIT);
          }
          break;
        case "server-error":
        case undefined: {
          const what =
            reply.kind === "none" ? reply.error.message : (refusal?.message ?? "no JSON object in the answer");
          const isPermanent = reply.kind === "none" && reply.error.permanent;
          if (isPermanent || attempt === MAX_ATTEMPTS) {
            const tried = isPermanent ? "" : ` (tried ${MAX_ATTEMPTS} times)`;
            throw new UpstreamError(
              "unavailable",
              `Airtable could not be asked about ${describe(request)}: ${what}${tried}`,
            );
          }
          await clock.sleep(FIRST_BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + random()), signal);
        }
      }
    }
  }

  async function write(request: ApiRequest, { signal, notAfter }: WriteLimit): Promise<WriteResponse> {
    if (blockedUntil > clock.now()) return { kind: "unconfirmed", error: "Airtable's rate limit" };
    const check = () => {
      beforeWrite();
      if (clock.now() > notAfter) throw new StaleRead();
    };
    let reply: Reply;
    try {
      reply = await send(request, signal, check);
    } catch (error) {
      if (error instanceof StaleRead) return { kind: "stale", error: STALE_MESSAGE };
      if (signal.aborted) return { kind: "unconfirmed", error: "the deadline came before the answer" };
      throw error;
    }
    if (reply.kind !== "answer") return { kind: "unconfirmed", error: reply.error.message };
    if (reply.status === 200) {
      return reply.body === null
        ? { kind: "unconfirmed", error: "no JSON object in the answer" }
        : { kind: "accepted", body: reply.body };
    }
    const refusal = classifyError(reply);
    // A page of something between the base and us says nothing of the base.
    if (reply.body === null && reply.status !== 401) return { kind: "unconfirmed", error: refusal.message };
    switch (refusal.kind) {
      case "forbidden": {
        if (reply.status === 403) {
          const error = `${refusal.message}. ${refusal.hint}`;
          // What was read just before is there: then this is Airtable's word for a token without the scope to write.
          const cause = refusal.type === "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" ? "token" : "permission";
          return { kind: "refused", type: refusal.type, error, cause };
        }
        const message = `Airtable refused to write ${describe(request)}: ${refusal.message}`;
        throw asRefused(refusal, message);
      }
      case "quota":
        throw new UpstreamError("unavailable", `Airtable: ${refusal.message}`, refusal.hint);
      case "missing":
        return { kind: "refused", type: refusal.type, error: refusal.message, cause: "table" };
      case "invalid":
        return { kind: "refused", type: refusal.type, error: refusal.message, cause: "values" };
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
      const message = `Airtable's rate limit asks for a wait of ${Math.ceil(wait / 1000)} s, longer than the deadline allows`;
      throw new UpstreamError("unavailable", message, SHARED_LIMIT);
    }
    await clock.sleep(wait, signal);
  }

  /** `check` is called after all that waits and computes: nothing but the request comes after it. */
  async function send(request: ApiRequest, signal: AbortSignal, check = () => {}): Promise<Reply> {
    const slot = await acquireSlot(signal);
    sent += 1;
    try {
      checked(check);
      const answer = await client(request, signal, slot.sent);
      if (answer.status === 429) slot.refused?.(classifyError(answer).kind === "quota" ? "quota" : "rate");
      recordServerTime(answer, clock.now());
      return { kind: "answer", ...answer };
    } catch (error) {
      if (error instanceof AnswerTooLarge) return { kind: "too-large", error };
      if (!(error instanceof NoAnswer)) throw error;
      // The server counts the requests that reached it, and so does this counter.
      if (!error.sent) sent -= 1;
      return { kind: "none", error };
    } finally {
      slot.done();
    }
  }

  /** A request that must not be sent is none. */
  function checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      sent -= 1;
      throw error;
    }
  }

  /** The `Date` header has whole seconds, so the server's clock is half a second past it on average. */
  function recordServerTime({ status, headers }: ApiAnswer, now: number): void {
    const at = Date.parse(headers.date ?? "");
    if (!Number.isNaN(at)) skew = at + 500 - now;
    if (status === 429)
      blockedUntil = now + (parseRetryAfter(headers["retry-after"] ?? null, now) ?? DEFAULT_RETRY_AFTER_MS);
  }
}

type Reply =
  | ({ readonly kind: "answer" } & ApiAnswer)
  | { readonly kind: "none"; readonly error: NoAnswer }
  | { readonly kind: "too-large"; readonly error: AnswerTooLarge };

/** A 401 is about the token, a 403 about what it may do. */
function asRefused({ status, hint }: ApiError, message: string): UpstreamError {
  return status === 401 ? new TokenRefused(message, hint) : new UpstreamError("auth", message, hint);
}

/** What a write rests on was read too long ago. */
class StaleRead extends Error {}

const STALE_MESSAGE = "Airtable was too slow: the data read was stale before it could be written; retried next run";

const SHARED_LIMIT =
  "The base's limit of 5 requests a second is shared by all its clients; the next run tries again. Lower airtable.requestsPerSecond if it happens often.";

const META: ReadonlyMap<string, string> = new Map([
  ["/whoami", "the token"],
  ["/bases", "the list of bases"],
]);

/** Describes what a request is about: the table, as it stands in the path, or the metadata. */
function describe({ under, path }: ApiRequest): string {
  if (under === "meta") return META.get(path) ?? "the base's schema";
  const [, table = ""] = path.split("/");
  return `table "${decodeURIComponent(table)}"`;
}
