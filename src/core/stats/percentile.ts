import type { Duration } from "../domain/job.ts";

/** The value below or at which that share (0 to 1) of all lies, by nearest rank; null of none. */
export function percentile(values: readonly Duration[], share: number): Duration | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
