import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, NOW, POLICY } from "../../../support/builders.ts";
import { runOf, stillClock } from "../../../support/fakes.ts";
import { jobIn, OLD, oneJobWorld, swept } from "../../../support/one-job-world.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

describe("a job is failed", () => {
  it("when it is past failAfter and its output answers 404, as a random key does", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(base.jobs.get("recJobs0000000001")).toMatchObject({
      status: "failed",
      notes: expect.stringMatching(/^Failed via polling at .*x1_output_0.mp4: HTTP 404.*run run-1/),
    });
    expect(base.log).toEqual(["list", "readTargets", "listCompleted", "readJobs", "updateJobs"]);
  });

  it("with one note although the answer was lost", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    let losses = 0;
    base.after = () => (losses++ === 0 ? "lost" : undefined);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(base.jobs.get("recJobs0000000001")?.notes.match(/Failed via polling/g)).toHaveLength(1);
  });

  it("and reported so when the answer was lost, in a base without notes", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    let losses = 0;
    base.after = () => {
      base.edit("recJobs0000000001", { notes: "" });
      return losses++ === 0 ? "lost" : undefined;
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("and reported so when the answer was lost and the storage cannot be reached any more", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = stillClock();
    base.after = () => {
      clock.at += 11_000;
      bucket.missing = "unreachable";
      return "lost";
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("failed");
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("only after another probe, when the first one is too old", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = stillClock();
    const probe = bucket.probe.bind(bucket);
    bucket.probe = async (url) => {
      if (bucket.probed.length === 0) clock.at += 11_000;
      return await probe(url);
    };
    const { report } = await sweep(runOf(base, bucket, { clock }));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    expect(bucket.probed.filter((name) => name === "x1_output_0.mp4")).toHaveLength(2);
  });

  it("only after other names were probed again, when the first probes are too old", async () => {
    const { base, bucket } = oneJobWorld(OLD);
    const otherNames = ["{externalId}_captioned.mp4"];
    const clock = { at: NOW, now: () => clock.at, sleep: async () => undefined };
    const probe = bucket.probe.bind(bucket);
    let last = 0;
    bucket.probe = async (url) => {
      const result = await probe(url);
      if (!url.endsWith("_captioned.mp4")) return result;
      last += 1;
      if (last === 1) {
        clock.at += 11_000;
        bucket.objects.set("x1_captioned.mp4", 10);
      }
      return result;
    };
    expect(await swept({ base, bucket }, {}, { otherNames, clock })).toEqual(["unknown: output-under-another-name"]);
    bucket.objects.delete("x1_captioned.mp4");
    clock.at += HOUR;
    last = 0;
    bucket.probe = async (url) => {
      if (url.endsWith("_captioned.mp4") && last++ === 0) clock.at += 11_000;
      return await probe(url);
    };
    expect(await swept({ base, bucket }, {}, { otherNames, clock })).toEqual(["fail: output-absent!"]);
    expect(jobIn(base)?.notes).toContain("x1_output_0.mp4: HTTP 404; x1_captioned.mp4: HTTP 404");
  });
});

describe("a job is not failed", () => {
  it("when its output appeared after the listing", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    const clock = runOf(base, bucket).clock;
    const slow = { ...runOf(base, bucket), clock: { ...clock, now: () => slowNow } };
    let slowNow = clock.now();
    const probe = bucket.probe.bind(bucket);
    bucket.probe = async (url) => {
      const result = await probe(url);
      if (!url.includes("x1_")) {
        slowNow += 11_000;
        bucket.objects.set("x1_output_0.mp4", 1);
      }
      return result;
    };
    const { report } = await sweep(slow);
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("when it changed right before the write", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    base.before = (request) => {
      if (request === "readJobs") base.edit("recJobs0000000001", { status: "completed" });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["skip: changed-meanwhile"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("completed");
  });

  it.each([
    ["opened before", 0, "skip: changed-meanwhile"],
    ["closed after", 2, "unknown: absence-unproven"],
  ])("when the bucket was %s the known output was seen, and answers 403", async (_, closedAt, verdict) => {
    const responsePayload = "{'output_url': 'https://bucket.example/x9_output_0.mp4'}";
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      combine(9, { status: "completed", responsePayload }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("x1_output_0.mp4", 1).set("x9_output_0.mp4", 1);
    const probe = bucket.probe.bind(bucket);
    // The first look is at the job's own output, the second at a random key, the third at the known one.
    bucket.probe = async (url) => {
      const n = bucket.probed.length;
      const result = await probe(url);
      if (n !== 0 && (closedAt === 0 || n <= closedAt)) return result;
      return { result: "unknown", url, detail: "HTTP 403", cause: "forbidden" };
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([verdict]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("by fail-old when it has an output, which is reported", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 48 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", 1);
    const run = runOf(base, bucket, { command: "fail-old", policy: { ...POLICY, mode: "fail" } });
    const { report } = await sweep(run);
    expect(verdicts(report.entries)).toEqual(["skip: output-exists"]);
    expect(base.log).toEqual(["list"]);
  });
});
