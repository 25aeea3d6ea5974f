import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import {
  appendLine,
  completedLine,
  failedLine,
  failureText,
  supersededLine,
  undeliveredLine,
  undoneLine,
} from "../../../src/core/domain/notes.ts";
import { durationStats, percentile } from "../../../src/core/stats/durations.ts";
import { classifyOutcome } from "../../../src/core/stats/outcome.ts";

import { statsOf } from "../../../src/core/stats/stats.ts";
import { HOUR, job, MINUTE, NOW, POLICY, SECOND } from "../../support/builders.ts";

const STATUSES = { stuckStatuses: ["processing"], completedStatus: "completed", failedStatus: "failed" };
const DAY = 24 * HOUR;
const BY = { runId: "r1", version: "1.2.3" };
const OUTPUT = { url: "https://b.example/a.mp4", bytes: 5, contentType: null, etag: null, lastModified: null };
const GATHERED = { probeGroups: [], providerReply: null, rule: "output-absent" };
const POLLED = completedLine([OUTPUT], { ...GATHERED, rule: "output-found" }, NOW, BY);
const FAILED = failedLine(GATHERED, NOW, BY);

const ending = (over: Partial<Job>, completedAt: number | null = null) =>
  classifyOutcome({ job: job(over), completedAt }, STATUSES);

describe("how a job ended", () => {
  const done = (over: Partial<Job>) => ending({ status: "completed", ...over });

  it("is by polling where our line stands in the notes, at the moment that it names", () => {
    const told = { kind: "completed", by: "polling", late: false, at: NOW };
    expect(done({ notes: appendLine("by hand", POLLED) })).toEqual(told);
    expect(done({ notes: supersededLine("recNewer", NOW, BY) })).toEqual(told);
  });

  it.each([
    '{"completed_via":"polling"}',
    "{'output_url': 'x', 'completed_via': 'polling'}",
    '{"completed_via":"stuck_job_polling"}',
  ])("is by polling where the response says so, at no known moment: %s", (responsePayload) => {
    expect(done({ responsePayload })).toEqual({ kind: "completed", by: "polling", late: false, at: null });
  });

  it("is by webhook otherwise, also after what polling did was taken back", () => {
    expect(ending({ status: "completed" }, NOW)).toEqual({ kind: "completed", by: "webhook", late: false, at: NOW });
    const undone = appendLine(POLLED, undoneLine("r1", NOW, BY));
    expect(done({ notes: undone })).toMatchObject({ by: "webhook" });
    expect(done({ notes: appendLine(undone, POLLED) })).toMatchObject({ by: "polling" });
  });

  it("is late where polling, ours or the earlier, had failed it", () => {
    expect(done({ notes: appendLine(FAILED, POLLED) })).toMatchObject({ by: "polling", late: true });
    expect(done({ notes: "Timed out via polling after 60 minutes" })).toMatchObject({ by: "webhook", late: true });
  });

  const failed = (over: Partial<Job>) => ending({ status: "failed", ...over });
  const text = (rule: string, answer: "failed" | "unknown") =>
    failureText(
      NOW - HOUR,
      HOUR,
      {
        probeGroups: [],
        rule,
        providerReply:
          answer === "unknown"
            ? null
            : {
                provider: "nca",
                url: "https://n.example",
                answer: { kind: "failed", error: "no such codec", detail: "d", worker: null },
                probes: [],
              },
      },
      null,
      NOW,
      BY,
    );

  it.each([
    ["the rule in its line", { notes: FAILED }, "output-absent"],
    ["the rule in its error", { error: text("provider-failed", "failed") }, "provider-failed"],
    ["an early error", { error: text("x", "unknown").replace(/, rule x\.$/, ".") }, "output-absent"],
    ["an early error of a provider", { error: text("x", "failed").replace(/, rule x\.$/, ".") }, "provider-failed"],
    ["the earlier poller's note", { notes: "Timed out via polling" }, "timed out (earlier poller)"],
    [
      "a file that was dropped twice",
      { notes: undeliveredLine("a.mp4", "empty", NOW, BY) },
      "file dropped by Airtable",
    ],
  ])("by polling is known by %s", (_, over, reason) => {
    expect(failed(over)).toEqual({ kind: "failed", by: "polling", reason });
  });

  it("by others has the first line of the error as its reason, without what differs from job to job", () => {
    const error = "no file 0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11 of rec12345678901234 at https://a.example/b\ntrace";
    expect(failed({ error })).toEqual({ kind: "failed", by: "webhook", reason: "no file … of … at …" });
    expect(failed({ error: null })).toMatchObject({ reason: "no reason given" });
    expect(failed({ notes: appendLine(FAILED, undoneLine("r1", NOW, BY)), error: "other" })).toMatchObject({
      by: "webhook",
    });
  });
});

const BASIS = { ...STATUSES, policy: POLICY, since: NOW - 2 * DAY, now: NOW };

function past(age: number, over: Partial<Job>, took: number | null = null) {
  const each = job({ age, ...over });
  return { job: each, completedAt: took === null ? null : NOW - age + took };
}

const recovered = (age: number, after: number) =>
  past(age, { status: "completed", notes: completedLine([OUTPUT], GATHERED, NOW - age + after, BY) });

describe("what became of the jobs", () => {
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

  it("takes as stuck what scan would list", () => {
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

  it("tells the time from creation to the moment of our line", () => {
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

  it("has a day for each of the window, also one without a job", () => {
    expect(statsOf([], BASIS).days.map(({ day, jobs, lost }) => [day, jobs, lost])).toEqual([
      ["2026-02-27", 0, null],
      ["2026-02-28", 0, null],
      ["2026-03-01", 0, null],
    ]);
  });

  it("learns the pace from jobs whose webhook came, not from those that waited for polling", () => {
    const hooked = past(HOUR, { status: "completed" }, 40 * SECOND);
    const [stats] = statsOf([hooked, recovered(HOUR, 30 * MINUTE)], BASIS).operations;
    expect(stats?.pace).toEqual({ samples: 1, p50: 40 * SECOND, p99: 40 * SECOND, suggestedThresholds: null });
    expect(statsOf([recovered(HOUR, 30 * MINUTE)], BASIS).operations[0]?.pace).toBeNull();
    expect(statsOf([past(HOUR, { status: "completed" }, -1)], BASIS).operations[0]?.pace).toBeNull();
  });
});

describe("the pace", () => {
  it("proposes thresholds from 20 jobs on: p99 x 1.5, and p99 x 6 but no less than an hour", () => {
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

  it("never proposes less than what it rests on", () => {
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

  it("takes percentiles by nearest rank", () => {
    expect([0, 0.5, 0.95, 1].map((share) => percentile([4, 1, 3, 2], share))).toEqual([1, 2, 4, 4]);
    expect(percentile([], 0.5)).toBeNull();
  });
});
