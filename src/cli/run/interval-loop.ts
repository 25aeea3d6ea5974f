import type { Duration, Instant } from "../../core/domain/job.ts";
import type { Clock } from "../../core/ports/ports.ts";

/** When sweeps begin. Jitter is a random delay, up to this much, of each but the first. */
export interface Interval {
  readonly every: Duration;
  readonly jitter: Duration;
}

/** How a run went: what is in trouble is asked less often, until it goes well again; a run that was skipped says nothing. */
export type RunStatus = "well" | "trouble" | "skipped";

/** What the loop needs of the world. */
export interface LoopDeps {
  readonly clock: Clock;
  readonly random: () => number;
  /** Ends the loop: at once while it waits, else when the run is over. */
  readonly signal: AbortSignal;
  /** Called before a wait that is longer than usual because of trouble. */
  backingOff(wait: Duration): void;
}

/** In trouble the interval is doubled from run to run, up to this many times its length. */
const MOST_BACKOFF = 10;

/**
 * Runs one sweep after the other until the signal. They begin at multiples of `every` from the start on, so that
 * neither their length nor the jitter adds up; a beginning that a long run has missed is left out.
 */
export async function runAtInterval(
  { every, jitter }: Interval,
  { clock, random, signal, backingOff }: LoopDeps,
  run: () => Promise<RunStatus>,
): Promise<void> {
  let slot = clock.now();
  let backoff = 1;
  while (!signal.aborted) {
    const ending = await run();
    if (signal.aborted) return;
    if (ending === "well") backoff = 1;
    else if (ending === "trouble") backoff = Math.min(backoff * 2, MOST_BACKOFF);
    const now = clock.now();
    slot = nextSlot(slot, backoff * every, every, now);
    const wait = slot - now + random() * jitter;
    if (ending === "trouble") backingOff(wait);
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
