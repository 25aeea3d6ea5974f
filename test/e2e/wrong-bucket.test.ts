import { describe, expect, it } from "vitest";
import { HOUR } from "../support/builders.ts";
import { stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

describe("a bucket that does not exist", () => {
  // HEAD answers 404 to every key of it, a random one too: but no output of the operation is seen in it.
  it.each(["open", "restricted"] as const)("fails nobody, however few (listing %s)", async (listing) => {
    const world = await openWorld({ listing });
    for (const n of [1, 2, 3]) {
      addSegment(world, `recSegment000000${n}`);
      const fields = { Type: "combine", "External Job ID": `job-${n}`, Segments: [`recSegment000000${n}`] };
      world.job(`recJob0000000000${n}`, fields, 2 * HOUR);
      world.output(`job-${n}_output_0.mp4`);
    }
    const env = { ...world.env, STUCK_JOBS_STORAGE_URL: `${world.storageUrl}-typo` };
    for (const command of ["recover", "fail-old"]) {
      const { stdout } = await stuckJobs([command, "-o", "json"], { env });
      const report = reportIn(stdout);
      expect(report.summary).toMatchObject({ failed: 0, unknown: 3 });
      expect(report.jobs[0]).toMatchObject({ reason: "absence-unproven" });
    }
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("processing");
  });
});
