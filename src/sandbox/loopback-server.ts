import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { CutOff, Request, Response } from "./http.ts";

/** A server on loopback. */
export interface Listener {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Another process listens on the port. */
export class PortTakenError extends Error {
  constructor(port: number) {
    super(`port ${port} is taken`);
    this.name = "PortTakenError";
  }
}

/**
 * Serves requests on 127.0.0.1; port 0 takes a free one.
 *
 * @throws PortTakenError
 */
export async function listen(port: number, answer: (request: Request) => Promise<Response>): Promise<Listener> {
  const server = createServer((incoming, response) => {
    read(incoming)
      .then(answer)
      .then((reply) => {
        if (reply === null) {
          incoming.socket.destroy();
          return;
        }
        if ("cutOff" in reply) {
          const half = firstHalf(reply);
          if (reply.stalls) incoming.socket.write(half);
          else incoming.socket.end(half);
          return;
        }
        response.writeHead(reply.status, reply.headers);
        response.end(reply.body);
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortTakenError(port) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the sandbox has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function read(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const [path = "", query = ""] = (incoming.url ?? "").split("?", 2);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: incoming.method ?? "",
    path,
    query: new URLSearchParams(query),
    headers: Object.fromEntries(headers),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

/** Without a body, as for a HEAD, the headers are cut: a wrong content-length would describe another object. */
function firstHalf({ status, headers, body, cutOff }: CutOff): string {
  const half = body.slice(0, Math.ceil(body.length / 2));
  const length = Buffer.byteLength(body);
  const framing = cutOff === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`;
  const kept = Object.entries(headers).filter(([name]) => body === "" || name !== "content-length");
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...kept.map(([name, value]) => `${name}: ${value}`),
  ];
  if (body === "") return head.join("\r\n");
  const start = `${[...head, framing].join("\r\n")}\r\n\r\n`;
  return cutOff === "chunked" ? `${start}${Buffer.byteLength(half).toString(16)}\r\n${half}\r\n` : start + half;
}
