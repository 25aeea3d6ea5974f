import { describe, expect, it } from "vitest";
import { openWorld } from "../e2e/world.ts";
import { examined } from "./doctor-world.ts";

const OTHERS = "operations: { combine: null, concatenate: null, add_music: null, image_zoom: null }";

describe("the operations", () => {
  it("fail the check where none is configured, and init is named", async () => {
    const { code, of } = await examined(await openWorld(), { yaml: OTHERS });
    expect(code).toBe(2);
    expect(of("configuration")).toMatchObject([
      { level: "fail", title: "operations", next: expect.stringContaining("stuck-jobs init") },
    ]);
  });

  it("fail the check where no stuck job is of one, with the types that were found", async () => {
    const world = await openWorld();
    world.job("recJobs0000000001", { Type: "music", "External Job ID": "e1" });
    world.job("recJobs0000000002", { Type: "voiceover", "External Job ID": "e2" });
    const { code, of } = await examined(world);
    expect([code, of("jobs")[0]?.level]).toEqual([2, "fail"]);
    expect(of("jobs")[0]?.detail).toMatch(
      /^none of 2 stuck jobs is of a configured operation: found (music, voiceover|voiceover, music); configured: combine, /,
    );
  });

  it("are not reported where one stuck job is of a configured one, or none is stuck", async () => {
    const world = await openWorld();
    expect((await examined(world)).of("jobs")).toEqual([]);
    world.job("recJobs0000000001", { Type: "music", "External Job ID": "e1" });
    world.job("recJobs0000000002", { Type: "combine", "External Job ID": "e2" });
    expect((await examined(world)).of("jobs")).toEqual([]);
  });
});
