import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { MINUTE, POLICY } from "../../../support/builders.ts";
import { type FakeBucket, runOf, stillClock } from "../../../support/fakes.ts";
import { oneJobWorld } from "../../../support/one-job-world.ts";
import { combine, counted, FIELD, verdicts, worldOf } from "../../../support/sweep-world.ts";

/** A bucket whose named files never answer; the others do at once. */
function hanging(bucket: FakeBucket, names: readonly string[]) {
  const probe = bucket.probe.bind(bucket);
  return Object.assign(bucket, {
    probe: (url: string, signal?: AbortSignal) =>
      names.some((name) => url.endsWith(name))
        ? new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)))
        : probe(url),
  });
}

describe("recover, with several jobs for one target,", () => {
  it("delivers the newest, and closes the older with a note", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", 2);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "recover: superseded!"]);
    expect(base.targets.get("Segments")?.get("recSegs0000000001")?.fields[FIELD]).toEqual([
      { url: "https://bucket.example/x2_output_0.mp4" },
    ]);
    expect(base.jobs.get("recJobs0000000001")?.notes).toContain("superseded by job recJobs0000000002");
  });

  it.each([
    ["unreachable", "storage-unreachable"],
    ["suspect", "suspect-output"],
    ["redirected", "answer-ambiguous"],
  ] as const)("does not deliver an older file while the probe for the newer job is %s", async (answer, reason) => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", answer);
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual([`unknown: ${reason}`, "wait: newer-job-undecided"]);
    expect(base.log).not.toContain("updateTargets");
  });

  it("does not deliver an older file while the newer job has no output yet", async () => {
    const links = { Segments: ["recSegs0000000001"] };
    const { base, bucket } = worldOf([
      combine(1, { age: 30 * MINUTE, links }),
      combine(2, { age: 10 * MINUTE, links }),
    ]);
    bucket.objects.set("x1_output_0.mp4", 1).set("x2_output_0.mp4", "forbidden");
    const { report } = await sweep(runOf(base, bucket));
    expect(verdicts(report.entries)).toEqual(["wait: newer-job-undecided", "wait: output-not-visible"]);
  });
});

describe("recover", () => {
  it.each([
    [1, { list: 1, readJobs: 5, readTargets: 5, updateTargets: 5, updateJobs: 5 }],
    [2, { list: 1, readJobs: 2, readTargets: 2, updateTargets: 5, updateJobs: 5 }],
    [4, { list: 1, readJobs: 1, readTargets: 1, updateTargets: 5, updateJobs: 5 }],
  ])(
    "reads no more jobs at once than it can write before the read is stale: at %s requests a second",
    async (rate, costs) => {
      const { base, bucket } = worldOf(Array.from({ length: 50 }, (_, n) => combine(n)));
      for (let n = 0; n < 50; n += 1) bucket.objects.set(`x${n}_output_0.mp4`, 1);
      const clock = stillClock();
      base.before = () => {
        clock.at += 1000 / rate;
      };
      const { report } = await sweep(runOf(base, bucket, { clock, requestsPerSecond: rate }));
      expect(report.summary).toMatchObject({ recovered: 50, errors: 0 });
      const [, ...asked] = base.log;
      expect(counted(asked)).toEqual(costs);
    },
  );

  it("does not wait for the outputs of a storage that hangs", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2)]);
    bucket.objects.set("x2_output_0.mp4", 1);
    const [start, reads] = [new AbortController(), new AbortController()];
    const never = new AbortController().signal;
    base.after = (request) => {
      // The other job is done by now, although the first still hangs: the deadline may come.
      if (request === "updateJobs") setImmediate(() => reads.abort(new Error("the deadline")));
      return undefined;
    };
    const limits = { listing: never, start: start.signal, reads: reads.signal, writes: never };
    const { report } = await sweep(runOf(base, hanging(bucket, ["x1_output_0.mp4"]), { limits }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "unknown: storage-unreachable"]);
  });

  it("completes jobs of every status that is configured as stuck", async () => {
    const world = oneJobWorld({ status: "webhook_error" });
    world.bucket.objects.set("x1_output_0.mp4", 10);
    const policy = { ...POLICY, stuckStatuses: ["processing", "webhook_error"] };
    const { report } = await sweep(runOf(world.base, world.bucket, { policy }));
    expect(report.summary.recovered).toBe(1);
  });
});
