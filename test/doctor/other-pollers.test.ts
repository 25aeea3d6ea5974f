import { describe, expect, it } from "vitest";
import { openWorld } from "../e2e/world.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { examined } from "./doctor-world.ts";

describe("another poller", () => {
  const note = (Notes: string, Status = "completed", age = HOUR) => ({ fields: { Status, Notes }, age });
  const iso = (ago: number) => new Date(Date.now() - ago).toISOString();

  it.each([
    ["completed", note(`Completed via polling at ${iso(MINUTE)}`)],
    ["completed by a clock without a zone", note(`Completed via polling at ${iso(HOUR).slice(0, 19)}`)],
    ["failed", note("Timed out via polling", "failed")],
    ["failed in our words, but not by us", note(`Failed via polling at ${iso(MINUTE)}: no output`, "failed")],
  ])("is warned of for a job that it %s within the last day", async (_, { fields, age }) => {
    const world = await openWorld();
    world.job("recJob00000000001", fields, age);
    const { code, of } = await examined(world);
    expect(code).toBe(0);
    expect(of("pollers")).toMatchObject([
      {
        level: "warn",
        detail: expect.stringContaining("recJob00000000001"),
        next: expect.stringMatching(/^Stop the other/),
      },
    ]);
  });

  it.each([
    ["this tool", note(`Completed via polling at ${iso(MINUTE)}: found x.mp4 [stuck-jobs 0.1.0, run r-1]`)],
    ["someone the day before yesterday", note(`Timed out via polling at ${iso(40 * HOUR)}`, "failed", 40 * HOUR)],
  ])("is not seen in the notes of %s", async (_, { fields, age }) => {
    const world = await openWorld();
    world.job("recJob00000000001", fields, age);
    expect((await examined(world)).of("pollers")).toMatchObject([{ level: "pass" }]);
  });
});
