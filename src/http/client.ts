import type { LookupFunction } from "node:net";
import type { Agent, buildConnector, Dispatcher } from "undici";
import type { StorageResponse } from "../storage/classify-response.ts";
import { CLOSED, describeNetworkError, type Failure } from "./errors.ts";
import { duration, TimeoutError } from "./timeout.ts";

/** Below the 65 s after which Ceph's gateway closes an idle connection (measured, facts.md). */
const KEEP_ALIVE_MS = 60_000;

export interface WireRequest {
  readonly method: "HEAD" | "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a POST. */
  readonly body?: string;
  /** Where the body is longer, reading ends about here. */
  readonly maxBytes: number;
  /** Called when the request is written to a connection: from then on it may have arrived. */
  readonly onSent?: () => void;
}

/** An answer with its body, which ends early where it is longer than was asked for. */
export interface HttpResponse extends StorageResponse {
  readonly body: Buffer;
  readonly whole: boolean;
}

/** Kept connections to the storage: one request, one reply. */
export interface HttpClient {
  /** Rejects only with the signal's reason. */
  send(request: WireRequest, signal: AbortSignal): Promise<HttpResponse | Failure>;
  /** Requests that were written to a connection. */
  sent(): number;
  /** Ends every connection, open or opening; what is under way ends as a failure. */
  close(): Promise<void>;
}

interface WireOptions {
  readonly connections: number;
  /** From the look-up of the name to the end of the TLS handshake, ms. */
  readonly connectLimit: number;
  /** From the request to the end of the body, ms. */
  readonly answerLimit: number;
  /** Finds the addresses of a host's name, instead of the system; connections go to no others. */
  readonly lookup?: LookupFunction;
}

export function createHttpClient({ connections, connectLimit, answerLimit, lookup }: WireOptions): HttpClient {
  const opening = new Set<AbortController>();
  let agent: Promise<Agent> | null = null;
  let closed = false;
  let sent = 0;

  return {
    async send(request, signal) {
      if (closed) return CLOSED;
      agent ??= openAgent(connections, connectLimit, opening, lookup);
      const dispatcher = await agent;
      signal.throwIfAborted();
      return exchange(dispatcher, request, signal, answerLimit, () => {
        sent += 1;
        request.onSent?.();
      });
    },
    sent: () => sent,
    async close() {
      closed = true;
      for (const connection of opening) connection.abort();
      await (await agent)?.destroy();
    },
  };
}

/** Importing undici costs about 129 ms of CPU: a sweep that finds nothing stuck never does. */
async function openAgent(
  connections: number,
  limit: number,
  opening: Set<AbortController>,
  lookup: LookupFunction | undefined,
): Promise<Agent> {
  const { default: undici } = await import("undici");
  return new undici.Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: connector(undici.buildConnector, limit, opening, lookup),
  });
}

/**
 * undici's own connector with two things that it lacks: a time limit that is exact (its timers tick in seconds),
 * and an end to connections that are still opening when the agent is destroyed.
 */
function connector(
  build: typeof buildConnector,
  limit: number,
  opening: Set<AbortController>,
  lookup: LookupFunction | undefined,
): buildConnector.connector {
  return (options, callback) => {
    const stop = new AbortController();
    opening.add(stop);
    const timer = setTimeout(() => stop.abort(), limit);
    build({ timeout: 0, signal: stop.signal, ...(lookup === undefined ? {} : { lookup }) })(
      options,
      (...[error, socket]) => {
        clearTimeout(timer);
        opening.delete(stop);
        if (error === null) callback(null, socket);
        else callback(stop.signal.aborted ? new ConnectLimitReached(limit) : error, null);
      },
    );
  };
}

class ConnectLimitReached extends Error {
  constructor(limit: number) {
    super(`connection timed out after ${duration(limit)}`);
    this.name = "ConnectLimitReached";
  }
}

/** Goes by `dispatch` and not `request`: only its `onRequestStart` tells a request sent from one that never was. */
function exchange(
  agent: Agent,
  { method, url, headers, body, maxBytes }: WireRequest,
  signal: AbortSignal,
  limit: number,
  count: () => void,
): Promise<HttpResponse | Failure> {
  return new Promise((resolve, reject) => {
    let running: Dispatcher.DispatchController | null = null;
    let timer: NodeJS.Timeout | undefined;
    let settled = false;
    let answer: StorageResponse | null = null;
    const chunks: Buffer[] = [];
    let received = 0;

    const settle = (report: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      report();
    };
    /**
     * Settles first: the abort ends the connection and comes back as an error of its own. undici 7 then opens a spare
     * connection for the request that is no more, and keeps it for the next one: a reason to `close`.
     */
    const abort = (report: () => void) => {
      settle(report);
      running?.abort(new Error("no longer needed"));
    };
    const abandon = () => abort(() => reject(signal.reason));

    signal.addEventListener("abort", abandon, { once: true });
    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { "user-agent": "stuck-jobs", ...headers },
        ...(body === undefined ? {} : { body }),
        // undici ends the connection after a HEAD unless told not to.
        reset: false,
        // Our own limit covers both; undici's timers tick in seconds.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart(controller) {
          if (settled) {
            controller.abort(new Error("no longer needed"));
            return;
          }
          count();
          running = controller;
          clearTimeout(timer);
          timer = setTimeout(() => abort(() => resolve(describeNetworkError(new TimeoutError(limit)))), limit);
        },
        onResponseStart(_controller, status, headers) {
          // A 1xx comes here too; the answer that it announces takes its place.
          answer = { kind: "answer", status, headers };
        },
        onResponseData(_controller, chunk) {
          received += chunk.length;
          chunks.push(chunk);
          const head = answer;
          if (head === null || received <= maxBytes) return;
          abort(() => resolve({ ...head, body: Buffer.concat(chunks), whole: false }));
        },
        onResponseEnd() {
          const head = answer;
          if (head !== null) settle(() => resolve({ ...head, body: Buffer.concat(chunks), whole: true }));
        },
        onResponseError(_controller, error) {
          settle(() => resolve(describeNetworkError(error)));
        },
      },
    );
  });
}
