import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { receive } from "../monitoring/receiver.ts";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld, TOKEN, type World } from "./world.ts";

function addJob(world: World, n: number): void {
  addSegment(world, `recSegment000000${n}`);
  world.job(`recJob0000000000${n}`, {
    Type: "combine",
    "External Job ID": `job-${n}`,
    "Request Payload": `{'segment_id': 'recSegment000000${n}'}`,
  });
  world.output(`job-${n}_output_0.mp4`);
}

/** Is pinged by the watch; `after` is called when so many sweeps went well. */
async function openPinged(after: (sweeps: number) => void) {
  let sweeps = 0;
  return receive(({ path }) => {
    if (path === "/") after(++sweeps);
    return 200;
  });
}

describe("watch", () => {
  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("prints a line a sweep, and ends with %s between sweeps", async (signal, expected) => {
    let kill = (_: NodeJS.Signals) => {};
    const world = await openWorld();
    const receiver = await openPinged((sweeps) => {
      if (sweeps === 1) addJob(world, 2);
      if (sweeps === 3) kill(signal);
    });
    addJob(world, 1);
    const { code, stdout, stderr } = await stuckJobs(["watch", "--every", "1s", "--ping-url", receiver.url], {
      env: world.env,
      started: (send) => {
        kill = send;
      },
    });
    expect(code).toBe(expected);
    expect(world.base.records("Jobs").map(({ fields }) => fields.Status)).toEqual(["completed", "completed"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringContaining("stuck-jobs recover: 1 stuck job: 1 recovered"),
      expect.stringContaining("stuck-jobs recover: 1 stuck job: 1 recovered"),
      expect.stringContaining("stuck-jobs recover: 0 stuck jobs: 0 recovered"),
    ]);
    expect(new Set(lines.map((line) => line.match(/run (\S+)\)/)?.[1])).size).toBe(3);
    expect(stderr).toContain("stuck-jobs watch: sweeping base appE2e00000000001 every 1s\n");
    expect(stderr).toContain(signal);
  });
  it("ends with the write in flight when it is stopped during a sweep", async () => {
    let kill = (_: NodeJS.Signals) => {};
    let patches = 0;
    const world = await openWorld({
      instead: async (request) => {
        if (request.method !== "PATCH") return undefined;
        patches += 1;
        if (patches === 1) kill("SIGTERM");
        await new Promise((resolve) => setTimeout(resolve, 200));
        return undefined;
      },
    });
    addJob(world, 1);
    const { code, stdout } = await stuckJobs(["watch", "--every", "1m", "-o", "json"], {
      env: world.env,
      started: (send) => {
        kill = send;
      },
    });
    expect(code).toBe(143);
    const [{ applied } = { applied: null }] = JSON.parse(stdout).jobs;
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe(applied ? "completed" : "processing");
  });
  it("backs off while the token is refused, and takes the new one from its file", async () => {
    let kill = (_: NodeJS.Signals) => {};
    const token = join(folder(), "token");
    writeFileSync(token, "patWrong000000001.0123456789abcdef0123456789abcdef");
    const world = await openWorld();
    const receiver = await receive(({ path }) => {
      if (path === "/4") writeFileSync(token, TOKEN);
      if (path === "/") kill("SIGTERM");
      return 200;
    });
    addJob(world, 1);
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { code, stderr } = await stuckJobs(["watch", "--every", "1s"], {
      env: { ...env, AIRTABLE_API_KEY_FILE: token, STUCK_JOBS_PING_URL: receiver.url },
      started: (send) => {
        kill = send;
      },
    });
    expect(code).toBe(143);
    expect(stderr).toContain("AUTHENTICATION_REQUIRED");
    expect(stderr).toMatch(/warning: next run in (1|2)s/);
    expect(stderr).not.toContain("patWrong");
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("completed");
    expect(receiver.received.map(({ path }) => path)).toEqual(["/start", "/4", "/start", "/"]);
  });
  it("takes the lock for each run, so that a busy one is a skipped run", async () => {
    let kill = (_: NodeJS.Signals) => {};
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const world = await openWorld({
      instead: async (request) => {
        if (request.method === "PATCH") await released;
        return undefined;
      },
    });
    addJob(world, 1);
    const holder = stuckJobs(["recover"], { env: world.env });
    await expect.poll(() => world.requests.some(({ method }) => method === "PATCH"), { timeout: 20_000 }).toBe(true);
    const receiver = await openPinged(() => kill("SIGTERM"));
    const stderr = join(folder(), "stderr");
    const file = openSync(stderr, "w");
    const watch = stuckJobs(["watch", "--every", "1s", "--ping-url", receiver.url], {
      env: world.env,
      stderr: file,
      started: (send) => {
        kill = send;
      },
    });
    await expect
      .poll(() => readFileSync(stderr, "utf8"), { timeout: 20_000 })
      .toContain("another run for base appE2e00000000001 is under way");
    expect(receiver.received).toEqual([]);
    release();
    expect((await holder).code).toBe(0);
    const { code } = await watch;
    closeSync(file);
    expect(code).toBe(143);
  });
  it.each([
    [["--every", "500ms"], "--every"],
    [["--every", "1m", "--jitter", "2m"], "--jitter"],
  ])("refuses %s", async (flags, words) => {
    const { code, stderr } = await stuckJobs(["watch", "--sandbox", ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});
