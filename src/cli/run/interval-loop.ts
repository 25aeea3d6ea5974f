import type { Duration, Instant } from "../../core/domain/job.ts";
import type { Clock } from "../../core/ports/ports.ts";

/** When sweeps start. Jitter is the maximum random delay of each sweep but the first. */
export interface Interval {
  readonly every: Duration;
  readonly jitter: Duration;
}

/** The status of a run. Failed runs lengthen the interval until one is ok again; a skipped run changes nothing. */
export type RunStatus = "ok" | "failed" | "skipped";

/** The clock, randomness and signal of the loop. */
export interface LoopDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Ends the loop: at once while it waits, else when the run is over. */
  readonly signal: AbortSignal;
  /** Called before a wait that failures have lengthened. */
  backingOff(wait: Duration): void;
}

/** Each failed run doubles the interval, up to this many times its length. */
const MOST_BACKOFF = 10;

/**
 * Runs one sweep after the other until the signal. They start at multiples of `every`, so that neither their duration
 * nor the jitter adds up; a start that a long run has missed is skipped.
 */
export async function runAtInterval(
  { every, jitter }: Interval,
  { clock, random, signal, backingOff }: LoopDeps,
  run: () => Promise<RunStatus>,
): Promise<void> {
  let slot = clock.now();
  let backoff = 1;
  while (!signal.aborted) {
    const status = await run();
    if (signal.aborted) return;
    if (status === "ok") backoff = 1;
    else if (status === "failed") backoff = Math.min(backoff * 2, MOST_BACKOFF);
    const now = clock.now();
    slot = nextSlot(slot, backoff * every, every, now);
    const wait = slot - now + random() * jitter;
    if (status === "failed") backingOff(wait);
    try {
      await clock.sleep(wait, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}

/** `step` after the last beginning; where the clock was set, or the run took longer, the next there is. */
function nextSlot(last: Instant, step: Duration, every: Duration, now: Instant): Instant {
  const due = last + step;
  if (due - now > step) return now + step;
  if (due > now) return due;
  return last + (Math.floor((now - last) / every) + 1) * every;
}
