import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient, type HttpClient } from "../http/client.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { createRateLimiter } from "../http/rate-limit.ts";
import type { Timeouts } from "../http/timeout.ts";

/** The way to one storage: how many looks at the same time, at which pace, over which connections. */
export interface StorageConnection {
  readonly limiter: LimitFunction;
  /** Waits until a request may go. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  readonly wire: HttpClient;
}

export interface LaneOptions {
  /** Looks, and connections to one host, at the same time. */
  readonly concurrency: number;
  readonly requestsPerSecond: number;
  readonly clock: Clock;
  readonly timeouts: Pick<Timeouts, "connect" | "answer">;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** Opens a lane. Nothing is connected before the first look. */
export function openConnection({
  concurrency,
  requestsPerSecond,
  clock,
  timeouts,
  env = {},
}: LaneOptions): StorageConnection {
  return {
    limiter: pLimit(concurrency),
    turn: createRateLimiter(clock, requestsPerSecond, concurrency),
    wire: createHttpClient({ connections: concurrency, timeouts, env }),
  };
}

/** The same lane for one of several that use it: counts what is its own, and leaves the lane open at its end. */
export function shareConnection({ limiter, turn, wire }: StorageConnection): StorageConnection {
  let sent = 0;
  return {
    limiter,
    turn,
    wire: {
      send: (request, signal) =>
        wire.send(
          {
            ...request,
            onSent() {
              sent += 1;
              request.onSent?.();
            },
          },
          signal,
        ),
      sent: () => sent,
      close: async () => {},
    },
  };
}
