import type { Clock } from "../core/ports/ports.ts";
import { abortable } from "./timeout.ts";

/**
 * Returns a function that waits until the next request may go; requests are spaced evenly. `waiting` is how many may
 * wait at once: no wait is longer than their intervals, even when the clock is set back.
 */
export function createRateLimiter(
  clock: Clock,
  perSecond: number,
  waiting: number,
): (signal: AbortSignal) => Promise<void> {
  const interval = 1000 / perSecond;
  let next = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const now = clock.now();
    const start = Math.min(Math.max(next, now), now + interval * waiting);
    next = start + interval;
    // No timer is finer than a millisecond.
    if (start - now >= 1) await abortable(clock.sleep(start - now, signal), signal);
  };
}
