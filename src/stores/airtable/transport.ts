import type { Agent, ClientRequest, request as httpRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** An answer as it came from the wire, whole. */
export interface Raw {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** Called when all of it was handed to the operating system. */
  readonly left: () => void;
}

/** Sends once. `limit` is in milliseconds, from the call to the end of the body. */
export type Send = (outgoing: Outgoing, limit: number, signal: AbortSignal) => Promise<Raw>;

/** No whole answer came. `sent`: the request may have reached the server, and may have been carried out. */
export class ExchangeError extends Error {
  readonly sent: boolean;
  /** The code of Node or OpenSSL; "" where there is none. */
  readonly code: string;
  constructor(message: string, sent: boolean, code: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ExchangeError";
    this.sent = sent;
    this.code = code;
  }
}

/**
 * Sends over Node's own http with kept connections: an idle sweep is one request, for which loading an HTTP client of
 * its own would cost more than all the rest.
 */
export function createSend(endpointUrl: string): { send: Send; close(): void } {
  const secure = endpointUrl.startsWith("https:");
  let transport: Promise<Transport> | null = null;
  const send: Send = async (outgoing, limit, signal) => {
    transport ??= openTransport(secure);
    const opened = await transport;
    signal.throwIfAborted();
    return await sendOver(opened, outgoing, limit, signal);
  };
  const close = () => {
    transport?.then(({ agent }) => agent.destroy());
  };
  return { send, close };
}

interface Transport {
  readonly request: typeof httpRequest;
  readonly agent: Agent;
  readonly secure: boolean;
}

/** Loaded with the first request: TLS alone costs a third of what an empty Node takes to start. */
async function openTransport(secure: boolean): Promise<Transport> {
  const { Agent, request } = secure ? await import("node:https") : await import("node:http");
  return { request, agent: new Agent({ keepAlive: true }), secure };
}

function sendOver(
  { request: open, agent, secure }: Transport,
  outgoing: Outgoing,
  limit: number,
  signal: AbortSignal,
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    let sent = false;
    const bytes = outgoing.body === null ? null : Buffer.from(outgoing.body, "utf8");
    const request = open(outgoing.url, {
      agent,
      method: outgoing.method,
      headers: { ...outgoing.headers, ...(bytes === null ? {} : { "content-length": String(bytes.length) }) },
    });
    const abandon = () => end(() => reject(signal.reason));
    const timer = setTimeout(
      () => end(() => reject(new ExchangeError(`timed out after ${limit / 1000} s`, sent, "ETIMEDOUT"))),
      limit,
    );
    /** Settles before it destroys, since the destruction comes back as an error of its own. */
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      settle();
      request.destroy();
    };
    signal.addEventListener("abort", abandon, { once: true });
    onceConnected(request, secure, () => {
      sent = true;
    });
    const fail = (error: NodeJS.ErrnoException) => end(() => reject(explain(error, sent)));
    request.on("finish", outgoing.left);
    request.on("error", fail);
    request.on("response", (response) => {
      textOf(response).then((text) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abandon);
        resolve({ status: response.statusCode ?? 0, headers: headersOf(response), text });
      }, fail);
    });
    request.end(bytes ?? undefined);
  });
}

/** Until the connection stands, and is trusted, nothing of the request can have reached the server. */
function onceConnected(request: ClientRequest, secure: boolean, connected: () => void): void {
  request.on("socket", (socket: Socket) => {
    if (socket.connecting) socket.once(secure ? "secureConnect" : "connect", connected);
    else connected();
  });
}

/** Rejects where the connection ends before the body does. */
async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
}

function explain(error: NodeJS.ErrnoException, sent: boolean): ExchangeError {
  const code = error.code ?? "";
  return new ExchangeError(wordsFor(code, error.message), sent, code, { cause: error });
}

function wordsFor(code: string, message: string): string {
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
    case "EPIPE":
    case "ERR_STREAM_PREMATURE_CLOSE":
      return "the connection was closed before the answer was whole";
    case "ENOTFOUND":
      return "host not found";
    case "EAI_AGAIN":
      return "host name could not be looked up";
    default:
      return code === "" || message.includes(code) ? message : `${message} (${code})`;
  }
}
