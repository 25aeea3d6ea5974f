import { expect, it } from "vitest";
import { stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

it("ends with 5 when the storage gave no answer for any job, also for one that is skipped for want of a target", async () => {
  const world = await openWorld();
  addSegment(world, "recSegs0000000001");
  world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
  world.job("recJobs0000000002", { Type: "combine", "External Job ID": "e2" });
  const env = { ...world.env, STUCK_JOBS_STORAGE_URL: "http://127.0.0.1:1/outputs" };
  const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env });
  const reasons = JSON.parse(stdout).jobs.map(({ reason }: { reason: string }) => reason);
  expect([reasons.toSorted(), code]).toEqual([["storage-unreachable", "target-missing"], 5]);
  const table = await stuckJobs(["recover", "-o", "table"], { env });
  expect(table.stdout).toContain("1 Airtable request, no probe got through, ");
});
