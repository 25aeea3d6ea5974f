import { describe, expect, it } from "vitest";
import { completedLine, FAILED_PREFIX } from "../../../src/core/domain/notes.ts";
import type { JournaledWrite } from "../../../src/core/ports/journal.ts";
import { readJournaledOutcomes } from "../../../src/core/stats/journal-outcomes.ts";
import { findUnlisted } from "../../../src/core/stats/journal-totals.ts";
import { statsOf } from "../../../src/core/stats/stats.ts";
import { HOUR, job, MINUTE, NOW, POLICY } from "../../support/builders.ts";

const BY = {
  stuckStatuses: ["processing"],
  completedStatus: "completed",
  failedStatus: "failed",
  policy: POLICY,
  since: NOW - 24 * HOUR,
  now: NOW,
};
const JOB = job({}).id;
const SINCE = NOW - 2 * HOUR;
const OUTPUT = { url: "https://b.example/a.mp4", bytes: 5, contentType: null, etag: null, lastModified: null };

function write(over: Partial<JournaledWrite> = {}, id = JOB): JournaledWrite {
  return {
    at: NOW - HOUR,
    run: "r1",
    command: "recover",
    role: "job",
    table: "Jobs",
    record: id,
    job: { id, externalId: "x", operation: "combine", since: SINCE },
    fields: { status: { before: "processing", after: "completed" } },
    reason: "output-found",
    supersededBy: null,
    undoes: null,
    possiblyApplied: true,
    confirmed: true,
    finished: true,
    ...over,
  };
}

const FAILED = write({
  at: NOW - 1.5 * HOUR,
  run: "r0",
  fields: { status: { before: "processing", after: "failed" } },
  reason: "output-absent",
});
const UNDONE = write({ at: NOW, run: "u1", undoes: "r1", fields: { status: { before: "completed", after: "" } } });

function counted(writes: readonly JournaledWrite[], over: Parameters<typeof job>[0], gone: readonly string[] = []) {
  const listed = gone.length > 0 ? [] : [{ job: job({ age: 2 * HOUR, ...over }), completedAt: NOW }];
  const outcomes = readJournaledOutcomes(writes, [], BY);
  return statsOf(listed, BY, { outcomes, runs: 1, gone: new Set(gone), unchecked: 0 });
}

describe("the journal in stats", () => {
  it("adds nothing where the record holds everything", () => {
    const notes = completedLine([OUTPUT], { probeGroups: [], providerReply: null, rule: "output-found" }, NOW - HOUR, {
      runId: "r1",
      version: "1",
    });
    const { total, journal } = counted([write()], { status: "completed", notes });
    expect([total.byPolling, journal?.completedByPolling, journal?.moments]).toEqual([1, 0, 0]);
  });

  it("adds the time of completion, and the earlier failure, where the record holds only the payload", () => {
    const responsePayload = '{"completed_via":"polling"}';
    const { recovery, lateOutputs, journal } = counted([FAILED, write()], { status: "completed", responsePayload });
    expect([recovery.p50, lateOutputs]).toEqual([HOUR, 1]);
    expect(journal).toMatchObject({ moments: 1, lateOutputs: 1, completedByPolling: 0 });
  });

  it("never contradicts the status of a job", () => {
    expect(counted([write()], { status: "processing" }).total).toMatchObject({ byPolling: 0, stuck: 1 });
    expect(counted([write()], { status: "failed", error: "e" }).total).toMatchObject({ failedByOthers: 1 });
    expect(counted([FAILED], { status: "completed" })).toMatchObject({ total: { byWebhook: 1 }, lateOutputs: 1 });
  });

  it("does not count what was undone, though the record still names the run", () => {
    const responsePayload = '{"completed_via":"polling","run_id":"r1"}';
    expect(counted([write(), UNDONE], { status: "completed", responsePayload }).total).toMatchObject({ byWebhook: 1 });
    expect(counted([write()], { status: "completed", responsePayload }).total).toMatchObject({ byPolling: 1 });
    const again = write({ at: NOW, run: "r2" });
    const { total, journal } = counted([write(), UNDONE, again], { status: "completed" });
    expect([total.byPolling, journal?.undone]).toEqual([1, 0]);
  });

  it("adds no completion or failure that the base never confirmed", () => {
    const lost = { confirmed: false };
    expect(counted([write(lost)], { status: "completed" }).total).toMatchObject({ byWebhook: 1 });
    expect(counted([{ ...FAILED, ...lost }], { status: "failed", error: "e" }).total).toMatchObject({
      failedByOthers: 1,
    });
    expect(counted([write({ possiblyApplied: false })], { status: "completed" }).total).toMatchObject({ byWebhook: 1 });
  });

  it("counts a deleted job as the base had confirmed it, under its operation and by its age", () => {
    const stats = counted([FAILED, write()], {}, [JOB]);
    expect(stats).toMatchObject({ total: { jobs: 1, byPolling: 1 }, lateOutputs: 1, journal: { gone: 1 } });
    expect(stats.operations).toMatchObject([{ operation: "combine", byPolling: 1, recovery: { p50: HOUR } }]);
    const never = counted([write({ confirmed: false })], {}, [JOB]);
    expect(never).toMatchObject({ total: { jobs: 0 }, journal: { gone: 0, unconfirmed: 1 } });
  });

  it("names the jobs to check: those that the base did not list and that were not undone", () => {
    const old = write({ job: { ...write().job, id: "recOld", since: NOW - 25 * HOUR } });
    const younger = { ...write({}, "recYounger"), job: { ...write().job, id: "recYounger", since: NOW - MINUTE } };
    const outcomes = readJournaledOutcomes([write(), old, younger], [], BY);
    expect(findUnlisted([], outcomes, BY)).toEqual(["recYounger", JOB]);
    expect(findUnlisted([{ job: job({}), completedAt: null }], outcomes, BY)).toEqual(["recYounger"]);
    expect(findUnlisted([], readJournaledOutcomes([write(), UNDONE], [], BY), BY)).toEqual([]);
  });

  it("does not replace the reason in the record", () => {
    const { total, failures } = counted([FAILED], {
      status: "failed",
      notes: `${FAILED_PREFIX}x rule provider-failed`,
    });
    expect([total.failedByPolling, failures[0]?.reason]).toEqual([1, "provider-failed"]);
  });
});
