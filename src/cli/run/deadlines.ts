import { setMaxListeners } from "node:events";
import type { Duration } from "../../core/domain/job.ts";
import type { Deadlines } from "../../core/sweep/context.ts";
import type { Shutdown } from "./signals.ts";

/** The share of the deadline after which no new work starts. */
const BEGIN_SHARE = 0.8;

/** The share of it that the listing may take. */
const LISTING_SHARE = 0.5;

/** The deadlines of a run, one for each kind of work. */
export interface RunLimits extends Deadlines {
  /** Milliseconds until the deadline; null without one. */
  remaining(): number | null;
  dispose(): void;
}

/** Starts the deadlines (`null`: none). A stop signal ends everything but the write in flight. */
export function startDeadlines(deadline: Duration | null, stop: Pick<Shutdown, "signal">): RunLimits {
  const [listing, begin, reads, writes] = [0, 0, 0, 0].map(() => new AbortController());
  if (!listing || !begin || !reads || !writes) throw new Error("unreachable");
  // Each request listens; above ten listeners Node prints a warning, which cron mails.
  setMaxListeners(0, listing.signal, begin.signal, reads.signal, writes.signal);
  const endsAt = deadline === null ? null : Date.now() + deadline;
  const expired = () => new DOMException("the deadline has passed", "TimeoutError");
  const timers =
    deadline === null
      ? []
      : [
          setTimeout(() => listing.abort(expired()), deadline * LISTING_SHARE),
          setTimeout(() => begin.abort(expired()), deadline * BEGIN_SHARE),
          setTimeout(() => reads.abort(expired()), deadline),
          setTimeout(() => writes.abort(expired()), deadline),
        ];
  const onStop = () => {
    for (const controller of [listing, begin, reads]) controller.abort(stop.signal.reason);
  };
  if (stop.signal.aborted) onStop();
  stop.signal.addEventListener("abort", onStop, { once: true });
  return {
    listing: listing.signal,
    start: begin.signal,
    reads: reads.signal,
    writes: writes.signal,
    remaining: () => (endsAt === null ? null : Math.max(0, endsAt - Date.now())),
    dispose() {
      for (const timer of timers) clearTimeout(timer);
      stop.signal.removeEventListener("abort", onStop);
    },
  };
}
