import type { AcquireSlot } from "../src/stores/airtable/rate-limit.ts";

/** Stands in for src/stores/airtable/rate-limit.ts in a build of the bench: everybody's turn is at once. */
export function createPace(): AcquireSlot {
  return async () => ({ sent() {}, done() {} });
}
