import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import { failedLine, undoneLine } from "../../../../src/core/domain/notes.ts";
import { isReopenable, withEffectiveStart } from "../../../../src/core/sweep/list/finished-jobs.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, job, MINUTE, NOW, POLICY, SEGMENT } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { addControl } from "../../../support/sweep-world.ts";

const FIELD = "Voiceover + Video";
const ID = "recJob00000000001";
const NAME = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11_output_0.mp4";

function worldOf(over: Partial<Job> & { age?: number } = {}) {
  const base = new FakeBase([job(over)]);
  base.target("Segments", SEGMENT);
  const bucket = new FakeBucket();
  addControl({ base, bucket });
  return { base, bucket };
}

function fileIn(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
}

describe("a job that stuck-jobs failed", () => {
  const OURS = {
    status: "failed",
    notes: `Failed via polling at ${new Date(NOW - 2 * HOUR).toISOString()}: no output; … [stuck-jobs 0.1.0, run r]`,
  };
  const OLD = { status: "failed", notes: "Timed out via polling", age: 3 * HOUR };

  it.each([
    ["stuck-jobs failed", { ...OURS, age: 4 * HOUR }],
    ["the old poller failed", OLD],
  ])("is recovered when its output appears, where %s it", async (_, over) => {
    const { base, bucket } = worldOf(over);
    bucket.objects.set(NAME, 1000);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([
      { id: ID, verdict: { kind: "recover", reason: "late-output" }, applied: true },
    ]);
    expect(base.jobs.get(ID)?.status).toBe("completed");
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
  });

  it("stays failed and is not reported while its output is missing", async () => {
    const { base, bucket } = worldOf({ ...OURS, age: 4 * HOUR });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(base.jobs.get(ID)?.status).toBe("failed");
  });

  it.each([
    ["longer than maxAge ago", { ...OURS, age: 4 * HOUR }, { clock: stillClock(NOW + 23 * HOUR) }],
    ["while lateOutputs is off", { ...OURS, age: 4 * HOUR }, { lateOutputs: false }],
  ])("stays failed %s", async (_, over, run) => {
    const { base, bucket } = worldOf(over);
    bucket.objects.set(NAME, 1000);
    await sweep(runOf(base, bucket, run));
    expect(base.jobs.get(ID)?.status).toBe("failed");
  });

  it("stays failed where someone else failed it", async () => {
    const { base, bucket } = worldOf({ status: "failed", notes: "failed by the webhook" });
    bucket.objects.set(NAME, 1000);
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
  });

  it("is recovered however old its record is: what counts is when it was failed", async () => {
    const { base, bucket } = worldOf({ ...OURS, age: 300 * HOUR });
    bucket.objects.set(NAME, 1000);
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("completed");
  });

  it.each([
    ["writes its own error", { ...OURS, error: "ffmpeg died" }],
    ["fails it after it was completed", { status: "failed", notes: `${OURS.notes}\nCompleted via polling at …` }],
  ])("stays failed where another hand %s", async (_, over) => {
    const { base, bucket } = worldOf({ ...over, age: 4 * HOUR });
    bucket.objects.set(NAME, 1000);
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
    expect(fileIn(base)).toBeUndefined();
  });

  it("is listed by the days in which it was failed, and by the prefix alone where there are too many", async () => {
    const { base, bucket } = worldOf();
    await sweep(runOf(base, bucket));
    const thresholds = { ...POLICY.thresholds, maxAge: 40 * 24 * HOUR };
    await sweep(runOf(base, bucket, { policy: { ...POLICY, thresholds } }));
    expect(base.asked.map(({ revisit }) => revisit?.failed?.notes)).toEqual([
      ["Failed via polling at 2026-02-28", "Failed via polling at 2026-03-01"],
      ["Failed via polling at "],
    ]);
  });

  it("stays failed where someone else writes an error after it was listed", async () => {
    const { base, bucket } = worldOf({ ...OURS, error: "Set to failed by stuck-jobs", age: 4 * HOUR });
    bucket.objects.set(NAME, 1000);
    base.before = (request) => {
      if (request === "readJobs") base.edit(ID, { error: "ffmpeg died" });
    };
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
    expect(fileIn(base)).toBeUndefined();
  });

  it("stays as it is when it was set back to processing and failed by someone else meanwhile", async () => {
    const { base, bucket } = worldOf({ ...OURS, age: 4 * HOUR });
    bucket.objects.set(NAME, 1000);
    base.before = (request) => {
      if (request === "readJobs") base.edit(ID, { status: "completed", notes: "by hand" });
    };
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)).toMatchObject({ status: "completed", notes: "by hand" });
    expect(fileIn(base)).toBeUndefined();
  });
});

describe("a job that stuck-jobs had closed and that is open again", () => {
  const closed = (minutesAgo: number) =>
    `Failed via polling at ${new Date(NOW - minutesAgo * MINUTE).toISOString()}: no output [stuck-jobs 1, run r]`;

  it("counts from then on, not from its record's date", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(59) });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ age: 59 * MINUTE, verdict: { kind: "wait", reason: "output-pending" } }]);
    expect(base.jobs.get(ID)?.status).toBe("processing");
  });

  it("is failed when it was opened long enough ago, and the error says since when", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(61) });
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
    const said = "No output after 61 minutes (processing since 2026-03-01T10:59:00.000Z";
    expect(base.jobs.get(ID)).toMatchObject({ error: expect.stringContaining(said) });
  });

  it("counts from its record's date where its notes name no later time", async () => {
    const { base, bucket } = worldOf({ age: 30 * MINUTE, notes: closed(61) });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ age }) => age)).toEqual([30 * MINUTE]);
  });

  it("is left alone where another run closed it and a person started it again, after it was listed", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(61) });
    base.before = (request) => {
      if (request === "readJobs") base.edit(ID, { notes: `${closed(61)}\n${closed(0)}` });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ verdict }) => verdict.reason)).toEqual(["changed-meanwhile"]);
    expect(base.jobs.get(ID)?.status).toBe("processing");
  });
});

const BY = { runId: "run-1", version: "0.0.0" };

describe("a job whose run was undone", () => {
  const run = runOf(new FakeBase([]), new FakeBucket());
  const failed = failedLine({ probeGroups: [], providerReply: null, rule: "output-absent" }, NOW - HOUR, BY);
  const undone = undoneLine("run-1", NOW - MINUTE, { ...BY, runId: "run-2" });

  it("counts from when it was undone, not from its first run", () => {
    const counted = withEffectiveStart(job({ age: 9 * HOUR, notes: `${failed}\n${undone}` }), { reopened: false });
    expect(counted.since).toEqual({ kind: "at", at: NOW - MINUTE });
  });

  it("is not reopened when someone else fails it afterwards", () => {
    const ours = job({ status: "failed", notes: failed, error: null });
    expect(isReopenable(ours, run, NOW)).toBe(true);
    expect(isReopenable({ ...ours, notes: `${failed}\n${undone}` }, run, NOW)).toBe(false);
  });
});
