import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { DAY, HOUR, hooked, MINUTE, nextId, polled, schemaWithCompletedAt } from "./stats-world.ts";
import { openWorld, TOKEN } from "./world.ts";

const WITH_COMPLETED_AT = "jobs: { fields: { completedAt: Completed At } }\n";

describe("stats", () => {
  it("counts what recover did in the sandbox, with one request to the base", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    const { code, stdout, stderr } = await stuckJobs(["stats", "--sandbox", "--since", "12h", "-o", "json"], { cwd });
    expect([code, stderr]).toEqual([0, ""]);
    const { total, failures, requests, schema, truncated } = JSON.parse(stdout);
    expect([schema, truncated, requests]).toEqual(["stuck-jobs/stats@1", false, { airtable: 1 }]);
    expect(total).toMatchObject({ byPolling: 10, failedByPolling: 2 });
    expect(failures).toContainEqual({ by: "polling", reason: "output-absent", jobs: 2 });
  });

  it("counts by whom, how long it took, and the share of lost webhooks, and writes nothing", async () => {
    const world = await openWorld();
    for (const m of [10, 20, 30]) polled(world, "combine", 5 * HOUR, m * MINUTE);
    for (let n = 0; n < 9; n += 1) hooked(world, "concatenate", 2 * HOUR);
    polled(world, "combine", 5 * HOUR, 2 * HOUR, "Failed via polling at x\n");
    hooked(world, "combine", 8 * DAY);
    const { code, stdout } = await stuckJobs(["stats", "-o", "json"], { env: world.env });
    const stats = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(stats.total).toMatchObject({ jobs: 13, byWebhook: 9, byPolling: 4, lost: 4 / 13 });
    expect(stats.recovery).toEqual({ jobs: 4, p50Seconds: 1200, p95Seconds: 7200 });
    expect([stats.lateOutputs, stats.trend.direction]).toEqual([1, "unclear"]);
    expect(world.requests.map(({ method }) => method)).toEqual(["GET"]);
  });

  it("prints a page, which says why no pace is known", async () => {
    const world = await openWorld();
    hooked(world, "combine", HOUR);
    world.job(nextId(), { Status: "\u001b[31mred" });
    const { stdout, stderr } = await stuckJobs(["stats"], { env: world.env });
    expect(stderr).toBe("");
    expect(stdout).toContain("webhooks lost     0 %: 0 of 1 completed jobs were completed by polling");
    expect(stdout).toContain("jobs.fields.completedAt");
    expect(stdout).toContain("\\u001b[31mred");
  });

  it("stops after --max-pages, and says so", async () => {
    const world = await openWorld();
    for (let n = 0; n < 250; n += 1) hooked(world, "combine", HOUR);
    const { code, stdout, stderr } = await stuckJobs(["stats", "--max-pages", "2", "-o", "json"], { env: world.env });
    expect(JSON.parse(stdout)).toMatchObject({ truncated: true, total: { jobs: 200 }, requests: { airtable: 2 } });
    expect([code, stderr]).toEqual([0, expect.stringContaining("only the first 200 jobs were read")]);
    const whole = await stuckJobs(["stats", "--max-pages", "3", "-o", "json"], { env: world.env });
    expect(JSON.parse(whole.stdout)).toMatchObject({ truncated: false, total: { jobs: 250 } });
  });

  it("learns durations from a field with the time of completion, and suggests thresholds", async () => {
    const world = await openWorld({ schema: schemaWithCompletedAt() });
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), WITH_COMPLETED_AT);
    for (let n = 1; n <= 20; n += 1) hooked(world, "combine", HOUR, n * 10_000);
    const { stdout } = await stuckJobs(["stats", "--learn", "-o", "json"], { cwd, env: world.env });
    expect(JSON.parse(stdout).operations[0].pace).toEqual({
      samples: 20,
      p50Seconds: 100,
      p99Seconds: 200,
      proposal: { stuckAfterSeconds: 300, failAfterSeconds: 3600 },
    });
    const kept = JSON.parse(readFileSync(join(cwd, ".state/stuck-jobs/pace-appE2e00000000001.json"), "utf8"));
    expect(kept.operations.combine).toEqual({ samples: 20, p50: 100_000, p99: 200_000 });

    world.job(nextId(), { Type: "combine", "External Job ID": "now" }, 11 * MINUTE);
    world.job(nextId(), { Type: "concatenate", "External Job ID": "then" }, 11 * MINUTE);
    const before = world.requests.length;
    const scan = await stuckJobs(["scan", "-o", "table"], { cwd, env: world.env });
    expect(scan.stdout).toMatch(/^combine: usually 1m 40s, now 11m/m);
    expect(scan.stdout).not.toContain("concatenate: usually");
    expect(world.requests.length - before).toBe(1);

    const usual = { p50Seconds: 100, p99Seconds: 200, from: 20 };
    const json = reportIn((await stuckJobs(["scan", "-v", "-o", "json"], { cwd, env: world.env })).stdout);
    expect(json.jobs.map((job) => [job.operation, job.usual])).toEqual([
      ["combine", usual],
      ["concatenate", undefined],
    ]);
    const lines = await stuckJobs(["scan", "-v", "-o", "ndjson"], { cwd, env: world.env });
    expect(lines.stdout.split("\n").filter((line) => line.includes('"usual"'))).toEqual([
      expect.stringContaining(`"usual":${JSON.stringify(usual)}`),
    ]);
    expect(lines.stderr).toMatch(/operation=combine age="?11m[^"]*"? usual="1m 40s" verdict=/);
    expect(lines.stderr).toMatch(/operation=concatenate age="?11m[^"]*"? verdict=/);
    expect(world.requests.length - before).toBe(3);
    expect((await stuckJobs(["recover", "-n", "-o", "json"], { cwd, env: world.env })).stdout).not.toContain('"usual"');

    const path = join(cwd, ".state/stuck-jobs/pace-appE2e00000000001.json");
    rmSync(path);
    mkdirSync(path);
    const without = await stuckJobs(["scan", "-o", "json"], { cwd, env: world.env });
    expect([without.code, without.stderr]).toEqual([0, expect.stringContaining("continuing without them")]);
    expect(reportIn(without.stdout).jobs).toHaveLength(2);
  });

  it("names the field where the base has none of that name", async () => {
    const world = await openWorld();
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), WITH_COMPLETED_AT);
    const { code, stdout, stderr } = await stuckJobs(["stats"], { cwd, env: world.env });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Completed At");
    // No sweep needs it: a wrong name must not stop one.
    expect((await stuckJobs(["scan"], { cwd, env: world.env })).code).toBe(0);
  });

  it("reports what the base refuses, and never shows an empty page", async () => {
    const world = await openWorld({ instead: () => ({ status: 503, headers: {}, body: "" }) });
    const { code, stdout } = await stuckJobs(["stats"], { env: { ...world.env, AIRTABLE_API_KEY: "patWrong" } });
    expect([code, stdout]).toEqual([5, ""]);
  }, 120_000);

  it("writes a page that loads nothing, and in which nothing of the base is markup", async () => {
    const world = await openWorld();
    const cwd = folder();
    const evil = `<script>alert("x")</script>'&`;
    const failed = {
      Status: "failed",
      "Error Details": `${evil} ${TOKEN}`,
      "Request Payload": `{"operation": "<img src=x>"}`,
    };
    world.job(nextId(), failed);
    world.job(nextId(), { Status: evil });
    const { code } = await stuckJobs(["stats", "--html", "a.html"], { cwd, env: world.env });
    expect(code).toBe(0);
    const html = readFileSync(join(cwd, "a.html"), "utf8");
    expect(html).toContain("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;");
    expect(html).toContain("&lt;img src=x&gt;");
    expect(html).not.toMatch(/<script|<img|<link|@import|url\((?!#)|<[^>]*\s(?:src|href)=|https?:/);
    expect(html).toContain("default-src 'none'");
    expect(html).not.toContain(TOKEN);
  });

  it("says where a page cannot be written", async () => {
    const { code, stderr } = await stuckJobs(["stats", "--sandbox", "--html", "none/a.html"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("none/a.html")]);
  });
});
