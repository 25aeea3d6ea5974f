import type { Clock } from "../core/ports/ports.ts";
import { backoff } from "./rate-limit.ts";
import { TimeoutError, withTimeout } from "./timeout.ts";

/** What one try came to, for good. */
export interface Final<T> {
  readonly kind: "settled";
  readonly finding: T;
}

/** What one try came to, and another may change. The finding is what to report when it stays so. */
export interface Transient<T> {
  readonly kind: "transient";
  readonly finding: T;
  /** The server's Retry-After. */
  readonly retryAfter: string | null;
}

export interface RetryPolicy {
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  /** How often something is tried at most. */
  readonly attempts: number;
  /** Milliseconds for all tries and the waits between them. */
  readonly total: number;
}

/**
 * Tries again what may pass, while there are attempts and the time to wait for them. `timedOut` makes a finding of the
 * words for having run out of time. Throws what `once` throws, and the signal's reason.
 */
export async function retry<T>(
  patience: RetryPolicy,
  once: (signal: AbortSignal) => Promise<Final<T> | Transient<T>>,
  timedOut: (detail: string) => T,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await withTimeout(patience.total, signal, (inTime) => tryAgain(patience, once, inTime));
  } catch (error) {
    if (error instanceof TimeoutError) return timedOut(error.message);
    throw error;
  }
}

async function tryAgain<T>(
  { clock, random, attempts, total }: RetryPolicy,
  once: (signal: AbortSignal) => Promise<Final<T> | Transient<T>>,
  signal: AbortSignal,
): Promise<T> {
  const deadline = clock.now() + total;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await once(signal);
    if (outcome.kind === "settled" || attempt >= attempts) return outcome.finding;
    const wait = backoff(attempt, outcome.retryAfter, clock.now(), random);
    if (clock.now() + wait > deadline) return outcome.finding;
    await clock.sleep(wait, signal);
  }
}
