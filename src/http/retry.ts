import type { Clock } from "../core/ports/ports.ts";
import { type TimeLimit, TimeoutError } from "./timeout.ts";

/** The outcome of an attempt that another attempt would not change. */
export interface Final<T> {
  readonly kind: "final";
  readonly value: T;
}

/** The outcome of an attempt that another attempt may change. `value` is what to report if it does not. */
export interface Transient<T> {
  readonly kind: "transient";
  readonly value: T;
  /** The server's Retry-After header. */
  readonly retryAfter: string | null;
}

export interface RetryPolicy {
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  /** How many attempts there are at most. */
  readonly attempts: number;
  /** For all attempts and the waits between them. */
  readonly total: TimeLimit;
}

/**
 * Repeats `attempt` while its outcome is transient and attempts and time are left. `timedOut` makes a value of the
 * words for having run out of time. Throws what `attempt` throws, and the signal's reason.
 */
export function retry<T>(
  { clock, random, attempts, total }: RetryPolicy,
  attempt: (signal: AbortSignal) => Promise<Final<T> | Transient<T>>,
  timedOut: (detail: string) => T,
  signal: AbortSignal,
): Promise<T> {
  const repeat = async (inTime: AbortSignal): Promise<T> => {
    const deadline = clock.now() + total.ms;
    for (let count = 1; ; count += 1) {
      const outcome = await attempt(inTime);
      if (outcome.kind === "final" || count >= attempts) return outcome.value;
      const wait = backoff(count, outcome.retryAfter, clock.now(), random);
      if (clock.now() + wait > deadline) return outcome.value;
      await clock.sleep(wait, inTime);
    }
  };
  return total.run(signal, repeat).catch((error: unknown) => {
    if (error instanceof TimeoutError) return timedOut(error.message);
    throw error;
  });
}

/** The wait before the second attempt; it doubles with each further one. */
const FIRST_WAIT_MS = 250;

/**
 * Returns how long to wait in ms after attempt number `attempt` (from 1): jittered, so that requests which failed
 * together do not come back together, and never less than the server's Retry-After.
 */
function backoff(attempt: number, retryAfter: string | null, now: number, random: () => number): number {
  const wait = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + random() / 2);
  return Math.max(wait, parseRetryAfter(retryAfter, now) ?? 0);
}

/**
 * Returns how long a Retry-After header asks to wait, in ms from `now`: it holds seconds or an HTTP date (RFC 9110,
 * 10.2.3). Null where there is none, or none that can be read.
 */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
