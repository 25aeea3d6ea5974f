import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lossByHour, lossIncidents, type TimedJob } from "../../../src/core/stats/losses.ts";
import { HOUR, MINUTE, NOW } from "../../support/builders.ts";

const START = NOW - 24 * HOUR;
const at = (minutes: number, fate: TimedJob["fate"] = "recovered", operation = "combine"): TimedJob => ({
  at: START + minutes * MINUTE,
  operation,
  fate,
});

describe("an incident", () => {
  it("is three or more lost webhooks, each within half an hour of the one before", () => {
    const jobs = [at(0), at(20, "failed", "concatenate"), at(45, "stuck"), at(200), at(210)];
    expect(lossIncidents(jobs)).toEqual([
      {
        from: START,
        to: START + 45 * MINUTE,
        jobs: 3,
        recovered: 1,
        failed: 1,
        stuck: 1,
        operations: ["combine", "concatenate"],
      },
    ]);
  });
  it("is none where most webhooks of that time came", () => {
    const came = [1, 2, 3, 4].map((minute) => at(minute, "webhook"));
    expect(lossIncidents([at(0), at(10), at(20), ...came])).toEqual([]);
    expect(lossIncidents([at(0), at(10), at(20), ...came.slice(1)])).toHaveLength(1);
  });
  it("does not count jobs that are running, or that others failed", () => {
    expect(lossIncidents([at(0), at(1, "other"), at(2, "other"), at(3)])).toEqual([]);
  });
  it("is the same in whatever order the jobs come, and each job is in one at most", () => {
    const job = fc.record({
      at: fc.integer({ min: START, max: NOW }),
      operation: fc.constantFrom("combine", "concatenate"),
      fate: fc.constantFrom("webhook", "recovered", "failed", "stuck", "other"),
    });
    fc.assert(
      fc.property(fc.array(job, { maxLength: 60 }), (jobs: readonly TimedJob[]) => {
        const incidents = lossIncidents(jobs);
        expect(lossIncidents(jobs.toReversed())).toEqual(incidents);
        const lost = jobs.filter(({ fate }) => ["recovered", "failed", "stuck"].includes(fate)).length;
        expect(incidents.reduce((sum, { jobs: count }) => sum + count, 0)).toBeLessThanOrEqual(lost);
        for (const { jobs: count, recovered, failed, stuck } of incidents)
          expect(recovered + failed + stuck).toBe(count);
        for (const [n, { from }] of incidents.entries()) expect(from).toBeGreaterThan(incidents[n - 1]?.to ?? 0);
      }),
    );
  });
});

describe("lost webhooks by hour", () => {
  it("are counted by operation and by the hour of the day, in UTC, over all days", () => {
    const noon = Date.UTC(2026, 0, 1, 12, 30);
    const jobs: readonly TimedJob[] = [
      { at: noon, operation: "b", fate: "webhook" },
      { at: noon + 24 * HOUR, operation: "b", fate: "recovered" },
      { at: noon + HOUR, operation: "a", fate: "recovered" },
      { at: noon, operation: "a", fate: "failed" },
    ];
    const [a, b] = lossByHour(jobs);
    expect([a?.operation, b?.operation]).toEqual(["a", "b"]);
    expect(b?.hours[12]).toEqual({ byWebhook: 1, byPolling: 1 });
    expect(a?.hours[13]).toEqual({ byWebhook: 0, byPolling: 1 });
    expect(a?.hours[12]).toEqual({ byWebhook: 0, byPolling: 0 });
    expect(a?.hours).toHaveLength(24);
  });
});
