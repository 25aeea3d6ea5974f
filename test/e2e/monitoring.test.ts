import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { receive } from "../monitoring/receiver.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld, type WorldOptions } from "./world.ts";

const SECRET = "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX";

const DOWN = { status: 503, headers: {}, body: "down" };
const REFUSED = { status: 401, headers: {}, body: '{"error":{"type":"AUTHENTICATION_REQUIRED","message":"no"}}' };

/** One job that can be recovered. */
async function oneJob(options: WorldOptions = {}) {
  const world = await openWorld(options);
  addSegment(world, "recSegment0000001");
  world.job("recJob00000000001", {
    Type: "combine",
    "External Job ID": "job-1",
    "Request Payload": "{'segment_id': 'recSegment0000001'}",
  });
  world.output("job-1_output_0.mp4");
  return { world, env: world.env };
}

describe("a ping address", () => {
  it("from the environment gets start and success, with the summary, and the log stays quiet", async () => {
    const receiver = await receive();
    const { env } = await oneJob();
    const { code, stderr, stdout } = await stuckJobs(["recover", "-o", "json"], {
      env: { ...env, STUCK_JOBS_PING_URL: `${receiver.url}/uuid` },
    });
    expect([code, stderr]).toEqual([0, ""]);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/uuid/start", "/uuid"]);
    expect(receiver.received[1]?.body).toContain("1 stuck job: 1 recovered, 0 failed");
    expect(receiver.received[1]?.body).toContain(reportIn(stdout).runId);
  });
  it("gets the exit code when the listing cannot be read", async () => {
    const receiver = await receive();
    const { env } = await oneJob({ instead: () => DOWN });
    const { code } = await stuckJobs(["recover", "--deadline", "2s", "--ping-url", `${receiver.url}/uuid`], { env });
    expect(code).toBe(5);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/uuid/start", "/uuid/5"]);
  });
  it("is pinged in the dialect of its service", async () => {
    const receiver = await receive();
    const { env } = await oneJob();
    const pinged = { STUCK_JOBS_PING_URL: `${receiver.url}/api/1/cron/sweep/key/`, STUCK_JOBS_PING_DIALECT: "sentry" };
    expect(await stuckJobs(["recover"], { env: { ...env, ...pinged } })).toMatchObject({ code: 0, stderr: "" });
    const queries = receiver.received.map(({ path }) => new URL(path, receiver.url).searchParams);
    expect(queries.map((query) => query.get("status"))).toEqual(["in_progress", "ok"]);
    expect(new Set(queries.map((query) => query.get("check_in_id"))).size).toBe(1);
  });
  it("that refuses the ping does not make the run fail, and is warned of once, without its path", async () => {
    const receiver = await receive(() => 404);
    const { env } = await oneJob();
    const { code, stderr } = await stuckJobs(["recover"], {
      env: { ...env, STUCK_JOBS_PING_URL: `${receiver.url}${SECRET}` },
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^stuck-jobs recover: warning: the ping was not taken: 127\.0\.0\.1:\d+: HTTP 404 run=\S+\n$/,
    );
  });
  it("hears nothing of a scan, a dry run, one job that a person tries, or the sandbox", async () => {
    const receiver = await receive();
    const { env } = await oneJob();
    const watched = { ...env, STUCK_JOBS_PING_URL: receiver.url, STUCK_JOBS_NOTIFY_URL: receiver.url };
    for (const args of [
      ["scan"],
      ["recover", "--dry-run"],
      ["recover", "--job", "recJob00000000001"],
      ["recover", "--sandbox"],
    ]) {
      expect(await stuckJobs(args, { env: watched })).toMatchObject({ code: 0, stderr: "" });
    }
    expect(receiver.received).toEqual([]);
  });
  it("hears nothing when another run holds the lock", async () => {
    const receiver = await receive();
    let patched = () => {};
    const writing = new Promise<void>((resolve) => {
      patched = resolve;
    });
    let second: ReturnType<typeof stuckJobs> | null = null;
    const { env } = await oneJob({
      instead: async (request) => {
        if (request.method === "PATCH" && second !== null) await second;
        return undefined;
      },
      after: (request, reply) => {
        if (request.method === "GET" || request.method === "POST") patched();
        return reply;
      },
    });
    const first = stuckJobs(["recover"], { env });
    await writing;
    second = stuckJobs(["recover", "--ping-url", receiver.url], { env });
    expect((await second).code).toBe(75);
    expect((await first).code).toBe(0);
    expect(receiver.received).toEqual([]);
  });
  it("that is no http address is a usage error, and is not shown", async () => {
    const { env } = await oneJob();
    const { code, stderr } = await stuckJobs(["recover"], {
      env: { ...env, STUCK_JOBS_PING_URL: "hc.example/s3cret" },
    });
    expect(code).toBe(2);
    expect(stderr).toContain("STUCK_JOBS_PING_URL: expected an http or https URL");
    expect(stderr).not.toContain("s3cret");
  });
});

describe("a metrics file", () => {
  it("counts on over runs, and keeps the last success over one that fails", async () => {
    let down = false;
    const { world, env } = await oneJob({ instead: () => (down ? DOWN : undefined) });
    const path = join(folder(), "stuck-jobs.prom");
    const sampleOf = (name: string, labels = "") => {
      const pattern = new RegExp(`^${name}\\{base="[^"]+"${labels}\\} (\\S+)$`, "m");
      const [, value] = pattern.exec(readFileSync(path, "utf8")) ?? [];
      return value === undefined ? null : Number(value);
    };
    const recover = () => stuckJobs(["recover", "--metrics-file", path, "--deadline", "6s"], { env });
    expect(await recover()).toMatchObject({ code: 0, stderr: "" });
    world.job("recJob00000000001", {
      Type: "combine",
      "External Job ID": "job-1",
      "Request Payload": "{'segment_id': 'recSegment0000001'}",
    });
    expect(await recover()).toMatchObject({ code: 0, stderr: "" });
    expect(sampleOf("stuck_jobs_recovered_total", ',operation="combine"')).toBe(2);
    const success = sampleOf("stuck_jobs_last_success_timestamp_seconds");
    down = true;
    expect((await recover()).code).toBe(5);
    expect(sampleOf("stuck_jobs_last_success_timestamp_seconds")).toBe(success);
    expect(sampleOf("stuck_jobs_last_run_exit_code")).toBe(5);
    expect(sampleOf("stuck_jobs_recovered_total", ',operation="combine"')).toBe(2);
    expect(sampleOf("stuck_jobs_found", ',operation="combine"')).toBeNull();
    expect(sampleOf("stuck_jobs_requests_total", ',upstream="airtable"')).toBeGreaterThan(6);
  });
});

describe("a notification", () => {
  it("from the configuration gets one message that Airtable cannot be used, and one that it can again", async () => {
    const receiver = await receive();
    let down = true;
    const { env } = await oneJob({ instead: () => (down ? REFUSED : undefined) });
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), `monitoring: { notifyUrl: "${receiver.url}${SECRET}" }`);
    const recover = () => stuckJobs(["recover"], { env, cwd });
    expect((await recover()).code).toBe(4);
    expect((await recover()).code).toBe(4);
    down = false;
    expect((await recover()).code).toBe(0);
    expect((await recover()).code).toBe(0);
    const texts = receiver.received.map(({ body }) => JSON.parse(body).text.split("\n")[1]);
    expect(texts).toEqual([
      expect.stringMatching(/^• Airtable cannot be used: .*AUTHENTICATION_REQUIRED/),
      expect.stringMatching(/^• Airtable can be used again, after 2 runs/),
    ]);
    expect(receiver.received[0]?.path).toBe(SECRET);
    expect(readFileSync(join(cwd, ".state/stuck-jobs/appE2e00000000001.json"), "utf8")).not.toContain(SECRET);
  });
});
