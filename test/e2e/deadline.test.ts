import { describe, expect, it } from "vitest";
import { stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld, type World, type WorldOptions } from "./world.ts";

const HANGS = () => new Promise<never>(() => undefined);

async function worldOf(jobs: number, options: WorldOptions): Promise<World> {
  const world = await openWorld(options);
  for (let n = 10; n < 10 + jobs; n += 1) {
    const segment = `recSegment00000${n}`;
    addSegment(world, segment);
    world.job(`recJob000000000${n}`, {
      Type: "combine",
      "External Job ID": `job-${n}`,
      "Request Payload": `{'segment_id': '${segment}'}`,
    });
    world.output(`job-${n}_output_0.mp4`);
  }
  return world;
}

describe("a deadline", () => {
  it("is exit 5 and not silence when the storage hangs until then", async () => {
    const world = await worldOf(5, { bucketInstead: HANGS });
    const { code, stdout, stderr } = await stuckJobs(["recover", "--deadline", "3s"], { env: world.env });
    expect(code).toBe(5);
    expect(stdout).toContain("truncated");
    expect(stderr).toContain("nothing could be decided");
  });

  it("does not keep back what was found while one object hangs", async () => {
    const world = await worldOf(5, {
      bucketInstead: (request) => (request.path.includes("job-10_") ? HANGS() : undefined),
    });
    const { code, stdout } = await stuckJobs(["recover", "-o", "json", "--deadline", "8s"], { env: world.env });
    expect(code).toBe(0);
    const report = reportIn(stdout);
    expect(report.summary).toMatchObject({ recovered: 4, unknown: 1 });
    expect(world.fields("Jobs", "recJob00000000011").Status).toBe("completed");
    expect(world.fields("Jobs", "recJob00000000010").Status).toBe("processing");
  });

  it("reports a write whose answer it cut off", async () => {
    const world = await worldOf(1, { instead: (request) => (request.method === "PATCH" ? HANGS() : undefined) });
    const { code, stdout } = await stuckJobs(["recover", "-o", "json", "--deadline", "3s"], { env: world.env });
    expect(code).toBe(3);
    expect(reportIn(stdout).jobs[0]?.error).toContain("deadline");
  });
});
