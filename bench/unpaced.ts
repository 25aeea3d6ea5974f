import type { AcquireSlot } from "../src/stores/airtable/rate-limit.ts";

/** Stands in for src/stores/airtable/rate-limit.ts in a build of the bench: nothing waits. */
export function createRateLimiter(): AcquireSlot {
  return async () => ({ sent() {}, done() {} });
}
