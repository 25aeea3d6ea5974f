import type { Duration } from "../domain/job.ts";

/** How long the jobs of an operation typically take. */
export interface DurationStats {
  readonly samples: number;
  readonly p50: Duration;
  readonly p99: Duration;
  /** Null where there are too few samples. */
  readonly suggestedThresholds: { readonly stuckAfter: Duration; readonly failAfter: Duration } | null;
}

/** Thresholds are suggested from this many jobs on. */
export const MIN_SAMPLES = 20;

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/** Returns the statistics of durations; null where there are none. */
export function durationStats(durations: readonly Duration[]): DurationStats | null {
  const [p50, p99] = [percentile(durations, 0.5), percentile(durations, 0.99)];
  if (p50 === null || p99 === null) return null;
  const enough = durations.length >= MIN_SAMPLES;
  return {
    samples: durations.length,
    p50,
    p99,
    suggestedThresholds: enough
      ? { stuckAfter: roundUp(Math.max(p99 * 1.5, MINUTE)), failAfter: roundUp(Math.max(p99 * 6, HOUR)) }
      : null,
  };
}

/** Rounds up to what a person would write: 30 s, whole minutes, five minutes, half hours. */
function roundUp(duration: Duration): Duration {
  const step =
    duration <= 5 * MINUTE
      ? 30 * SECOND
      : duration <= 30 * MINUTE
        ? MINUTE
        : duration <= 2 * HOUR
          ? 5 * MINUTE
          : HOUR / 2;
  return Math.ceil(duration / step) * step;
}

/** Returns the value that a share (0 to 1) of all values do not exceed, by nearest rank; null where there are none. */
export function percentile(values: readonly Duration[], share: number): Duration | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
