import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, job, MINUTE, NOW, POLICY, SEGMENT } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";

const FIELD = "Voiceover + Video";
const ID = "recJob00000000001";
const NEWER = "recJob00000000002";
const NAME = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11_output_0.mp4";

function worldOf(over: Partial<Job> & { age?: number } = {}) {
  const base = new FakeBase([job(over)]);
  base.target("Segments", SEGMENT);
  const bucket = new FakeBucket();
  return { base, bucket };
}

function fileIn(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD];
}

/** A sweep that completed the job a while ago, after which Airtable dropped the file, or kept it. */
async function completed(kept: "kept" | "dropped" | "cut short") {
  const { base, bucket } = worldOf();
  bucket.objects.set(NAME, 1000);
  await sweep(runOf(base, bucket));
  expect(base.jobs.get(ID)?.status).toBe("completed");
  const size = { kept: 1000, dropped: 0, "cut short": 400 }[kept];
  base.files(
    SEGMENT,
    kept === "dropped" ? [] : [{ id: "att1", filename: NAME, url: "https://airtable.example/x", size }],
  );
  base.log.length = 0;
  return { base, bucket };
}

describe("a delivery is looked at again", () => {
  it.each(["dropped", "cut short"] as const)("and written once more where Airtable %s the file", async (kept) => {
    const { base, bucket } = await completed(kept);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([
      { id: ID, verdict: { kind: "recover", reason: "delivery-retried" }, applied: true },
    ]);
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
    expect(base.jobs.get(ID)?.status).toBe("completed");
    expect(base.jobs.get(ID)?.notes).toContain("Delivery retried via polling at ");
  });

  it("and left alone where the file is there", async () => {
    const { base, bucket } = await completed("kept");
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(base.log).toEqual(["list", "readTargets"]);
  });

  it("and told, once, when Airtable drops it a second time", async () => {
    const { base, bucket } = await completed("dropped");
    await sweep(runOf(base, bucket));
    base.files(SEGMENT, []);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: ID, verdict: { kind: "skip", reason: "delivery-failed" } }]);
    const notes = base.jobs.get(ID)?.notes;
    expect(notes?.split("\n").filter((line) => line.startsWith("Delivery failed via polling at "))).toHaveLength(1);
    const { report: third } = await sweep(runOf(base, bucket));
    expect(third.entries).toEqual([]);
    expect(base.jobs.get(ID)?.notes).toBe(notes);
  });

  it("but not after an hour", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { clock: stillClock(NOW + 61 * MINUTE) }));
    expect(report.entries).toEqual([]);
  });

  it("but not where the webhook completed the job", async () => {
    const { base, bucket } = worldOf({
      status: "completed",
      responsePayload: `{'output_url': 'https://bucket.example/${NAME}'}`,
    });
    bucket.objects.set(NAME, 1000);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(fileIn(base)).toBeUndefined();
  });

  it("but not where this very sweep gave the field a newer job's file", async () => {
    const { base, bucket } = await completed("dropped");
    base.jobs.set(NEWER, job({ id: NEWER, externalId: "newer", age: 6 * MINUTE }));
    bucket.objects.set("newer_output_0.mp4", 1000);
    // Airtable drops that one too, before the sweep comes to look at what was delivered earlier.
    base.after = (request) => {
      if (request === "updateTargets") base.files(SEGMENT, []);
      return undefined;
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ id: NEWER, verdict: { reason: "output-found" }, applied: true }]);
    const { report: next } = await sweep(runOf(base, bucket));
    expect(next.entries).toMatchObject([{ id: NEWER, verdict: { reason: "delivery-retried" }, applied: true }]);
    expect(fileIn(base)).toEqual([{ url: "https://bucket.example/newer_output_0.mp4" }]);
  });

  it("and only told in a dry run", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { dryRun: true }));
    expect(report.entries).toMatchObject([{ verdict: { reason: "delivery-retried" }, applied: false }]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});

describe("a job that polling failed", () => {
  const OURS = {
    status: "failed",
    notes: `Failed via polling at ${new Date(NOW - 2 * HOUR).toISOString()}: no output; … [stuck-jobs 0.1.0, run r]`,
  };
  const OLD = { status: "failed", notes: "Timed out via polling", age: 3 * HOUR };

  it.each([
    ["this tool failed", { ...OURS, age: 4 * HOUR }],
    ["the old poller failed", OLD],
  ])("is recovered when its output turns up, where %s it", async (_, over) => {
    const { base, bucket } = worldOf(over);
    bucket.objects.set(NAME, 1000);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([
      { id: ID, verdict: { kind: "recover", reason: "late-output" }, applied: true },
    ]);
    expect(base.jobs.get(ID)?.status).toBe("completed");
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
  });

  it("stays failed, and unsaid, while its output is missing", async () => {
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

  it("stays failed where another hand failed it", async () => {
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

  it("is asked for by the days in which it was failed, and by a mark without them where there are too many", async () => {
    const { base, bucket } = worldOf();
    await sweep(runOf(base, bucket));
    const thresholds = { ...POLICY.thresholds, maxAge: 40 * 24 * HOUR };
    await sweep(runOf(base, bucket, { policy: { ...POLICY, thresholds } }));
    expect(base.asked.map(({ revisit }) => revisit?.failed?.notes)).toEqual([
      ["Failed via polling at 2026-02-28", "Failed via polling at 2026-03-01"],
      ["Failed via polling at "],
    ]);
  });

  it("stays failed where another hand writes its own error after it was listed", async () => {
    const { base, bucket } = worldOf({ ...OURS, error: "Set to failed by stuck-jobs", age: 4 * HOUR });
    bucket.objects.set(NAME, 1000);
    base.before = (request) => {
      if (request === "readJobs") base.edit(ID, { error: "ffmpeg died" });
    };
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
    expect(fileIn(base)).toBeUndefined();
  });

  it("stays as it is when it was set back to processing and failed by another hand meanwhile", async () => {
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

describe("a job that polling had closed and that is open again", () => {
  const closed = (minutesAgo: number) =>
    `Failed via polling at ${new Date(NOW - minutesAgo * MINUTE).toISOString()}: no output [stuck-jobs 1, run r]`;

  it("counts from then on, not from its record's date", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(59) });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([{ age: 59 * MINUTE, verdict: { kind: "wait", reason: "output-pending" } }]);
    expect(base.jobs.get(ID)?.status).toBe("processing");
  });

  it("is failed when that is long enough ago, and the error says since when", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(61) });
    await sweep(runOf(base, bucket));
    expect(base.jobs.get(ID)?.status).toBe("failed");
    const said = "No output after 61 minutes (processing since 2026-03-01T10:59:00.000Z";
    expect(base.jobs.get(ID)).toMatchObject({ error: expect.stringContaining(said) });
  });

  it("counts from its record's date where its notes tell of nothing later", async () => {
    const { base, bucket } = worldOf({ age: 30 * MINUTE, notes: closed(61) });
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ age }) => age)).toEqual([30 * MINUTE]);
  });

  it("is left alone where another run closed it, and a person began it again, after it was listed", async () => {
    const { base, bucket } = worldOf({ age: 30 * HOUR, notes: closed(61) });
    base.before = (request) => {
      if (request === "readJobs") base.edit(ID, { notes: `${closed(61)}\n${closed(0)}` });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ verdict }) => verdict.reason)).toEqual(["changed-meanwhile"]);
    expect(base.jobs.get(ID)?.status).toBe("processing");
  });
});
