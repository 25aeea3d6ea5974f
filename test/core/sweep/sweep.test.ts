import { describe, expect, it } from "vitest";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE } from "../../support/builders.ts";
import { runOf } from "../../support/fakes.ts";
import { combine, FIELD, worldOf } from "../../support/sweep-world.ts";

const world = () => {
  const links = { Segments: ["recSegs0000000001"] };
  const made = worldOf([
    combine(1, { age: 30 * MINUTE, links }),
    combine(2, { links }),
    combine(3, { age: 2 * HOUR }),
    combine(4),
    combine(5, { externalId: null }),
    combine(6, { age: 30 * HOUR }),
    combine(7),
  ]);
  for (const n of [1, 2, 7]) made.bucket.objects.set(`x${n}_output_0.mp4`, n);
  made.base.target("Segments", "recSegs0000000007", { [FIELD]: [{ url: "https://bucket.example/other.mp4" }] });
  return made;
};

describe("a sweep", () => {
  it("asks for nothing but the listing when nothing is stuck", async () => {
    const { base, bucket } = worldOf([combine(1, { status: "completed" })]);
    const { report } = await sweep(runOf(base, bucket));
    expect(report.summary.stuck).toBe(0);
    expect([base.log, bucket.probed]).toEqual([["list"], []]);
  });

  it("that follows a sweep finds nothing more to do", async () => {
    const { base, bucket } = world();
    await sweep(runOf(base, bucket));
    const { report } = await sweep(runOf(base, bucket));
    expect([report.summary.recovered, report.summary.failed]).toEqual([0, 0]);
  });
});

describe("a dry run", () => {
  it("reports exactly what recover then does", async () => {
    const planned = world();
    const done = world();
    const [plan, act] = [
      await sweep(runOf(planned.base, planned.bucket, { dryRun: true })),
      await sweep(runOf(done.base, done.bucket)),
    ];
    const withoutApplied = (entries: typeof plan.report.entries) => entries.map(({ applied: _, ...entry }) => entry);
    expect(withoutApplied(plan.report.entries)).toEqual(withoutApplied(act.report.entries));
    expect(plan.report.summary).toEqual(act.report.summary);
    expect(act.report.summary).toEqual({
      stuck: 7,
      recovered: 2,
      failed: 1,
      waiting: 1,
      skipped: 3,
      unknown: 0,
      errors: 0,
    });
  });

  it.each([{ dryRun: true }, { command: "scan" }] as const)("or a scan writes nothing: %o", async (over) => {
    const { base, bucket } = world();
    await sweep(runOf(base, bucket, over));
    expect(base.log.filter((request) => request.startsWith("update"))).toEqual([]);
  });
});
