import { describe, expect, it } from "vitest";
import { HOUR, MINUTE } from "../support/builders.ts";
import { stuckJobs } from "./cli.ts";
import { addSegment, openWorld, type World } from "./world.ts";

const SEGMENT = "recSegs0000000001";

function addJob(world: World, n: number, operation: string, age: number, status = "processing") {
  const payload = `{'operation': '${operation}', 'segment_id': '${SEGMENT}'}`;
  world.job(
    `recJobs000000000${n}`,
    { Type: "combine", "External Job ID": `e${n}`, "Request Payload": payload, Status: status },
    age,
  );
}

async function recover(world: World) {
  const { code, stderr } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
  expect([code, stderr]).toEqual([0, ""]);
  return world.fields("Segments", SEGMENT).Status;
}

/** As a webhook leaves it. */
function held(name: string) {
  return [
    { id: "attHeld0000000001", filename: name, size: 1_000_000, url: "https://airtable.example/f", type: "video" },
  ];
}

describe("the preset's set", () => {
  it("completes a segment whose file a handler had written before it died", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT, { Status: "Combining Media", "Voiceover + Video": held("e1_output_0.mp4") });
    addJob(world, 1, "combine", 10 * MINUTE);
    world.output("e1_output_0.mp4");
    expect(await recover(world)).toBe("combined");
    expect(world.fields("Segments", SEGMENT)["Voiceover + Video"]).toHaveLength(1);
  });

  it("leaves a segment combined whose video is found late", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT, { Status: "combined", "Voiceover + Video": held("e2_output_0.mp4") });
    addJob(world, 1, "image_zoom", HOUR / 2);
    addJob(world, 2, "combine", 20 * MINUTE, "completed");
    world.output("e1_output_0.mp4");
    expect(await recover(world)).toBe("combined");
    expect(world.fields("Segments", SEGMENT).Video).toHaveLength(1);
  });

  it.each([
    ["image_zoom", "combine", "combined"],
    ["combine", "image_zoom", "Video Ready"],
  ])("is that of the newer job where %s and then %s are stuck on one segment", async (older, newer, status) => {
    const world = await openWorld();
    addSegment(world, SEGMENT, { Status: "Combining Media" });
    addJob(world, 1, older, HOUR / 2);
    addJob(world, 2, newer, 10 * MINUTE);
    for (const n of [1, 2]) world.output(`e${n}_output_0.mp4`);
    expect(await recover(world)).toBe(status);
  });
});
