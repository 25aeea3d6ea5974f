import { setMaxListeners } from "node:events";
import type { Duration } from "../core/job.ts";
import type { Limits } from "../core/run.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** The part of the deadline after which nothing new is begun. */
const BEGIN_SHARE = 0.8;

/** The part of it that the listing may take: what was found needs the rest. */
const LISTING_SHARE = 0.5;

/** The moments at which a run has to stop one thing after the other, and why it stopped early. */
export interface RunLimits extends Limits {
  /** Milliseconds until the deadline; null without one. */
  remaining(): number | null;
  /** 130 or 143 after SIGINT or SIGTERM, else null. */
  stoppedBy(): ExitCode | null;
  dispose(): void;
}

/**
 * Arms the deadline (`null`: none) and the signals. A first SIGINT or SIGTERM stops all but the write in flight; a
 * second one ends the process at once.
 */
export function armLimits(deadline: Duration | null, onSignal: (name: string) => void): RunLimits {
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
  let stopped: ExitCode | null = null;
  const stop = (name: "SIGINT" | "SIGTERM") => {
    const code = name === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
    if (stopped !== null) process.exit(code);
    stopped = code;
    onSignal(name);
    for (const controller of [listing, begin, reads]) controller.abort(new DOMException(name, "AbortError"));
  };
  const onInterrupt = () => stop("SIGINT");
  const onTerminate = () => stop("SIGTERM");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return {
    listing: listing.signal,
    begin: begin.signal,
    reads: reads.signal,
    writes: writes.signal,
    remaining: () => (endsAt === null ? null : Math.max(0, endsAt - Date.now())),
    stoppedBy: () => stopped,
    dispose() {
      for (const timer of timers) clearTimeout(timer);
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
    },
  };
}
