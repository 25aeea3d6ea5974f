import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A TCP proxy before a PostgreSQL server. */
export interface TcpProxy {
  /** The database's URL by way of the proxy. */
  readonly url: string;
  /** Cuts all connections. */
  cut(): void;
  /** Keeps all answers to itself from now on. */
  swallowAnswers(): void;
  /**
   * Takes the server away at the n-th message of the client, counted from 1: `before` it arrives, or `after`, so that it
   * is carried out and its answer lost. New connections are refused from then on; `back` ends that.
   */
  goAway(n: number, when: "before" | "after"): void;
  back(): void;
  /** Messages of the client since `goAway` or `back`. */
  messages(): number;
  /** How many ends of connections are open. */
  connections(): number;
}

/** Starts a proxy, which ends with the test. */
export async function startTcpProxy(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let swallowing = false;
  let [count, leaveAt, when, isAway] = [0, Number.POSITIVE_INFINITY, "before", false];
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy = createServer((client) => {
    if (isAway) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("data", (bytes) => {
      if (isAway) return;
      count += 1;
      if (count < leaveAt) {
        upstream.write(bytes);
        return;
      }
      isAway = true;
      if (when === "before") cut();
      else {
        upstream.removeAllListeners("data");
        // The server carries it out; its answer is dropped.
        upstream.on("data", cut);
        upstream.write(bytes);
      }
    });
    upstream.on("data", (bytes) => {
      if (!swallowing) client.write(bytes);
    });
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    cut();
    await new Promise((resolve) => proxy.close(resolve));
  });
  const address = proxy.address();
  const own = new URL(url);
  own.port = String(typeof address === "object" && address !== null ? address.port : 0);
  return {
    url: own.href,
    cut,
    swallowAnswers() {
      swallowing = true;
    },
    goAway(n, at) {
      [count, leaveAt, when, isAway] = [0, n, at, false];
    },
    back() {
      [count, leaveAt, isAway] = [0, Number.POSITIVE_INFINITY, false];
    },
    messages: () => count,
    connections: () => sockets.size,
  };
}
