import { isIP, type LookupFunction, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import type { buildConnector as connectors, Dispatcher, Agent as UndiciAgent } from "undici";
import buildConnector from "undici/lib/core/connect.js";
import Agent from "undici/lib/dispatcher/agent.js";
import { CLOSED, describeNetworkError, type Failure, TransportError } from "./errors.ts";
import {
  normalizeHost,
  openTunnel,
  type ProxyEnvironment,
  type ProxyServer,
  portOf,
  proxyError,
  readProxies,
} from "./proxy.ts";
import type { HttpResponse, ResponseHead } from "./response.ts";
import { TimeoutError, type Timeouts } from "./timeout.ts";

/** Below the 65 s after which Ceph's gateway closes an idle connection (measured, facts.md). */
const KEEP_ALIVE_MS = 60_000;

export interface HttpRequest {
  readonly method: "HEAD" | "GET" | "POST" | "PATCH" | "PUT";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The most that is read of the answer's body. A longer one is cut near there, and not `complete`. */
  readonly maxBytes: number;
  /** Called when the request is written to a connection: from then on the server may have received it. */
  readonly onSent?: () => void;
}

/**
 * The HTTP client of the program. It sends a request once: it follows no redirect and repeats nothing; what may be
 * repeated is for `retry` and its callers.
 */
export interface HttpClient {
  /** Resolves with the answer or with why there is none; rejects only with the signal's reason. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse | Failure>;
  /** Returns how many requests were written to a connection. */
  sent(): number;
  /** Ends every connection, open or opening; requests under way end as failures. */
  close(): Promise<void>;
}

export interface HttpClientOptions {
  /** Connections to one host at the same time. */
  readonly connections: number;
  readonly timeouts: Pick<Timeouts, "connect" | "answer">;
  /** Names the proxies; absent: there are none. */
  readonly env?: ProxyEnvironment;
  /** Finds the addresses of a host instead of the system. Connections, also through a proxy, go to no others. */
  readonly lookup?: LookupFunction;
}

const CLOSED_CLIENT = new TransportError(CLOSED, { code: "UND_ERR_CLOSED", permanent: true });

/**
 * undici parses answers in one large WebAssembly function. V8 would optimize it at the first answer already, for a fifth
 * of the CPU of a run that finds nothing. Only in Node 20: later releases keep compiled code between runs, and drop it
 * where a flag was changed.
 */
function delayWebAssemblyOptimization(): void {
  if (process.version.startsWith("v20.")) setFlagsFromString("--wasm-tiering-budget=100000000");
}

/** Creates a client. Nothing is connected before the first request. */
export function createHttpClient({ connections, timeouts, env = {}, lookup }: HttpClientOptions): HttpClient {
  delayWebAssemblyOptimization();
  const opening = new Set<AbortController>();
  const findProxy = readProxies(env);
  const agentWith = (open: Open) =>
    new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      connect: connector(open, timeouts.connect, opening),
    });
  /** To the servers themselves, through a tunnel where there is a proxy. */
  const direct = agentWith(opener(findProxy, lookup));
  /** To proxies that forward plain HTTP. */
  const forwarding = agentWith(openToProxy);
  let closed = false;
  let sent = 0;
  const countSent = () => {
    sent += 1;
  };

  return {
    send(request, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      if (closed) return Promise.resolve(describeNetworkError(CLOSED_CLIENT));
      try {
        // A proxy that forwards would look the name up itself, past `lookup`.
        const proxy = request.url.protocol === "http:" && lookup === undefined ? findProxy(request.url) : null;
        const agent = proxy === null ? direct : forwarding;
        return exchange(agent, toDispatch(request, proxy), request, countSent, timeouts.answer, signal);
      } catch (error) {
        return error instanceof TransportError ? Promise.resolve(describeNetworkError(error)) : Promise.reject(error);
      }
    },
    sent: () => sent,
    async close() {
      closed = true;
      for (const connection of opening) connection.abort();
      await Promise.all([direct.destroy(), forwarding.destroy()]);
    },
  };
}

function toDispatch(
  { method, url, headers, body }: HttpRequest,
  proxy: ProxyServer | null,
): Dispatcher.DispatchOptions {
  const path = url.pathname + url.search;
  const sentHeaders = { "user-agent": "stuck-jobs", ...headers };
  const forProxy = proxy === null || proxy.authorization === null ? {} : { "proxy-authorization": proxy.authorization };
  // Field by field: fields added to a spread take longer than all the rest.
  return {
    method,
    body: body ?? null,
    origin: proxy === null ? url.origin : proxy.url.origin,
    path: proxy === null ? path : url.origin + path,
    headers: proxy === null ? sentHeaders : { host: url.host, ...sentHeaders, ...forProxy },
    // Without this undici ends the connection after a HEAD.
    reset: false,
    // Our own limit covers both; undici's timers tick in seconds.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
}

/** Goes by `dispatch` and not `request`: only `onRequestStart` says that a request was sent. */
function exchange(
  agent: UndiciAgent,
  options: Dispatcher.DispatchOptions,
  { maxBytes, onSent }: HttpRequest,
  countSent: () => void,
  limit: number,
  signal: AbortSignal,
): Promise<HttpResponse | Failure> {
  return new Promise((resolve, reject) => {
    let running: Dispatcher.DispatchController | null = null;
    let timer: NodeJS.Timeout | undefined;
    let done = false;
    let head: ResponseHead | null = null;
    const chunks: Buffer[] = [];
    let received = 0;

    const finish = (report: () => void) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      report();
    };
    /**
     * Reports first: the abort ends the connection and comes back as an error of its own. undici 7 then opens a spare
     * connection for the request that is no more, and keeps it for the next one: a reason to `close`.
     */
    const abort = (report: () => void) => {
      finish(report);
      running?.abort(new Error("no longer needed"));
    };
    const abandon = () => abort(() => reject(signal.reason));

    signal.addEventListener("abort", abandon, { once: true });
    agent.dispatch(options, {
      onRequestStart(controller) {
        if (done) {
          controller.abort(new Error("no longer needed"));
          return;
        }
        running = controller;
        clearTimeout(timer);
        timer = setTimeout(() => abort(() => resolve(describeNetworkError(new TimeoutError(limit), true))), limit);
        countSent();
        onSent?.();
      },
      onResponseStart(_controller, status, headers) {
        // A 1xx comes here too; the answer that it announces takes its place.
        head = { kind: "answer", status, headers };
      },
      onResponseData(_controller, chunk) {
        received += chunk.length;
        chunks.push(chunk);
        const begun = head;
        if (begun === null || received <= maxBytes) return;
        abort(() => resolve(response(begun, chunks, false)));
      },
      onResponseEnd() {
        const begun = head;
        if (begun !== null) finish(() => resolve(response(begun, chunks, true)));
      },
      onResponseError(_controller, error) {
        finish(() => resolve(describeNetworkError(error, running !== null)));
      },
    });
  });
}

function response({ kind, status, headers }: ResponseHead, chunks: readonly Buffer[], complete: boolean): HttpResponse {
  return { kind, status, headers, body: chunks.length === 0 ? NO_BODY : Buffer.concat(chunks), complete };
}

const NO_BODY = Buffer.alloc(0);

type ConnectOptions = connectors.Options;

/** Opens one connection; `signal` ends it while it opens. */
type Open = (options: ConnectOptions, signal: AbortSignal) => Promise<Socket>;

/** What undici's own connector lacks: a limit that is exact, and an end to connections that are opening on `close`. */
function connector(open: Open, limit: number, opening: Set<AbortController>): connectors.connector {
  return (options, callback) => {
    const stop = new AbortController();
    opening.add(stop);
    const timer = setTimeout(() => stop.abort(new TimeoutError(limit, "connection")), limit);
    const finish = () => {
      clearTimeout(timer);
      opening.delete(stop);
    };
    open(options, stop.signal).then(
      (socket) => {
        finish();
        callback(null, socket);
      },
      (error) => {
        finish();
        callback(stop.signal.aborted ? asError(stop.signal.reason) : asError(error), null);
      },
    );
  };
}

function opener(findProxy: (url: URL) => ProxyServer | null, lookup: LookupFunction | undefined): Open {
  return async (options, signal) => {
    const target = new URL(`${options.protocol}//${options.host ?? options.hostname}`);
    const proxy = findProxy(target);
    if (proxy === null) return await connect(options, signal, lookup);
    const addresses = lookup === undefined ? [target.hostname] : await resolve(target, lookup);
    const socket = await openFirst(proxy, addresses, portOf(target), signal);
    return options.protocol === "https:" ? await connect({ ...options, httpSocket: socket }, signal) : socket;
  };
}

async function openToProxy(options: ConnectOptions, signal: AbortSignal): Promise<Socket> {
  try {
    return await connect(options, signal);
  } catch (error) {
    throw proxyError(new URL(`${options.protocol}//${options.host ?? options.hostname}`), asError(error));
  }
}

/** Opens a tunnel to the first of the addresses to which the proxy connects. */
async function openFirst(proxy: ProxyServer, addresses: readonly string[], port: number, signal: AbortSignal) {
  let failure: unknown = new Error("host without an address");
  for (const address of addresses) {
    try {
      return await openTunnel(proxy, `${isIP(address) === 6 ? `[${address}]` : address}:${port}`, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure;
}

function resolve(target: URL, lookup: LookupFunction): Promise<readonly string[]> {
  const host = normalizeHost(target.hostname);
  if (isIP(host) !== 0) return Promise.resolve([host]);
  return new Promise((done, fail) => {
    lookup(host, { all: true }, (error, found) => {
      if (error !== null) fail(error);
      else done(typeof found === "string" ? [found] : found.map(({ address }) => address));
    });
  });
}

/** Connects by undici's own connector: directly, or with TLS over the socket of a tunnel. */
function connect(
  options: ConnectOptions & { httpSocket?: Socket },
  signal: AbortSignal,
  lookup?: LookupFunction,
): Promise<Socket> {
  const open = buildConnector({ timeout: 0, signal, ...(lookup === undefined ? {} : { lookup }) });
  return new Promise((done, fail) => {
    open(options, (...[error, socket]) => {
      if (error === null) done(socket);
      else fail(error);
    });
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
