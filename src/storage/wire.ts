import type { Agent, buildConnector, Dispatcher } from "undici";
import type { Answer } from "./answer.ts";
import { CLOSED, explain, type Failure } from "./failure.ts";
import { duration, TimeLimitReached } from "./limits.ts";

/** Below the 65 s after which Ceph's gateway closes an idle connection (measured, facts.md). */
const KEEP_ALIVE_MS = 60_000;

/** `bytes=0-0` is answered with one byte, an error with a short text; more is not read. */
const MAX_BODY_BYTES = 4096;

/** Kept connections to the storage: one request, one reply. */
export interface Wire {
  /** Rejects only with the signal's reason. A GET asks for the first byte. */
  send(method: "HEAD" | "GET", url: URL, signal: AbortSignal): Promise<Answer | Failure>;
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
}

export function createWire({ connections, connectLimit, answerLimit }: WireOptions): Wire {
  const opening = new Set<AbortController>();
  let agent: Promise<Agent> | null = null;
  let closed = false;
  let sent = 0;

  return {
    async send(method, url, signal) {
      if (closed) return CLOSED;
      agent ??= openAgent(connections, connectLimit, opening);
      const dispatcher = await agent;
      signal.throwIfAborted();
      return exchange(dispatcher, method, url, signal, answerLimit, () => {
        sent += 1;
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
async function openAgent(connections: number, limit: number, opening: Set<AbortController>): Promise<Agent> {
  const { default: undici } = await import("undici");
  return new undici.Agent({
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: connector(undici.buildConnector, limit, opening),
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
): buildConnector.connector {
  return (options, callback) => {
    const stop = new AbortController();
    opening.add(stop);
    const timer = setTimeout(() => stop.abort(), limit);
    build({ timeout: 0, signal: stop.signal })(options, (...[error, socket]) => {
      clearTimeout(timer);
      opening.delete(stop);
      if (error === null) callback(null, socket);
      else callback(stop.signal.aborted ? new ConnectLimitReached(limit) : error, null);
    });
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
  method: "HEAD" | "GET",
  url: URL,
  signal: AbortSignal,
  limit: number,
  count: () => void,
): Promise<Answer | Failure> {
  return new Promise((resolve, reject) => {
    let running: Dispatcher.DispatchController | null = null;
    let timer: NodeJS.Timeout | undefined;
    let settled = false;
    let answer: Answer | null = null;
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
    const cut = (report: () => void) => {
      settle(report);
      running?.abort(new Error("no longer needed"));
    };
    const abandon = () => cut(() => reject(signal.reason));

    signal.addEventListener("abort", abandon, { once: true });
    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: method === "GET" ? { "user-agent": "stuck-jobs", range: "bytes=0-0" } : { "user-agent": "stuck-jobs" },
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
          timer = setTimeout(() => cut(() => resolve(explain(new TimeLimitReached(limit)))), limit);
        },
        onResponseStart(_controller, status, headers) {
          // A 1xx comes here too; the answer that it announces takes its place.
          answer = { kind: "answer", status, headers };
        },
        onResponseData(_controller, chunk) {
          received += chunk.length;
          const whole = answer;
          if (whole !== null && received > MAX_BODY_BYTES) cut(() => resolve(whole));
        },
        onResponseEnd() {
          const whole = answer;
          if (whole !== null) settle(() => resolve(whole));
        },
        onResponseError(_controller, error) {
          settle(() => resolve(explain(error)));
        },
      },
    );
  });
}
