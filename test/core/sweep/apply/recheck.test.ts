import { describe, expect, it } from "vitest";
import { TableRefused, UpstreamError } from "../../../../src/core/ports/errors.ts";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { named, SEGMENT } from "../../../support/builders.ts";
import { runOf, stillClock } from "../../../support/fakes.ts";
import { oneJobWorld, swept } from "../../../support/one-job-world.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

describe("recover leaves a job alone", () => {
  it("that the webhook completed between listing and writing", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.before = (request) => {
      if (request === "readJobs") base.edit("recJobs0000000001", { status: "completed", notes: "by webhook" });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.notes).toBe("by webhook");
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields).toEqual({});
  });

  it.each(["status", "externalId", "links"] as const)("whose %s changed meanwhile", async (field) => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const changes = { status: "webhook_error", externalId: "other", links: { Segments: ["recSegs0000000009"] } };
    base.before = (request) => {
      if (request === "readJobs") base.edit("recJobs0000000001", { [field]: changes[field] });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.log).not.toContain("updateJobs");
  });

  it("that was deleted meanwhile, and does not count it as an error", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.before = (request) => {
      if (request === "readJobs") base.jobs.delete("recJobs0000000001");
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(report.summary.errors).toBe(0);
  });

  it("whose date was changed meanwhile, since a person runs it again", async () => {
    const world = oneJobWorld();
    world.bucket.objects.set("x1_output_0.mp4", 10);
    world.base.before = (request) => {
      if (request === "readJobs") world.base.edit("recJob00000000001", { since: { kind: "at", at: Date.now() } });
    };
    expect(await swept(world)).toEqual(["skip: changed-meanwhile"]);
  });

  it("whose output is named by a field that was changed meanwhile", async () => {
    const world = oneJobWorld({ fields: { Customer: "Acme" } });
    world.bucket.objects.set("Acme/x1.mp4", 10);
    world.base.before = (request) => {
      if (request === "readJobs") world.base.edit("recJob00000000001", { fields: { Customer: "Beta" } });
    };
    expect(await swept(world, { outputs: [named("{field.Customer}/{externalId}.mp4")] })).toEqual([
      "skip: changed-meanwhile",
    ]);
    expect(world.base.log).not.toContain("updateTargets");
  });

  it("whose target holds a file of the same name that only its folder would bind to the job", async () => {
    const world = oneJobWorld();
    world.bucket.objects.set("x1/final.mp4", 10);
    const file = { id: "att1", filename: "final.mp4", url: "https://bucket.example/x0/final.mp4", size: 7 };
    world.base.files(SEGMENT, [file]);
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: file.url }] });
    const outputs = [named("{externalId}/final.mp4")];
    expect(await swept(world, { outputs })).toEqual(["skip: target-occupied"]);
    world.base.files(SEGMENT, [{ ...file, size: 10 }]);
    expect(await swept(world, { outputs })).toEqual(["recover: output-found!"]);
  });

  it("whose target was deleted", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.targets.clear();
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: target-missing"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("whose target holds another file", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001", { [FIELD]: [{ url: "https://bucket.example/other.mp4" }] });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: target-occupied"]);
    expect(base.log).not.toContain("updateTargets");
  });
});

describe("the guard read", () => {
  it("finds the target in a link field that the listing leaves out", async () => {
    const unlinked = combine(1, { links: {} });
    const { base, bucket } = worldOf([unlinked]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.target("Segments", "recSegs0000000001");
    base.before = (request) => {
      if (request === "readJobs") base.edit(unlinked.id, { links: { "Related Segment Video": ["recSegs0000000001"] } });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
  });

  it("is repeated where the answer about jobs is old when the one about targets comes", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const clock = stillClock();
    const readJobs = base.readJobs.bind(base);
    base.readJobs = async (ids) => {
      if (base.log.filter((request) => request === "readJobs").length > 0) return await readJobs(ids);
      const jobs = await readJobs(ids);
      await new Promise(setImmediate);
      clock.at += 6_000;
      return jobs;
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.log.filter((request) => request === "readTargets")).toHaveLength(2);
    expect(base.log.slice(-4)).toEqual(["readJobs", "readTargets", "updateTargets", "updateJobs"]);
  });

  it("reports a job that was changed, even where the table of its target is refused", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.readTargets = async () => {
      base.edit("recJobs0000000001", { status: "completed" });
      throw new TableRefused("Segments", new UpstreamError("config", "no such table"));
    };
    const readJobs = base.readJobs.bind(base);
    base.readJobs = async (ids) => {
      await new Promise(setImmediate);
      return await readJobs(ids);
    };
    const { report, fault } = await sweep(runOf(base, bucket));
    expect([verdicts(report.entries), fault]).toEqual([["skip: changed-meanwhile"], null]);
  });
});
