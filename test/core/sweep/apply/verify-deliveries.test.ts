import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { job, MINUTE, NOW, SEGMENT } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { FIELD } from "../../../support/sweep-world.ts";

const ID = "recJob00000000001";
const NEWER = "recJob00000000002";
const NAME = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11_output_0.mp4";

function deliveryWorld(over: Partial<Job> & { age?: number } = {}) {
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
  const { base, bucket } = deliveryWorld();
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

describe("a delivery of the last hour", () => {
  it.each(["dropped", "cut short"] as const)("is written once more where Airtable has %s the file", async (kept) => {
    const { base, bucket } = await completed(kept);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toMatchObject([
      { id: ID, verdict: { kind: "recover", reason: "delivery-retried" }, applied: true },
    ]);
    expect(fileIn(base)).toEqual([{ url: `https://bucket.example/${NAME}` }]);
    expect(base.jobs.get(ID)?.status).toBe("completed");
    expect(base.jobs.get(ID)?.notes).toContain("Delivery retried via polling at ");
  });

  it("is left alone where the file is there", async () => {
    const { base, bucket } = await completed("kept");
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(base.log).toEqual(["list", "readTargets"]);
  });

  it("is reported once when Airtable drops it a second time", async () => {
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

  it("is not verified after an hour", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { clock: stillClock(NOW + 61 * MINUTE) }));
    expect(report.entries).toEqual([]);
  });

  it("is not verified where the webhook completed the job", async () => {
    const { base, bucket } = deliveryWorld({
      status: "completed",
      responsePayload: `{'output_url': 'https://bucket.example/${NAME}'}`,
    });
    bucket.objects.set(NAME, 1000);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries).toEqual([]);
    expect(fileIn(base)).toBeUndefined();
  });

  it("is not verified where this very sweep wrote a newer job's file to the field", async () => {
    const { base, bucket } = await completed("dropped");
    base.jobs.set(NEWER, job({ id: NEWER, externalId: "newer", age: 6 * MINUTE }));
    bucket.objects.set("newer_output_0.mp4", 1000);
    // Airtable drops that one too, before the sweep verifies what was delivered earlier.
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

  it("is only reported in a dry run", async () => {
    const { base, bucket } = await completed("dropped");
    const { report } = await sweep(runOf(base, bucket, { dryRun: true }));
    expect(report.entries).toMatchObject([{ verdict: { reason: "delivery-retried" }, applied: false }]);
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});
