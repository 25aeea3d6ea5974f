import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { checkNode, OLDEST_NODE } from "../../src/doctor/machine.ts";
import { acquireLock, lockKey } from "../../src/system/lock.ts";
import { openWorld } from "../e2e/world.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { examined } from "./doctor-world.ts";

describe("Node", () => {
  it("must be as new as package.json requires", () => {
    expect(packageJson.engines.node).toBe(`>=${OLDEST_NODE}`);
  });

  it.each([
    ["20.18.1", "pass"],
    ["20.19.0", "pass"],
    ["22.0.0", "pass"],
    ["100.0.0", "pass"],
    ["20.18.0", "fail"],
    ["20.9.5", "fail"],
    ["18.20.4", "fail"],
  ])("%s: %s", (version, level) => {
    expect(checkNode(version)).toMatchObject([{ level }]);
  });
});

describe("the lock", () => {
  async function heldSince(ago: number) {
    const world = await openWorld();
    const { AIRTABLE_ENDPOINT_URL: endpointUrl = "", AIRTABLE_BASE_ID: baseId = "" } = world.env;
    const lock = await acquireLock(lockKey({ endpointUrl, baseId }), new Date(Date.now() - ago));
    if (lock.kind !== "acquired") throw new Error("the lock is taken");
    try {
      return await examined(world);
    } finally {
      await lock.release();
    }
  }

  it("passes when a run is under way, and says whose", async () => {
    expect((await heldSince(MINUTE)).of("lock")).toMatchObject([
      { level: "pass", detail: expect.stringContaining(`process ${process.pid}`) },
    ]);
  });

  it("is warned of when it is held for longer than a run may take", async () => {
    expect((await heldSince(HOUR)).of("lock")).toMatchObject([
      { level: "warn", next: expect.stringContaining(`ps -fp ${process.pid}`) },
    ]);
  });

  it("is free otherwise, and stays free when doctor checks it", async () => {
    const world = await openWorld();
    expect((await examined(world)).of("lock")).toMatchObject([
      { level: "pass", detail: expect.stringMatching(/^free/) },
    ]);
    expect((await examined(world)).of("lock")[0]?.detail).toMatch(/^free/);
  });
});
