import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { rendersConfig } from "../../src/sandbox/renders.ts";
import stuckJson from "../../src/sandbox/seed/stuck.json" with { type: "json" };
import { folder, run, stuckJobs } from "./cli.ts";
import { linesIn, reportIn, verdictsIn } from "./report.ts";

const STATE = ".stuck-jobs-sandbox.json";

describe("the sandbox's story", () => {
  it("gives every kind of job the verdict that its seed names", async () => {
    const { code, stdout, stderr } = await stuckJobs(["recover", "--sandbox", "-o", "json"]);
    expect([code, stderr]).toEqual([0, ""]);
    const expected = stuckJson.jobs
      .filter(({ expect }) => expect !== "-")
      .map(({ id, expect }) => `${id} ${expect.replace("output-pending", "output-not-visible")}`)
      .sort();
    expect(verdictsIn(reportIn(stdout))).toEqual(expected);
  });

  it("does in recover what the dry run before it showed", async () => {
    const cwd = folder();
    const dry = reportIn((await stuckJobs(["recover", "--sandbox", "--dry-run", "-o", "json"], { cwd })).stdout);
    // The one webhook that arrives during a recover is recognised by its name; all else is an unchanged world.
    const real = reportIn((await stuckJobs(["recover", "--sandbox", "-o", "json"], { cwd })).stdout);
    const unchanged = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("recWebhookComes01"));
    expect(unchanged(verdictsIn(real))).toEqual(unchanged(verdictsIn(dry)));
    expect(dry.jobs.some(({ applied }) => applied)).toBe(false);
    expect(real.jobs.filter(({ applied }) => applied).map(({ id }) => id)).toEqual(
      real.jobs.filter(({ verdict }) => verdict === "recover" || verdict === "fail").map(({ id }) => id),
    );
  });

  it("is quiet in cron when a second recover finds nothing to do", async () => {
    const cwd = folder();
    const first = await stuckJobs(["recover", "--sandbox"], { cwd });
    expect(first.stdout).toMatch(
      /^stuck-jobs recover: 25 stuck jobs: 10 recovered, 2 failed, .* \(run [0-9a-f-]+\)\n$/,
    );
    expect(await stuckJobs(["recover", "--sandbox"], { cwd })).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it("writes nothing in a scan or a dry run", async () => {
    const cwd = folder();
    await stuckJobs(["scan", "--sandbox"], { cwd });
    const before = readFileSync(join(cwd, STATE), "utf8");
    await stuckJobs(["scan", "--sandbox"], { cwd });
    await stuckJobs(["recover", "--sandbox", "-n"], { cwd });
    await stuckJobs(["fail-old", "--sandbox", "-n"], { cwd });
    expect(readFileSync(join(cwd, STATE), "utf8")).toBe(before);
  });

  it("fails only old jobs without an output, and reports the others", async () => {
    const cwd = folder();
    const { stdout } = await stuckJobs(["fail-old", "--sandbox", "-o", "json"], { cwd });
    const old = verdictsIn(reportIn(stdout)).filter((line) => line.startsWith("recDayOld"));
    expect(old).toEqual(["recDayOldLost0001 fail/output-absent", "recDayOldOutput01 skip/output-exists"]);
  });

  it("starts over after a reset", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    expect((await stuckJobs(["sandbox", "reset"], { cwd })).code).toBe(0);
    expect(existsSync(join(cwd, STATE))).toBe(false);
    expect((await stuckJobs(["scan", "--sandbox"], { cwd })).stdout).toContain("25 stuck jobs");
  });

  it("exits with 10 for stuck jobs where --exit-code asks for it", async () => {
    expect((await stuckJobs(["scan", "--sandbox", "--exit-code"])).code).toBe(10);
    expect((await stuckJobs(["scan", "--sandbox", "--exit-code", "--job", "nobody"])).code).toBe(0);
  });

  it("prints a line of ndjson for each job and then the summary", async () => {
    const { jobs, summary } = linesIn((await stuckJobs(["scan", "--sandbox", "-o", "ndjson"])).stdout);
    expect(jobs).toHaveLength(25);
    expect(summary.summary.stuck).toBe(25);
  });

  it("counts in the report the requests that it sent", async () => {
    const { requests } = reportIn((await stuckJobs(["scan", "--sandbox", "-o", "json"])).stdout);
    // One of them reads a job that names no target, for a link field that a listing leaves out.
    expect(requests.airtable).toBe(7);
  });

  it("refuses a state file that holds something else", async () => {
    const cwd = folder();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(cwd, STATE), '{"mine": true}');
    const { code, stderr } = await stuckJobs(["scan", "--sandbox"], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain("stuck-jobs sandbox reset");
  });
});

describe("on a terminal", () => {
  it.each([60, 80, 112, 200])("keeps the table within %i columns", async (columns) => {
    const bin = join(process.cwd(), "bin/stuck-jobs.js");
    const command = `stty cols ${columns} rows 50; ${process.execPath} ${bin} scan --sandbox`;
    const { stdout } = await run("script", ["-qec", command, "/dev/null"], { env: { TERM: "xterm-256color" } });
    const lines = withoutStyles(stdout).split("\n");
    const rows = lines.filter((line) => /^rec\w{14} /.test(line));
    expect(rows).toHaveLength(25);
    expect(Math.max(...rows.map((line) => line.length))).toBeLessThanOrEqual(columns);
    // What a person needs most is never cut.
    expect(rows.every((line) => /(recover|fail|wait|skip|unknown) {2,}[a-z-]+( |$)/.test(line))).toBe(true);
    expect(stdout).toContain("\u001b[");
  });

  it("paints nothing where NO_COLOR or --no-color is given, or nobody watches", async () => {
    const bin = join(process.cwd(), "bin/stuck-jobs.js");
    const inTerminal = (flags: string, env: Record<string, string>) =>
      run("script", ["-qec", `stty cols 100; ${process.execPath} ${bin} scan --sandbox ${flags}`, "/dev/null"], {
        env: { TERM: "xterm-256color", CI: "1", ...env },
      });
    expect((await inTerminal("", { NO_COLOR: "1" })).stdout).not.toContain("\u001b[");
    expect((await inTerminal("--no-color", {})).stdout).not.toContain("\u001b[");
    expect((await stuckJobs(["scan", "--sandbox", "-o", "table"])).stdout).not.toContain("\u001b[");
  });
});

const STYLES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");

function withoutStyles(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(STYLES, "").replace(/^.*\r/gm, "");
}

describe("the sandbox of a base that is not the preset's", () => {
  it("has a job of every kind", async () => {
    const cwd = folder();
    const { code, stdout, stderr } = await stuckJobs(["recover", "--sandbox=renders", "-o", "json"], { cwd });
    expect([code, stderr]).toEqual([0, ""]);
    expect(verdictsIn(reportIn(stdout))).toEqual([
      "recRenderNoId0001 skip/no-external-id",
      "recRenderTask0001 recover/output-found",
      "recRenderTask0002 recover/output-found",
      "recRenderTask0003 recover/output-found",
      "recRenderTask0004 fail/output-absent",
      "recRenderTask0005 wait/output-not-visible",
      "recRenderTask0006 unknown/suspect-output",
      "recRenderTask0007 skip/beyond-max-age",
      "recRenderTask0008 skip/target-occupied",
    ]);
    expect(await stuckJobs(["recover", "--sandbox=renders"], { cwd })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  // The sandbox refuses all requests for 30 seconds where more than five arrive within one.
  it("lets init, doctor and scan pass within the base's rate limit", async () => {
    const { code, stdout } = await stuckJobs(["init", "--yes", "--sandbox=renders"]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/20 passed(?:.*\n)*stuck-jobs scan: 9 stuck jobs: 4 would be/),
    ]);
  });

  it("is configured as init configures it from the base alone", async () => {
    const { code, stdout } = await stuckJobs(["init", "--yes", "--dry-run", "--sandbox=renders"]);
    expect(code).toBe(0);
    const { airtable, ...content } = parse(stdout);
    expect(airtable).toEqual({ baseId: "appSandbox0000002" });
    expect(content).toEqual(rendersConfig(content.storage.baseUrl.replace("/renders", "")));
  });

  it("starts over after a reset", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox=renders"], { cwd });
    expect((await stuckJobs(["sandbox", "reset"], { cwd })).code).toBe(0);
    expect((await stuckJobs(["scan", "--sandbox=renders"], { cwd })).stdout).toContain("9 stuck jobs");
  });
});
