import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient, type HttpClient } from "../http/client.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { createRateLimiter, type WaitForSlot } from "../http/rate-limit.ts";
import type { Timeouts } from "../http/timeout.ts";

/** The way to one storage: how many probes at the same time, how many requests a second, over which connections. */
export interface StorageConnection {
  readonly limiter: LimitFunction;
  readonly waitForSlot: WaitForSlot;
  readonly client: HttpClient;
}

export interface ConnectionOptions {
  /** Probes, and connections to one host, at the same time. */
  readonly concurrency: number;
  readonly requestsPerSecond: number;
  readonly clock: Clock;
  readonly timeouts: Pick<Timeouts, "connect" | "answer">;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** Opens a connection to a storage. Nothing is connected before the first probe. */
export function openConnection(options: ConnectionOptions): StorageConnection {
  const { concurrency, requestsPerSecond, clock, timeouts, env = {} } = options;
  return {
    limiter: pLimit(concurrency),
    waitForSlot: createRateLimiter(clock, requestsPerSecond, concurrency),
    client: createHttpClient({ connections: concurrency, timeouts, env }),
  };
}

/** Returns the connection for one of several users: it counts that user's own requests, and `close` leaves it open. */
export function shareConnection({ limiter, waitForSlot, client }: StorageConnection): StorageConnection {
  let sent = 0;
  return {
    limiter,
    waitForSlot,
    client: {
      send: (request, signal) => {
        const onSent = () => {
          sent += 1;
          request.onSent?.();
        };
        return client.send({ ...request, onSent }, signal);
      },
      sent: () => sent,
      close: async () => {},
    },
  };
}
