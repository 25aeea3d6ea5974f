import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationStats, percentile } from "../../../src/core/stats/durations.ts";

import { HOUR, MINUTE, SECOND } from "../../support/builders.ts";

const DAY = 24 * HOUR;

describe("typical durations", () => {
  it("suggest thresholds from 20 jobs on: p99 x 1.5, and p99 x 6 but no less than an hour", () => {
    expect(durationStats(Array(19).fill(MINUTE))?.suggestedThresholds).toBeNull();
    expect(durationStats(Array(20).fill(100 * SECOND))?.suggestedThresholds).toEqual({
      stuckAfter: 150 * SECOND,
      failAfter: HOUR,
    });
    expect(durationStats(Array(20).fill(31 * MINUTE))?.suggestedThresholds).toEqual({
      stuckAfter: 50 * MINUTE,
      failAfter: 3.5 * HOUR,
    });
    expect(durationStats([])).toBeNull();
  });

  it("never suggest thresholds below p99", () => {
    const durations = fc.array(fc.integer({ min: 0, max: 7 * DAY }), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(durations, (all) => {
        const pace = durationStats(all);
        expect(pace?.suggestedThresholds?.stuckAfter).toBeGreaterThanOrEqual((pace?.p99 ?? 0) * 1.5);
        expect(pace?.suggestedThresholds?.failAfter).toBeGreaterThanOrEqual(Math.max((pace?.p99 ?? 0) * 6, HOUR));
      }),
      { numRuns: 100 },
    );
  });

  it("have percentiles by nearest rank", () => {
    expect([0, 0.5, 0.95, 1].map((share) => percentile([4, 1, 3, 2], share))).toEqual([1, 2, 4, 4]);
    expect(percentile([], 0.5)).toBeNull();
  });
});
