import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld, type World, type WorldOptions } from "./world.ts";

/** Eighty jobs to recover: more writes than are in flight at once. */
async function eightyJobs(options: WorldOptions): Promise<World> {
  const world = await openWorld(options);
  for (let n = 10; n < 90; n += 1) {
    addSegment(world, `recSegment00000${n}`.padEnd(17, "0"));
    world.job(`recJob000000000${n}`, {
      Type: "combine",
      "External Job ID": `job-${n}`,
      "Request Payload": `{'segment_id': '${`recSegment00000${n}`.padEnd(17, "0")}'}`,
    });
    world.output(`job-${n}_output_0.mp4`);
  }
  return world;
}

describe("a signal", () => {
  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("%s lets the write in flight be finished, and the report has what was done", async (name, expected) => {
    let stop = (_: NodeJS.Signals) => {};
    let patches = 0;
    const world = await eightyJobs({
      instead: async (request) => {
        if (request.method !== "PATCH") return undefined;
        patches += 1;
        if (patches === 1) {
          stop(name);
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        return undefined;
      },
    });
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], {
      env: world.env,
      started: (kill) => {
        stop = kill;
      },
    });
    expect(code).toBe(expected);
    expect(stderr).toContain(name);
    const report = reportIn(stdout);
    expect(report.truncated).toBe(true);
    for (const { id, applied } of report.jobs) {
      expect(world.fields("Jobs", id).Status).toBe(applied ? "completed" : "processing");
    }
    expect(patches).toBeGreaterThanOrEqual(1);
  });
});

describe("a reader that goes away", () => {
  it("does not cut the writes short", async () => {
    const world = await eightyJobs({});
    const bin = `${process.cwd()}/bin/stuck-jobs.js`;
    const command = `${process.execPath} ${bin} recover -o ndjson | head -n 1 >/dev/null; exit \${PIPESTATUS[0]}`;
    const { code } = await run("bash", ["-c", command], { env: world.env });
    expect(code).toBe(0);
    const statuses = world.base.records("Jobs").map(({ fields }) => fields.Status);
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
  });
});

describe.runIf(existsSync("/dev/full"))("a full disk under the output", () => {
  it.each([
    ["stdout", ">/dev/full", /^stuck-jobs recover: the output could not be written: ENOSPC.*\n$/],
    ["stderr", "-v 2>/dev/full", /^$/],
  ])("does not cut the writes short (%s), and is exit 1 without a stack", async (_, redirect, expected) => {
    const world = await eightyJobs({});
    const bin = `${process.cwd()}/bin/stuck-jobs.js`;
    const command = `${process.execPath} ${bin} recover -o ndjson ${redirect}`;
    const { code, stderr } = await run("sh", ["-c", command], { env: world.env });
    expect([code, stderr]).toEqual([1, expect.stringMatching(expected)]);
    const statuses = world.base.records("Jobs").map(({ fields }) => fields.Status);
    expect(new Set(statuses)).toEqual(new Set(["completed"]));
  });
});
