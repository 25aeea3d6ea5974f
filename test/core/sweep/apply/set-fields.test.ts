import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import type { Operation } from "../../../../src/core/domain/operation.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, MINUTE, POLICY } from "../../../support/builders.ts";
import { type FakeBase, type FakeBucket, runOf } from "../../../support/fakes.ts";
import { MemoryJournal } from "../../../support/journal.ts";
import { attached, oneJobWorld, swept } from "../../../support/one-job-world.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

const ZOOM: Operation = {
  ...COMBINE,
  name: "image_zoom",
  types: ["image_zoom"],
  attachment: "Video",
  deliver: { field: "Video", as: "attachment" },
  set: { Status: "Video Ready" },
  setFrom: { Status: ["Generating Video"] },
};

const SEGMENT = "recSegs0000000001";
const links = { Segments: [SEGMENT] };
const policy = {
  ...POLICY,
  operations: [{ ...COMBINE, setFrom: { Status: ["Combining Media", "Undefined"] } }, ZOOM],
};

function file(name: string) {
  return [{ url: `https://bucket.example/${name}` }];
}

/** An image_zoom job of 20 minutes with an output, for a segment with these fields. */
function zoomWorld(fields: Record<string, string | { url: string }[]>, others: readonly Job[] = []) {
  const world = worldOf([combine(1, { type: "image_zoom", age: 20 * MINUTE, links }), ...others]);
  world.bucket.objects.set("x1_output_0.mp4", 1);
  world.base.target("Segments", SEGMENT, fields);
  return world;
}

async function recoverAll({ base, bucket }: { base: FakeBase; bucket: FakeBucket }) {
  const { report } = await sweep(runOf(base, bucket, { policy }));
  return verdicts(report.entries);
}

function statusIn(base: FakeBase) {
  return base.targets.get("Segments")?.get(SEGMENT)?.fields.Status;
}

describe("the values of set, where the file was there already,", () => {
  it.each([
    ["are written where the field is blank", undefined, "combined"],
    ["are written where the field holds a value of setFrom", "Combining Media", "combined"],
    ["are left out where the field holds another value", "approved", "approved"],
  ])("%s", async (_, before, after) => {
    const { base, bucket } = worldOf([combine(1, { links })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const held = { [FIELD]: file("x1_output_0.mp4"), ...(before === undefined ? {} : { Status: before }) };
    base.target("Segments", SEGMENT, held);
    expect(await recoverAll({ base, bucket })).toEqual(["recover: output-found!"]);
    expect(statusIn(base)).toBe(after);
    expect(base.targets.get("Segments")?.get(SEGMENT)?.fields[FIELD]).toEqual(held[FIELD]);
  });

  it("are written where the field holds what an earlier run had found there", async () => {
    const { base, bucket } = worldOf([combine(1, { links })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", SEGMENT, { Status: "approved" });
    const journal = new MemoryJournal();
    // The run is stopped between target and job, and somebody puts the status back.
    base.refused.add("recJobs0000000001");
    await sweep(runOf(base, bucket, { policy, journal }));
    expect(statusIn(base)).toBe("combined");
    base.refused.clear();
    base.target("Segments", SEGMENT, { [FIELD]: file("x1_output_0.mp4"), Status: "approved" });
    const signature = { runId: "run-2", version: "0.0.0" };
    await sweep(runOf(base, bucket, { policy, journal, signature, force: true }));
    expect([statusIn(base), base.jobs.get("recJobs0000000001")?.status]).toEqual(["combined", "completed"]);
  });

  it("are written before the job, and the job waits where they are refused", async () => {
    const { base, bucket } = worldOf([combine(1, { links })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", SEGMENT, { [FIELD]: file("x1_output_0.mp4"), Status: "Undefined" });
    base.refused.add(SEGMENT);
    await recoverAll({ base, bucket });
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });
});

describe("the values of set that another operation has set", () => {
  const combined = { [FIELD]: file("x2_output_0.mp4"), Status: "combined" };

  it("stand where the file in the record is a newer job's", async () => {
    const newer = combine(2, { age: 10 * MINUTE, status: "completed", links });
    const { base, bucket } = zoomWorld(combined, [newer]);
    expect(await recoverAll({ base, bucket })).toEqual(["recover: output-found!"]);
    expect(statusIn(base)).toBe("combined");
    expect(base.targets.get("Segments")?.get(SEGMENT)?.fields.Video).toEqual(file("x1_output_0.mp4"));
  });

  it("stand where nobody knows whose file is in the record", async () => {
    const { base, bucket } = zoomWorld({ [FIELD]: file("by hand.mp4"), Status: "combined" });
    await recoverAll({ base, bucket });
    expect(statusIn(base)).toBe("combined");
  });

  it("give way where the file in the record is an older job's", async () => {
    const older = combine(2, { age: 40 * MINUTE, status: "completed", links });
    const { base, bucket } = zoomWorld(combined, [older]);
    await recoverAll({ base, bucket });
    expect(statusIn(base)).toBe("Video Ready");
  });

  it("stand against a late output, for which stuck-jobs had failed the job", async () => {
    const newer = combine(2, { age: 10 * MINUTE, status: "completed", links });
    const { base, bucket } = zoomWorld(combined, [newer]);
    base.edit("recJobs0000000001", {
      status: "failed",
      notes: "Failed via polling at 2026-03-01T11:45:00.000Z: no output",
      error: "Set to failed by stuck-jobs 0.0.0, run run-0, rule output-absent.",
    });
    expect(await recoverAll({ base, bucket })).toEqual(["recover: late-output!"]);
    expect(statusIn(base)).toBe("combined");
  });
});

describe("of two operations on one record", () => {
  it.each([
    ["image_zoom is the newer", 5.5 * MINUTE, "Video Ready"],
    ["combine is the newer", 30 * MINUTE, "combined"],
  ])("the newer job's set stands: %s", async (_, zoomAge, status) => {
    const world = worldOf([
      combine(1, { type: "image_zoom", age: zoomAge, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    world.bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
    world.base.target("Segments", SEGMENT, { Status: "Combining Media" });
    expect(await recoverAll(world)).toEqual(["recover: output-found!", "recover: output-found!"]);
    expect(statusIn(world.base)).toBe(status);
  });

  it("the older job's set is written where the newer's file has no space", async () => {
    const world = worldOf([combine(1, { type: "image_zoom", age: 5.5 * MINUTE, links }), combine(2, { links })]);
    world.bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
    world.base.target("Segments", SEGMENT, { Video: file("by hand.mp4"), Status: "Combining Media" });
    expect(await recoverAll(world)).toEqual(["recover: output-found!", "skip: target-occupied"]);
    expect(statusIn(world.base)).toBe("combined");
  });

  it.each([
    ["image_zoom is the newer", 5.5 * MINUTE, "Video Ready"],
    ["combine is the newer", 30 * MINUTE, "combined"],
  ])("the newer job's set stands whichever is found first: %s", async (_, zoomAge, status) => {
    for (const first of ["x1", "x2"]) {
      const world = worldOf([
        combine(1, { type: "image_zoom", age: zoomAge, links }),
        combine(2, { age: 10 * MINUTE, links }),
      ]);
      world.base.target("Segments", SEGMENT, { Status: "Combining Media" });
      world.bucket.objects.set(`${first}_output_0.mp4`, 1);
      await recoverAll(world);
      world.bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
      await recoverAll(world);
      expect(statusIn(world.base)).toBe(status);
    }
  });
});

it("set is not written a second time by a sweep that finds everything in place", async () => {
  const world = oneJobWorld();
  world.bucket.objects.set("x1_output_0.mp4", 1);
  world.base.after = (request) => (request === "updateTargets" ? "lost" : undefined);
  expect(await swept(world)).toEqual(["recover: output-found!"]);
  expect(world.base.log.filter((request) => request === "updateTargets")).toHaveLength(1);
  expect(attached(world.base)).toHaveLength(1);
});
