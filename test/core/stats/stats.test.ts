import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import { completedLine, failedLine } from "../../../src/core/domain/notes.ts";

import { statsOf } from "../../../src/core/stats/stats.ts";
import { HOUR, job, MINUTE, NOW, POLICY, SECOND } from "../../support/builders.ts";

const STATUSES = { stuckStatuses: ["processing"], completedStatus: "completed", failedStatus: "failed" };
const DAY = 24 * HOUR;
const BY = { runId: "r1", version: "1.2.3" };
const OUTPUT = { url: "https://b.example/a.mp4", bytes: 5, contentType: null, etag: null, lastModified: null };
const GATHERED = { probeGroups: [], providerReply: null, rule: "output-absent" };
const POLLED = completedLine([OUTPUT], { ...GATHERED, rule: "output-found" }, NOW, BY);
const FAILED = failedLine(GATHERED, NOW, BY);

const BASIS = { ...STATUSES, policy: POLICY, since: NOW - 2 * DAY, now: NOW };

function past(age: number, over: Partial<Job>, took: number | null = null) {
  const each = job({ age, ...over });
  return { job: each, completedAt: took === null ? null : NOW - age + took };
}

const recovered = (age: number, after: number) =>
  past(age, { status: "completed", notes: completedLine([OUTPUT], GATHERED, NOW - age + after, BY) });

describe("stats", () => {
  it("counts each job once, in the total, under its operation and on its day", () => {
    const ages = fc.integer({ min: 0, max: 2 * DAY - 1 });
    const statuses = fc.constantFrom("completed", "failed", "processing", "webhook_error");
    const types = fc.constantFrom("combine", "concatenate", "voiceover", null);
    const notes = fc.constantFrom("", POLLED, FAILED);
    const jobs = fc
      .array(fc.record({ age: ages, status: statuses, type: types, notes }))
      // Of the same age they come in the order of their ids, which no two of a base share.
      .map((all) =>
        all.map(({ age, ...over }, n) => past(age, { ...over, id: `recJob${String(n).padStart(11, "0")}` })),
      );
    fc.assert(
      fc.property(jobs, (all) => {
        const stats = statsOf(all, BASIS);
        const parts = [
          "byWebhook",
          "byPolling",
          "failedByPolling",
          "failedByOthers",
          "working",
          "stuck",
          "other",
        ] as const;
        for (const counts of [stats.total, ...stats.operations, ...stats.days]) {
          expect(parts.reduce((sum, part) => sum + counts[part], 0)).toBe(counts.jobs);
        }
        for (const key of ["jobs", ...parts] as const) {
          for (const group of [stats.operations, stats.days]) {
            expect(group.reduce((sum, counts) => sum + counts[key], 0)).toBe(stats.total[key]);
          }
        }
        expect(stats.total.jobs).toBe(all.length);
        expect(stats.open).toHaveLength(stats.total.working + stats.total.stuck);
        expect(statsOf(all.toReversed(), BASIS)).toEqual(stats);
      }),
      { numRuns: 50 },
    );
  });

  it("counts as stuck what scan would list", () => {
    const { open, total } = statsOf(
      [past(4 * MINUTE, {}), past(6 * MINUTE, { externalId: null }), past(HOUR, {})],
      BASIS,
    );
    expect([total.stuck, total.working]).toEqual([2, 1]);
    expect(open.map(({ age, stuck }) => [age / MINUTE, stuck])).toEqual([
      [60, true],
      [6, true],
      [4, false],
    ]);
  });

  it("measures the time from the start of a job to our line in its notes", () => {
    const { recovery } = statsOf(
      [10, 20, 30].map((m) => recovered(3 * HOUR, m * MINUTE)),
      BASIS,
    );
    expect([recovery.p50, recovery.p95]).toEqual([20 * MINUTE, 30 * MINUTE]);
  });

  const half = (age: number, hooks: number, polls: number) => [
    ...Array.from({ length: hooks }, () => past(age, { status: "completed" })),
    ...Array.from({ length: polls }, () => recovered(age, 10 * MINUTE)),
  ];

  it.each([
    ["rising", [40, 2], [30, 12]],
    ["falling", [30, 12], [40, 2]],
    ["steady", [40, 2], [39, 3]],
    ["unclear", [4, 1], [1, 4]],
  ] as const)("calls the loss %s", (direction, [a, b], [c, d]) => {
    const { trend } = statsOf([...half(1.5 * DAY, a, b), ...half(0.5 * DAY, c, d)], BASIS);
    expect(trend).toEqual({ first: b / (a + b), last: d / (c + d), direction });
  });

  it("has a row for each day of the window, also for one without a job", () => {
    expect(statsOf([], BASIS).days.map(({ day, jobs, lost }) => [day, jobs, lost])).toEqual([
      ["2026-02-27", 0, null],
      ["2026-02-28", 0, null],
      ["2026-03-01", 0, null],
    ]);
  });

  it("measures typical durations on jobs whose webhook came, not on those that waited for polling", () => {
    const hooked = past(HOUR, { status: "completed" }, 40 * SECOND);
    const [stats] = statsOf([hooked, recovered(HOUR, 30 * MINUTE)], BASIS).operations;
    expect(stats?.pace).toEqual({ samples: 1, p50: 40 * SECOND, p99: 40 * SECOND, suggestedThresholds: null });
    expect(statsOf([recovered(HOUR, 30 * MINUTE)], BASIS).operations[0]?.pace).toBeNull();
    expect(statsOf([past(HOUR, { status: "completed" }, -1)], BASIS).operations[0]?.pace).toBeNull();
  });
});
