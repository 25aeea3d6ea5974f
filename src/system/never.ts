import { setMaxListeners } from "node:events";

/** Returns a signal that is never aborted, for work that has to be finished. */
export function neverAborted(): AbortSignal {
  const { signal } = new AbortController();
  // Each request listens; above ten listeners Node prints a warning, which cron mails.
  setMaxListeners(0, signal);
  return signal;
}
