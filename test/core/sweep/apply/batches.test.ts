import { describe, expect, it } from "vitest";
import { sweep } from "../../../../src/core/sweep/sweep.ts";
import { HOUR, job, MINUTE } from "../../../support/builders.ts";
import { FakeBase, FakeBucket, runOf } from "../../../support/fakes.ts";
import { addControl } from "../../../support/sweep-world.ts";

const idOf = (n: number) => `recJob0000000000${n}`;

/** Four stuck jobs, of which the base refuses the third: with a file each, or expired and without one. */
function worldOf(kind: "with a file" | "without one") {
  const jobs = [1, 2, 3, 4].map((n) =>
    job({
      id: idOf(n),
      externalId: `x${n}`,
      age: kind === "without one" ? 2 * HOUR : 10 * MINUTE,
      links: { Segments: [`recSegment000000${n}`] },
    }),
  );
  const base = new FakeBase(jobs);
  const bucket = new FakeBucket();
  addControl({ base, bucket });
  for (const n of [1, 2, 3, 4]) {
    base.target("Segments", `recSegment000000${n}`);
    if (kind === "with a file") bucket.objects.set(`x${n}_output_0.mp4`, 1000);
  }
  base.refused.add(idOf(3));
  return { base, bucket };
}

describe.each([
  ["with a file", "completed"],
  ["without one", "failed"],
] as const)("a write of four jobs %s of which the base refuses one", (kind, done) => {
  it("is carried out for the others, and the refusal is reported for that one", async () => {
    const { base, bucket } = worldOf(kind);
    const { report } = await sweep(runOf(base, bucket));
    expect([1, 2, 3, 4].map((n) => base.jobs.get(idOf(n))?.status)).toEqual([done, done, "processing", done]);
    const errors = report.entries.filter(({ error }) => error !== null);
    expect(errors.map(({ id, error }) => [id, error])).toEqual([[idOf(3), "HTTP 422"]]);
  });

  it("follows a new read each time", async () => {
    const { base, bucket } = worldOf(kind);
    await sweep(runOf(base, bucket));
    const jobs = base.log.filter((request) => request.endsWith("Jobs"));
    expect(jobs).toEqual(["updateJobs", ...Array(4).fill("updateJobs")].flatMap((write) => ["readJobs", write]));
  });

  it("leaves a job alone that a webhook closed after the refusal", async () => {
    const { base, bucket } = worldOf(kind);
    base.before = (request) => {
      const refused = base.log.filter((each) => each === "updateJobs").length === 1;
      if (refused && request === "readJobs") base.edit(idOf(4), { status: "webhook_error" });
    };
    const { report } = await sweep(runOf(base, bucket));
    expect(base.jobs.get(idOf(4))?.status).toBe("webhook_error");
    expect(report.entries.find(({ id }) => id === idOf(4))?.verdict.reason).toBe("changed-meanwhile");
  });
});
