import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/core/ports/ports.ts";
import { createProbe, type ProbeOptions } from "../../src/storage/probe.ts";

/** A server on loopback, with what it saw. It is gone when the test is. */
export interface Place {
  readonly url: string;
  readonly port: number;
  /** "HEAD /a.mp4", in the order of arrival. */
  readonly requests: string[];
  /** All that were ever accepted. */
  readonly sockets: Socket[];
}

/** Answers over HTTP as `answer` says. */
export async function serve(answer: RequestListener, port = 0): Promise<Place> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(line(request));
    answer(request, response);
  });
  return listen(server, requests, port);
}

/** Talks below HTTP: `talk` gets each connection with the first bytes that came. */
export async function serveRaw(talk: (socket: Socket, first: string) => void): Promise<Place> {
  const requests: string[] = [];
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const first = bytes.toString("latin1");
      requests.push(first.split(" HTTP/", 1).join());
      talk(socket, first);
    });
  });
  return listen(server, requests);
}

export async function listen(server: Server, requests: string[] = [], at = 0): Promise<Place> {
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = addressOf(server);
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${port}`, port, requests, sockets };
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = addressOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A clock on which sleeping takes no time; it keeps what was slept. */
export interface TestClock extends Clock {
  readonly slept: number[];
}

export function testClock(start = Date.UTC(2026, 0, 2)): TestClock {
  const slept: number[] = [];
  let now = start;
  return {
    slept,
    now: () => now,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      slept.push(ms);
      now += ms;
    },
  };
}

/** A probe with short limits and no pace, closed at the end of the test. */
export function probeOf(baseUrl: string, options: Partial<ProbeOptions> = {}) {
  const probe = createProbe({
    baseUrl,
    concurrency: 16,
    clock: testClock(),
    random: () => 0.5,
    timeouts: { connect: 5_000, answer: 5_000, total: 10_000 },
    requestsPerSecond: Number.POSITIVE_INFINITY,
    ...options,
  });
  onTestFinished(() => probe.close());
  return probe;
}

/** A signal that nobody aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

function line(request: IncomingMessage): string {
  return `${request.method} ${request.url}`;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address;
}
