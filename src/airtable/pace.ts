import pThrottle from "p-throttle";

/** Waits until the next request may go out; rejects with the signal's reason when it is aborted first. */
export type Turn = (signal: AbortSignal) => Promise<void>;

/**
 * Airtable counts in a sliding second, at its own end of the network: evenly spaced requests need a little more than
 * the exact gap, lest two that left on time arrive too close.
 */
const HEADROOM = 1.04;

/** One request every `1 / perSecond` seconds, however many wait. */
export function createPace(perSecond: number): Turn {
  const throttle = pThrottle({ limit: 1, interval: Math.ceil((1000 / perSecond) * HEADROOM) });
  const next = throttle(async () => undefined);
  return (signal) =>
    new Promise((resolve, reject) => {
      const stop = () => reject(signal.reason);
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      next()
        .then(() => resolve(), reject)
        .finally(() => signal.removeEventListener("abort", stop));
    });
}
