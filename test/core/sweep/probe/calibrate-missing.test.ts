import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { OLD, oneJobWorld, swept } from "../../../support/one-job-world.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

describe("calibration", () => {
  it("takes a 403 for unknown where nothing proves that it means missing", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    base.known = [];
    bucket.missing = "forbidden";
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: absence-unproven"]);
    expect(base.jobs.get("recJobs0000000001")?.status).toBe("processing");
  });

  it("takes a 403 for missing where an output seen in this sweep answers 200", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR }), combine(2)]);
    bucket.missing = "forbidden";
    bucket.objects.set("x2_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!", "recover: output-found!"]);
  });

  it("takes a 403 for missing where the newest completed job's output answers 200", async () => {
    const responsePayload = "{'output_url': 'https://bucket.example/x9_output_0.mp4'}";
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      combine(9, { status: "completed", responsePayload }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
    bucket.objects.delete("x9_output_0.mp4");
  });

  it("probes another known output where the first one was deleted", async () => {
    const completed = (n: number, over: object) =>
      combine(n, {
        status: "completed",
        responsePayload: `{'output_url': 'https://bucket.example/x${n}_output_0.mp4'}`,
        ...over,
      });
    const { base, bucket } = worldOf([
      combine(1, { age: 2 * HOUR }),
      completed(8, {}),
      completed(9, { age: 3 * HOUR }),
    ]);
    bucket.missing = "forbidden";
    bucket.objects.set("x9_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["fail: output-absent!"]);
  });

  it("fails nobody when the random key gets no usable answer", async () => {
    const { base, bucket } = worldOf([combine(1, { age: 2 * HOUR })]);
    bucket.objects.set("x1_output_0.mp4", "missing");
    bucket.missing = "unreachable";
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["unknown: answer-ambiguous"]);
  });

  it("probes a random key where requests are signed, too: a bucket may have every key", async () => {
    const world = oneJobWorld(OLD);
    world.bucket.signed = true;
    expect(await swept(world)).toEqual(["fail: output-absent!"]);
    const isRandom = (name: string) => /^[0-9a-f-]{36}_output_0\.mp4$/.test(name);
    expect(world.bucket.probed.filter(isRandom)).toHaveLength(1);
  });
});
