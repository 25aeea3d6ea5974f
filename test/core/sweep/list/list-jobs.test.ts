import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, MINUTE, NOW, POLICY } from "../../../support/builders.ts";
import { runOf } from "../../../support/fakes.ts";
import { oneJobWorld } from "../../../support/one-job-world.ts";
import { combine, verdicts, worldOf } from "../../../support/sweep-world.ts";

describe("the listing", () => {
  it("starts again with Airtable's time where this machine's is far off, and notes are dated by it", async () => {
    const { base, bucket } = worldOf([combine(1)]);
    bucket.objects.set("x1_output_0.mp4", 1);
    base.skewMs = 2 * HOUR;
    const warnings: string[] = [];
    const observer = {
      stage() {},
      listed() {},
      probed() {},
      async jobDone() {},
      warn: (text: string) => void warnings.push(text),
    };
    const { report } = await sweep(runOf(base, bucket, { observer }));
    expect(report.entries.map(({ age }) => age)).toEqual([2 * HOUR + 10 * MINUTE]);
    expect(base.asked.map(({ before }) => before)).toEqual([NOW - 5 * MINUTE, NOW + 2 * HOUR - 5 * MINUTE]);
    const noted = new Date(NOW + 2 * HOUR).toISOString();
    expect(base.jobs.get("recJobs0000000001")?.notes).toContain(`Completed via polling at ${noted}`);
    expect(warnings).toEqual([expect.stringContaining("7200 s behind Airtable's")]);
  });

  it("takes the oldest with --limit, and reports that there are more", async () => {
    const jobs = [combine(1, { age: 10 * MINUTE }), combine(2, { age: 30 * MINUTE }), combine(3, { age: 20 * MINUTE })];
    const { base, bucket } = worldOf(jobs);
    for (const { externalId } of jobs) bucket.objects.set(`${externalId}_output_0.mp4`, 1);
    const { report } = await sweep(runOf(base, bucket, { limit: 1 }));
    expect(report.entries.map(({ externalId }) => externalId)).toEqual(["x2"]);
    expect(report.truncated).toBe(true);
  });

  it("does not count jobs that stuck-jobs has failed against --limit", async () => {
    const failed = [1, 2, 3].map((n) =>
      combine(n, {
        status: "failed",
        age: 3 * HOUR,
        notes: "Failed via polling at 2026-03-01T11:50:00.000Z: no output",
      }),
    );
    const { base, bucket } = worldOf([...failed, combine(4), combine(5)]);
    bucket.objects.set("x4_output_0.mp4", 1);
    const { report } = await sweep(runOf(base, bucket, { limit: 2 }));
    expect(verdicts(report.entries)).toEqual(["recover: output-found!", "wait: output-pending"]);
    expect(report.truncated).toBe(false);
  });

  it("takes a pending job for stuck only once it was sent to its worker", async () => {
    const policy = { ...POLICY, stuckStatuses: ["processing", "pending"] };
    const sent = oneJobWorld({ status: "pending", age: 10 * MINUTE });
    expect((await sweep(runOf(sent.base, sent.bucket, { policy }))).report.summary.stuck).toBe(1);
    const notSent = oneJobWorld({ status: "pending", externalId: null });
    expect((await sweep(runOf(notSent.base, notSent.bucket, { policy }))).report.summary.stuck).toBe(0);
  });

  it("leaves out a job whose external id was corrected while the pages of --job were listed", async () => {
    const { base, bucket } = worldOf([combine(1), combine(2, { age: 2 * HOUR })]);
    const named = ["x1", "x7"];
    base.edit("recJobs0000000002", { externalId: "x8" });
    const { report } = await sweep(runOf(base, bucket, { named }));
    expect(report.entries.map(({ externalId }) => externalId)).toEqual(["x1"]);
  });
});
