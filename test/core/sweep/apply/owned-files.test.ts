import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { COMBINE, HOUR, MINUTE, NOW, POLICY } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** A job's file as Airtable holds it. */
function heldFile(n: number) {
  return { id: `att0000000000000${n}`, url: `https://bucket.example/x${n}_output_0.mp4` };
}

describe("recover, where the target holds another job's file,", () => {
  it.each([
    ["replaces the file of an older job where the operation says so", 2 * HOUR, "recover: output-found!"],
    ["never replaces the file of a newer job", 2 * MINUTE, "skip: target-occupied"],
  ])("%s", async (_, age, expected) => {
    const other = combine(2, { age, status: "completed", links: {} });
    const { base, bucket } = worldOf([combine(1), other]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ url: "https://bucket.example/x2_output_0.mp4" }] });
    const policy = { ...POLICY, operations: [{ ...COMBINE, onExisting: "replace" as const }] };
    const { report } = await sweep(runOf(base, bucket, { policy }));
    expect(verdicts(report.entries)).toEqual([expected]);
  });

  it.each(["skip", "replace", "append"] as const)(
    "closes the older of two jobs, with onExisting %s, after a sweep that delivered the newer was killed",
    async (onExisting) => {
      const newer = combine(2, { age: 10 * MINUTE, status: "completed", notes: "Completed via polling at …" });
      const { base, bucket } = worldOf([combine(1, { age: 30 * MINUTE }), newer]);
      bucket.objects.set("x1_output_0.mp4", 1);
      base.target("Segments", "recSegs0000000001", { [FIELD]: [heldFile(2)] });
      const policy = { ...POLICY, operations: [{ ...COMBINE, onExisting }] };
      const { report } = await sweep(runOf(base, bucket, { policy }));
      expect(verdicts(report.entries)).toEqual(["recover: superseded!"]);
      expect(base.jobs.get("recJobs0000000001")?.notes).toContain("superseded by job recJobs0000000002");
      expect(base.log).not.toContain("updateTargets");
    },
  );

  it.each([
    ["replaces that of a job of the same instant with a smaller id", 1, 2, "recover: output-found!"],
    ["closes a job after one of the same instant with a greater id", 2, 1, "recover: superseded!"],
  ])("%s", async (_, delivered, open, expected) => {
    const links = { Segments: ["recSegs0000000001"] };
    const notes = `Completed via polling at …: found x${delivered}_output_0.mp4 (HTTP 200, 1 bytes, attachment ${heldFile(delivered).id}); rule …`;
    const done = combine(delivered, { status: "completed", notes, links });
    const { base, bucket } = worldOf([combine(open, { links }), done]);
    bucket.objects.set(`x${open}_output_0.mp4`, 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [heldFile(delivered)] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([expected]);
  });

  it("never replaces the file of a newer job after an undo, from which the older one's age counts", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const undone = `Undone by stuck-jobs at ${new Date(NOW - 10 * MINUTE).toISOString()}: …`;
    const notes = `Completed via polling at …: found x2_output_0.mp4 (HTTP 200, 1 bytes, attachment ${heldFile(2).id}); rule …`;
    const newer = combine(2, { age: 30 * MINUTE, status: "completed", notes, links });
    const { base, bucket } = worldOf([combine(1, { age: 50 * MINUTE, notes: undone, links }), newer]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [heldFile(2)] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: superseded!"]);
  });

  it("closes all older jobs in one sweep after the job whose file is there", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const older = [1, 2, 3].map((n) => combine(n, { age: (40 - n) * MINUTE, links }));
    const delivered = combine(4, { status: "completed", notes: "Completed via polling at …", links });
    const { base, bucket } = worldOf([...older, delivered]);
    for (const n of [1, 2, 3]) bucket.objects.set(`x${n}_output_0.mp4`, 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [heldFile(4)] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: superseded!", "recover: superseded!", "recover: superseded!"]);
    for (const { id } of older) expect(base.jobs.get(id)?.notes).toContain("superseded by job recJobs0000000004");
  });

  it("delivers no older job's file where the newer one's has no space", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 30 * MINUTE }), combine(2)]);
    base.edit("recJobs0000000002", { links: { Segments: ["recSegs0000000001"] } });
    bucket.objects.set("x1_output_0.mp4", 1000).set("x2_output_0.mp4", 1000);
    const held = { id: "attTheirs", filename: "x1_output_0.mp4", url: "https://airtable.example/x", size: 400 };
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ id: held.id }] });
    base.files("recSegs0000000001", [held]);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: target-occupied", "skip: target-occupied"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it.each([
    ["the file that its notes name", "att00000000000002", "recover: superseded!"],
    ["another file of that name", "attElsewhere00001", "skip: target-occupied"],
  ])("takes the newer job's delivery for ours only with %s", async (_, noted, expected) => {
    const notes = `Completed via polling at …: found x2_output_0.mp4 (HTTP 200, 1 bytes, attachment ${noted}); rule …`;
    const newer = combine(2, { age: 10 * MINUTE, status: "completed", notes });
    const { base, bucket } = worldOf([combine(1, { age: 30 * MINUTE }), newer]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [heldFile(2)] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([expected]);
  });
});
