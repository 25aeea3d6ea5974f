import { expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

const SEGMENT = "recSegs0000000001";
const FIELD = "Voiceover + Video";

it("a file that Airtable dropped is written again, beside the files of others, and not under --operation of another", async () => {
  const world = await openWorld();
  const cwd = folder();
  addSegment(world, SEGMENT);
  world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: [SEGMENT] });
  world.output("e1_output_0.mp4");
  const recover = async (...flags: string[]) => {
    const { code, stdout } = await stuckJobs(["recover", "-o", "json", ...flags], { env: world.env, cwd });
    return [code, ...reportIn(stdout).jobs.map(({ reason, applied }) => `${reason}${applied ? "!" : ""}`)];
  };
  expect(await recover()).toEqual([0, "output-found!"]);
  world.base.edit("Segments", SEGMENT, { [FIELD]: [] });
  expect(await recover("--operation", "concatenate")).toEqual([0]);
  expect(await recover()).toEqual([0, "delivery-retried!"]);
  const [ours] = JSON.parse(JSON.stringify(world.fields("Segments", SEGMENT)[FIELD]));
  const theirs = { id: "attPerson00000001", filename: "mine.mp4", size: 7, url: "https://airtable.example/p" };
  world.base.edit("Segments", SEGMENT, { [FIELD]: [{ ...ours, size: 10 }, theirs] });
  expect(await recover()).toEqual([0, "delivery-failed!"]);
  expect(world.fields("Segments", SEGMENT)[FIELD]).toHaveLength(2);
});
