import type { Duration } from "../domain/job.ts";
import { percentile } from "./percentile.ts";

/** How long an operation's jobs usually take. */
export interface DurationStats {
  readonly samples: number;
  readonly p50: Duration;
  readonly p99: Duration;
  /** Thresholds that would fit; null where there are too few samples to propose any. */
  readonly suggestedThresholds: { readonly stuckAfter: Duration; readonly failAfter: Duration } | null;
}

/** From so many jobs on thresholds are proposed. */
export const ENOUGH_SAMPLES = 20;

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/** An operation's pace from the durations of jobs whose webhook came; null of none. */
export function durationStats(durations: readonly Duration[]): DurationStats | null {
  const [p50, p99] = [percentile(durations, 0.5), percentile(durations, 0.99)];
  if (p50 === null || p99 === null) return null;
  const enough = durations.length >= ENOUGH_SAMPLES;
  return {
    samples: durations.length,
    p50,
    p99,
    suggestedThresholds: enough
      ? { stuckAfter: rounded(Math.max(p99 * 1.5, MINUTE)), failAfter: rounded(Math.max(p99 * 6, HOUR)) }
      : null,
  };
}

/** Rounded up to what a person would write: 30 s, whole minutes, five minutes, half hours. */
function rounded(duration: Duration): Duration {
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
