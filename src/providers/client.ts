import pLimit from "p-limit";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient, type HttpRequest } from "../http/client.ts";
import { parseJson } from "../http/json.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { type HttpResponse, header, isRedirect, mediaType, redirectTarget } from "../http/response.ts";
import { type Final, retry, type Transient } from "../http/retry.ts";
import { abortable, createTimeLimit, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";

/** A question to a provider. `body` is sent as JSON. */
export interface ProviderRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** A longer answer counts as none. */
  readonly maxBytes?: number;
  /** How many attempts are made at most while what comes back may pass. */
  readonly attempts?: number;
}

/** An answer in JSON, of whatever status, or none that says anything. `detail` is for people and holds no secret. */
export type ProviderResponse =
  | { readonly kind: "json"; readonly status: number; readonly body: unknown; readonly detail: string }
  | { readonly kind: "no-answer"; readonly detail: string };

export interface ProviderClient {
  /** Sends a question. Never throws but for the signal's reason. */
  ask(request: ProviderRequest, signal: AbortSignal): Promise<ProviderResponse>;
  /** Returns how many requests were sent, retries included. */
  requests(): number;
  close(): Promise<void>;
}

export interface ProviderClientOptions {
  /** Requests at the same time. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  readonly timeouts?: Timeouts;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

const DEFAULT_ATTEMPTS = 3;
const DEFAULT_MAX_BYTES = 2 ** 20;

/** Statuses that may pass; NCA's 500 may mean that a state was just being written. */
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504];

export function createProviderClient(options: ProviderClientOptions): ProviderClient {
  const { concurrency, clock, random, timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const limiter = pLimit(concurrency);
  const total = createTimeLimit(timeouts.total);
  const client = createHttpClient({ connections: concurrency, timeouts, env });
  return {
    async ask(request, signal) {
      signal.throwIfAborted();
      const policy = { clock, random, attempts: request.attempts ?? DEFAULT_ATTEMPTS, total };
      const work = () => retry<ProviderResponse>(policy, (inTime) => askOnce(request, inTime), noAnswer, signal);
      return await abortable(limiter(work), signal);
    },
    requests: client.sent,
    close: client.close,
  };

  async function askOnce(
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Final<ProviderResponse> | Transient<ProviderResponse>> {
    const { maxBytes = DEFAULT_MAX_BYTES } = request;
    const reply = await client.send(toHttpRequest(request, maxBytes), signal);
    if (reply.kind === "failure") {
      const value = noAnswer(reply.detail);
      return reply.permanent ? { kind: "final", value } : { kind: "transient", value, retryAfter: null };
    }
    const value = readJson(reply, request.url, maxBytes);
    if (!TRANSIENT.includes(reply.status)) return { kind: "final", value };
    return { kind: "transient", value, retryAfter: header(reply, "retry-after") };
  }
}

function toHttpRequest({ method, url, headers, body }: ProviderRequest, maxBytes: number): HttpRequest {
  const accepting = { accept: "application/json", ...headers };
  if (body === undefined) return { method, url, headers: accepting, maxBytes };
  const typed = { "content-type": "application/json", ...accepting };
  return { method, url, headers: typed, body: JSON.stringify(body), maxBytes };
}

function noAnswer(detail: string): ProviderResponse {
  return { kind: "no-answer", detail };
}

/** Redirects are not followed: the request holds a key, which is for nobody else. */
function readJson(reply: HttpResponse, url: URL, maxBytes: number): ProviderResponse {
  const detail = `HTTP ${reply.status}`;
  if (isRedirect(reply)) return noAnswer(`${detail}${redirectTarget(url, reply)}, which is not followed`);
  if (!reply.complete) return noAnswer(`${detail}, longer than ${maxBytes / 2 ** 20} MiB`);
  const parsed = parseJson(reply.body.toString("utf8"));
  if (parsed.kind === "json") return { kind: "json", status: reply.status, body: parsed.value, detail };
  const type = mediaType(reply);
  const found = /^[\w.+-]+\/[\w.+-]+$/.test(type) && !type.includes("json") ? ` but ${type}` : "";
  return noAnswer(`${detail}, ${parsed.detail}${found}`);
}
