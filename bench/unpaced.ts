import type { Turn } from "../src/airtable/pace.ts";

/** Stands in for src/airtable/pace.ts in a build of the bench: everybody's turn is at once. */
export function createPace(): Turn {
  return async () => ({ left() {}, answered() {} });
}
