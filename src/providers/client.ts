import { setMaxListeners } from "node:events";
import pLimit from "p-limit";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient, type HttpRequest } from "../http/client.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { type HttpResponse, header, isRedirect, redirectTarget } from "../http/response.ts";
import { type Final, retry, type Transient } from "../http/retry.ts";
import { abortable, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";

/** What a provider is asked. `body` is sent as JSON. */
export interface ProviderRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** A longer answer is none. */
  readonly maxBytes?: number;
  /** How often it is asked at most when what came back may pass. */
  readonly attempts?: number;
}

/** An answer in JSON, of whatever status, or none that says anything. `detail` is for people and holds no secret. */
export type ProviderResponse =
  | { readonly kind: "json"; readonly status: number; readonly body: unknown; readonly detail: string }
  | { readonly kind: "nothing"; readonly detail: string };

/** Asks a provider over kept connections. */
export interface ProviderClient {
  /** Never throws but for the signal's reason. */
  ask(question: ProviderRequest, signal: AbortSignal): Promise<ProviderResponse>;
  /** Requests that were sent, repeats included. */
  requests(): number;
  close(): Promise<void>;
}

export interface ExchangeOptions {
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
const DEFAULT_MAX_BYTES = 1024 * 1024;

/** What a server says when another time may be better; NCA's 500 may mean that a state was just being written. */
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504];

export function createExchange(options: ExchangeOptions): ProviderClient {
  const { concurrency, clock, random, timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const slot = pLimit(concurrency);
  const wire = createHttpClient({ connections: concurrency, timeouts, env });
  return {
    async ask(question, signal) {
      signal.throwIfAborted();
      // One signal serves all questions of a sweep; above ten listeners Node 20 prints a warning, which cron mails.
      setMaxListeners(0, signal);
      const patience = { clock, random, attempts: question.attempts ?? DEFAULT_ATTEMPTS, total: timeouts.total };
      const work = () => retry<ProviderResponse>(patience, (inTime) => askOnce(question, inTime), noAnswer, signal);
      return await abortable(slot(work), signal);
    },
    requests: wire.sent,
    close: wire.close,
  };

  async function askOnce(
    question: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Final<ProviderResponse> | Transient<ProviderResponse>> {
    const reply = await wire.send(requestOf(question), signal);
    if (reply.kind === "failure") {
      const finding = noAnswer(reply.detail);
      return reply.permanent
        ? { kind: "final", value: finding }
        : { kind: "transient", value: finding, retryAfter: null };
    }
    const finding = read(reply, question.url);
    if (!TRANSIENT.includes(reply.status)) return { kind: "final", value: finding };
    return { kind: "transient", value: finding, retryAfter: header(reply, "retry-after") };
  }
}

function requestOf({ method, url, headers, body, maxBytes = DEFAULT_MAX_BYTES }: ProviderRequest): HttpRequest {
  const accepting = { accept: "application/json", ...headers };
  if (body === undefined) return { method, url, headers: accepting, maxBytes };
  const typed = { "content-type": "application/json", ...accepting };
  return { method, url, headers: typed, body: JSON.stringify(body), maxBytes };
}

function noAnswer(detail: string): ProviderResponse {
  return { kind: "nothing", detail };
}

/** Redirects are not followed: what is sent along holds a key, which is for nobody else. */
function read(reply: HttpResponse, url: URL): ProviderResponse {
  const detail = `HTTP ${reply.status}`;
  if (isRedirect(reply)) return noAnswer(`${detail}${redirectTarget(url, reply)}, which is not followed`);
  if (!reply.complete) return noAnswer(`${detail}, longer than is read of an answer`);
  try {
    return { kind: "json", status: reply.status, body: JSON.parse(reply.body.toString("utf8")), detail };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const type = (header(reply, "content-type") ?? "").split(";", 1).join().trim();
    const what = /^[\w.+-]+\/[\w.+-]+$/.test(type) && !/json/.test(type) ? ` but ${type}` : "";
    return noAnswer(`${detail}, no JSON${what}`);
  }
}
