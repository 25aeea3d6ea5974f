import { describe, expect, it } from "vitest";
import { openWorld, type World } from "../e2e/world.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { examined, examinedWorld } from "./doctor-world.ts";

/** A job that a sweep completed; `ago` in ms. */
function addWritten(world: World, n: number, ago: number, run = "run-1"): void {
  const at = new Date(Date.now() - ago).toISOString();
  const Notes = `made by hand\nCompleted via polling at ${at}: found x.mp4 (HTTP 200, 9 bytes) [stuck-jobs 0.1.0, run ${run}]`;
  world.job(`recJob${String(n).padStart(11, "0")}`, { Status: "completed", Type: "combine", Notes }, 5 * HOUR);
}

describe("the monthly calls", () => {
  it("are those of idle runs where nothing happens, against each plan", async () => {
    const { of } = await examinedWorld();
    expect(of("calls")).toMatchObject([
      {
        level: "pass",
        detail: expect.stringMatching(
          /^21,888 requests \(every 2 minutes 1 listing, 0 stuck now\): more than Free's 1,000, 22 % of Team's 100,000, Business has no limit;/,
        ),
      },
    ]);
  });

  it("follow the interval", async () => {
    const { of } = await examinedWorld({ env: { POLLING_INTERVAL_MINUTES: "60" } });
    expect(of("calls")[0]?.detail).toMatch(/^730 requests .* 73 % of Free's 1,000, 1 % of Team's/);
  });

  it("are those of all the bases that are configured", async () => {
    const world = await openWorld();
    const { AIRTABLE_BASE_ID: id } = world.env;
    const more = ["appOther0000001", "appOther0000002"].map((baseId) => `{ baseId: ${baseId} }`);
    const { of } = await examined(world, { yaml: `bases: [{ baseId: ${id} }, ${more.join(", ")}]` });
    expect(of("calls")[0]?.detail).toMatch(
      /^21,888 requests \(every 2 minutes 1 listing, 0 stuck now\), 65,664 for all 3 bases if they are alike: .*66 % of Team's/,
    );
    expect(of("calls")[0]).toMatchObject({
      level: "warn",
      next: expect.stringContaining("POLLING_INTERVAL_MINUTES=3,"),
    });
  });

  it("are warned of where half a Team plan does not hold them, with an interval that it does", async () => {
    const { code, of } = await examinedWorld({ env: { POLLING_INTERVAL_MINUTES: "0.5" } });
    expect(code).toBe(0);
    expect(of("calls")).toMatchObject([
      {
        level: "warn",
        detail: expect.stringMatching(/^87,552 /),
        next: expect.stringContaining("POLLING_INTERVAL_MINUTES=1,"),
      },
    ]);
  });

  it("count a request for each hundred of stuck jobs, and are counted with one listing", async () => {
    const world = await openWorld();
    for (let n = 0; n < 150; n += 1) world.job(`recJob${String(n).padStart(11, "0")}`, {}, HOUR);
    const { of } = await examined(world);
    expect(of("calls")[0]?.detail).toMatch(/^43,776 requests \(every 2 minutes 2 listings, 150 stuck now\)/);
    expect(world.requests.filter(({ path }) => path.endsWith("/Jobs"))).toHaveLength(2 + COMPLETED_WINDOWS);
  });

  it.each([
    ["hours ago", 5 * HOUR],
    ["just now", 2 * MINUTE],
  ])("count what a sweep cost %s: reads and writes, and an hour of looks at the deliveries", async (_, ago) => {
    const world = await openWorld();
    for (let n = 0; n < 12; n += 1) addWritten(world, n, ago);
    // One run of 12: 2 reads and 2 + 2 writes; then 30 runs that read jobs and segments again: 66 a day.
    const { of } = await examined(world);
    expect(of("calls")[0]?.detail).toMatch(/^23,894 requests .* 2,006 of them for 12 jobs a day that sweeps write/);
  });

  it("leave out what was written before the last day", async () => {
    const world = await openWorld();
    addWritten(world, 1, 25 * HOUR);
    expect((await examined(world)).of("calls")[0]?.detail).toMatch(/^21,888 /);
  });
});

/** The listings of completed jobs: of the last day, of the last week, of all times. */
const COMPLETED_WINDOWS = 2;
