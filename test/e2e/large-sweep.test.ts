import { expect, it } from "vitest";
import { MINUTE } from "../support/builders.ts";
import { stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

const MANY = 700;

it("a scan of 700 stuck jobs reports each of them with its verdict and its output", { timeout: 60_000 }, async () => {
  const world = await openWorld();
  for (let n = 0; n < MANY; n += 1) {
    const number = String(n).padStart(4, "0");
    const segment = `recSegment000${number}`;
    addSegment(world, segment);
    const fields = {
      Type: "combine",
      "External Job ID": `x${number}`,
      "Request Payload": `{'segment_id': '${segment}', 'voiceover': 'https://b.example/${"v".repeat(200)}.mp3'}`,
    };
    world.job(`recJob0000000${number}`, fields, 20 * MINUTE + n * 1000);
    if (n % 3 > 0) world.output(`x${number}_output_0.mp4`, 1_000 + n);
  }
  const { code, stdout, stderr } = await stuckJobs(["scan", "-o", "json"], { env: world.env });
  expect([code, stderr]).toEqual([0, ""]);
  const { jobs } = reportIn(stdout);
  expect(jobs).toHaveLength(MANY);
  for (const { externalId, verdict, output } of jobs) {
    const n = Number(externalId?.slice(1));
    expect([externalId, verdict, output?.bytes]).toEqual([
      externalId,
      n % 3 > 0 ? "recover" : "wait",
      n % 3 > 0 ? 1_000 + n : undefined,
    ]);
  }
});
