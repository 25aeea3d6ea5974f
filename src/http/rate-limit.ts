import type { Clock } from "../core/ports/ports.ts";
import { abortable } from "./timeout.ts";

/** The wait before the second request; it doubles with each further one. */
const FIRST_PAUSE_MS = 250;

/**
 * Spaces requests evenly. `waiting` is how many may wait at once: no wait is longer than their turns,
 * even when the clock is set back.
 */
export function createRateLimiter(
  clock: Clock,
  perSecond: number,
  waiting: number,
): (signal: AbortSignal) => Promise<void> {
  const gap = 1000 / perSecond;
  let next = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const now = clock.now();
    const turn = Math.min(Math.max(next, now), now + gap * waiting);
    next = turn + gap;
    if (turn > now) await abortable(clock.sleep(turn - now, signal), signal);
  };
}

/**
 * How long to wait in ms after attempt number `attempt` (from 1): jittered, so that looks which failed together
 * do not come back together, and never less than the server's Retry-After.
 */
export function backoff(attempt: number, retryAfter: string | null, now: number, random: () => number): number {
  const backoff = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random() / 2);
  return Math.max(backoff, retryAfter === null ? 0 : parseRetryAfter(retryAfter, now));
}

/** Retry-After is seconds or an HTTP date (RFC 9110, 10.2.3); what cannot be read asks for nothing. */
function parseRetryAfter(retryAfter: string, now: number): number {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? 0 : at - now;
}
