import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE, named, SEGMENT } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { attached, jobIn, oneJobWorld, swept } from "../../../support/one-job-world.ts";
import { combine, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** One output in three files. */
const outputs = [0, 1, 2].map((n) => ({ ...named(`{externalId}_output_${n}.mp4`), all: true }));

describe("recover writes", () => {
  it("the output to the target, then completes the job", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1234);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields).toEqual({
      [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }],
      Status: "combined",
    });
    const done = base.jobs.get("recJobs0000000001");
    expect(done?.status).toBe("completed");
    expect(JSON.parse(done?.responsePayload ?? "")).toEqual({
      output_url: "https://bucket.example/x1_output_0.mp4",
      completed_via: "polling",
      run_id: "run-1",
    });
    expect(done?.notes).toMatch(/^Completed via polling at 2026-03-01T12:00:00.000Z.*1234 bytes.*run run-1/);
    expect(base.log).toEqual(["list", "list", "readJobs", "readTargets", "updateTargets", "updateJobs"]);
  });

  it("a line to the notes, and keeps those that are there", async () => {
    const { base, bucket } = worldOf([combine(1, { notes: "x".repeat(5_000) })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    await sweep(runOf(base, bucket));
    expect(base.jobs.get("recJobs0000000001")?.notes.split("\n")).toEqual([
      "x".repeat(5_000),
      expect.stringMatching(/^Completed via polling/),
    ]);
  });

  it("only the job where the target holds this very file already", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const held = [{ url: "https://elsewhere.example/x1_output_0.mp4" }];
    base.target("Segments", "recSegs0000000001", { [FIELD]: held, Status: "combined" });
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it("all files of an output in their order", async () => {
    const world = oneJobWorld();
    for (const n of [0, 1, 2]) world.bucket.objects.set(`x1_output_${n}.mp4`, 10 + n);
    expect(await swept(world, { outputs })).toEqual(["recover: output-found!"]);
    expect(attached(world.base)).toEqual([0, 1, 2].map((n) => ({ url: `https://bucket.example/x1_output_${n}.mp4` })));
    expect(JSON.parse(jobIn(world.base)?.responsePayload ?? "")).toMatchObject({
      output_url: "https://bucket.example/x1_output_0.mp4",
      output_urls: [0, 1, 2].map((n) => `https://bucket.example/x1_output_${n}.mp4`),
    });
    expect(jobIn(world.base)?.notes).toContain("x1_output_2.mp4 (HTTP 200, 12 bytes");
  });

  it("the files of an output that are missing, and keeps those that are there already", async () => {
    const world = oneJobWorld();
    for (const n of [0, 1, 2]) world.bucket.objects.set(`x1_output_${n}.mp4`, 10 + n);
    world.base.target("Segments", SEGMENT, { [FIELD]: [{ url: "https://bucket.example/x1_output_0.mp4" }] });
    world.base.files(SEGMENT, [
      { id: "attA", filename: "x1_output_0.mp4", url: "https://airtable.example/1", size: 10 },
    ]);
    await swept(world, { outputs });
    expect(attached(world.base)).toEqual([
      { id: "attA" },
      { url: "https://bucket.example/x1_output_1.mp4" },
      { url: "https://bucket.example/x1_output_2.mp4" },
    ]);
  });

  it("signed URLs for a private bucket to the attachment, and nowhere else", async () => {
    const world = oneJobWorld();
    world.bucket.signed = true;
    world.bucket.objects.set("x1_output_0.mp4", 10);
    await swept(world);
    expect(JSON.stringify(attached(world.base))).toContain("X-Amz-Signature");
    expect(JSON.stringify(jobIn(world.base))).not.toContain("X-Amz-Signature");
  });

  it("fifty at a time, ten a request", async () => {
    const jobs = Array.from({ length: 60 }, (_, n) => combine(n));
    const { base, bucket } = worldOf(jobs);
    for (const { externalId } of jobs) bucket.objects.set(`${externalId}_output_0.mp4`, 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary.recovered).toBe(60);
    const times = (name: string) => base.log.filter((request) => request === name).length;
    expect(["readJobs", "readTargets", "updateTargets", "updateJobs"].map(times)).toEqual([2, 2, 6, 6]);
  });
});

describe("recover, when an answer is lost,", () => {
  it.each(["updateTargets", "updateJobs"])(
    "reads whether %s was carried out, and writes nothing twice",
    async (lost) => {
      const { base, bucket } = worldOf([combine(1)]);
      bucket.objects.set("x1_output_0.mp4", 1);
      let losses = 0;
      base.after = (request) => (request === lost && losses++ === 0 ? "lost" : undefined);
      const { report } = await sweep(runOf(base, bucket));
      expect(verdicts(report.entries)).toEqual(["recover: output-found!"]);
      expect(base.log.filter((request) => request === lost)).toHaveLength(1);
      expect(base.jobs.get("recJobs0000000001")?.notes.match(/Completed via polling/g)).toHaveLength(1);
    },
  );

  it.each([
    ["with a file", 10 * MINUTE, "recover: output-found!"],
    ["without one", 2 * HOUR, "fail: output-absent!"],
  ])("reads whether the last of four writes of a job %s was carried out", async (kind, age, expected) => {
    const { base, bucket } = worldOf([combine(1, { age })]);
    if (kind === "with a file") bucket.objects.set("x1_output_0.mp4", 1);
    const before = base.jobs.get("recJobs0000000001");
    let writes = 0;
    base.after = (request) => {
      if (request !== "updateJobs") return undefined;
      writes += 1;
      // The first three never reached the base.
      if (writes < 4 && before !== undefined) base.edit(before.id, before);
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([expected]);
    expect(report.entries.map(({ error }) => error)).toEqual([null]);
    expect(writes).toBe(4);
  });

  it.each([
    ["with a file", 10 * MINUTE],
    ["without one", 2 * HOUR],
  ])("reports the error of a job %s that was written four times without an answer", async (kind, age) => {
    const { base, bucket } = worldOf([combine(1, { age })]);
    if (kind === "with a file") bucket.objects.set("x1_output_0.mp4", 1);
    const before = base.jobs.get("recJobs0000000001");
    base.after = (request) => {
      if (request !== "updateJobs") return undefined;
      if (before !== undefined) base.edit(before.id, before);
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(report.entries.map(({ applied, error }) => [applied, error])).toEqual([[false, "the answer was lost"]]);
    expect(base.log.filter((request) => request === "updateJobs")).toHaveLength(4);
  });
});
