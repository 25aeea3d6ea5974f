import type { Duration, Instant } from "../domain/job.ts";
import type { SweepContext } from "./context.ts";

/** The server's clock is used where it differs from ours by more than its own resolution of a second. */
const SKEW_NOTICED: Duration = 2_000;
/** A skew that is worth a warning, and after which a listing by our clock starts again. */
export const SKEW_WARNED: Duration = 60_000;
/** A skew at which no age is certain enough to fail a job by it. */
export const SKEW_TOO_FAR: Duration = 300_000;

/**
 * Returns the store's time. What is written to it is dated by it, since runs on other machines read it: by its own
 * date they find the jobs of the last hour.
 */
export function serverNow({ clock, store }: Pick<SweepContext, "clock" | "store">): Instant {
  const skew = store.clockSkewMs() ?? 0;
  return clock.now() + (Math.abs(skew) > SKEW_NOTICED ? skew : 0);
}

/** Returns the warning for clocks that differ. */
export function skewWarning(skew: Duration, store: string): string {
  const seconds = Math.round(Math.abs(skew) / 1000);
  const consequence = Math.abs(skew) > SKEW_TOO_FAR ? "; no job is failed" : "";
  return `this machine's clock is ${seconds} s ${skew > 0 ? "behind" : "ahead of"} ${store}'s: ages count by theirs${consequence}`;
}
