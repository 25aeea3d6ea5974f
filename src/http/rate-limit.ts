import type { Clock } from "../core/ports/ports.ts";
import { abortable } from "./timeout.ts";

/** Waits until the next request may go; null where it may go at once. */
export type WaitForSlot = (signal: AbortSignal) => Promise<void> | null;

/**
 * Returns a function that waits until the next request may go; requests are spaced evenly. `waiting` is how many may
 * wait at once: no wait is longer than their intervals, even when the clock is set back.
 */
export function createRateLimiter(clock: Clock, perSecond: number, waiting: number): WaitForSlot {
  const interval = 1000 / perSecond;
  let next = Number.NEGATIVE_INFINITY;
  return (signal) => {
    const now = clock.now();
    const start = Math.min(Math.max(next, now), now + interval * waiting);
    next = start + interval;
    // No timer is finer than a millisecond.
    return start - now >= 1 ? abortable(clock.sleep(start - now, signal), signal) : null;
  };
}
