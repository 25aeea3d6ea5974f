import pLimit, { type LimitFunction } from "p-limit";
import type { Clock } from "../core/ports/ports.ts";
import { createWire, type Wire } from "../http/client.ts";
import { createPace } from "../http/rate-limit.ts";

/** The way to one storage: how many looks at the same time, at which pace, over which connections. */
export interface Lane {
  readonly slot: LimitFunction;
  /** Waits until a request may go. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  readonly wire: Wire;
}

export interface LaneOptions {
  /** Looks, and connections to one host, at the same time. */
  readonly concurrency: number;
  readonly requestsPerSecond: number;
  readonly clock: Clock;
  /** Milliseconds: to connect, and to the end of the answer. */
  readonly timeouts: { readonly connect: number; readonly answer: number };
}

/** Opens a lane. Nothing is connected before the first look. */
export function openLane({ concurrency, requestsPerSecond, clock, timeouts }: LaneOptions): Lane {
  return {
    slot: pLimit(concurrency),
    turn: createPace(clock, requestsPerSecond, concurrency),
    wire: createWire({ connections: concurrency, connectLimit: timeouts.connect, answerLimit: timeouts.answer }),
  };
}

/** The same lane for one of several that use it: counts what is its own, and leaves the lane open at its end. */
export function sharing({ slot, turn, wire }: Lane): Lane {
  let sent = 0;
  return {
    slot,
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
