import { expect, it } from "vitest";
import { MINUTE } from "../support/builders.ts";
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

it.each([
  [301, { "x-amz-bucket-region": "eu-west-1" }, "HEAD with HTTP 301 without a location, x-amz-bucket-region eu-west-1"],
  [
    307,
    { location: "http://elsewhere.example/outputs/e1", "x-amz-bucket-region": "eu-north-1" },
    "HEAD with HTTP 307 to elsewhere.example, x-amz-bucket-region eu-north-1",
  ],
  [405, {}, "HEAD with HTTP 405"],
])("ends with 5 where every probe is answered %i, and says why in one line", async (status, headers, why) => {
  const world = await openWorld({ bucketInstead: () => ({ status, headers, body: "" }) });
  addSegment(world, "recSegs0000000001");
  world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
  const { code, stderr } = await stuckJobs(["recover", "-q"], { env: world.env });
  expect(code).toBe(5);
  expect(stderr).toContain(`nothing could be decided: ${world.storageUrl} answered ${why}`);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

it("fails no job whose response payload names a file that is there, wherever in it", async () => {
  const world = await openWorld({ listing: "open" });
  addSegment(world, "recSegs0000000001");
  const lost = { Type: "combine", Segments: ["recSegs0000000001"] };
  world.job("recDone0000000001", { ...lost, Status: "completed", "External Job ID": "d1" }, 90 * MINUTE);
  world.output("d1_output_0.mp4");
  world.output("renamed.mp4");
  const files = [{ url: `${world.storageUrl}/renamed.mp4` }];
  const payload = { ...lost, "Response Payload": JSON.stringify({ result: { files } }) };
  world.job("recJobs0000000001", { ...payload, "External Job ID": "e1" }, 90 * MINUTE);
  const { stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
  const [job] = JSON.parse(stdout).jobs;
  expect([job.reason, job.detail]).toEqual([
    "evidence-contradicts",
    "its response payload names renamed.mp4, which is there",
  ]);
});
