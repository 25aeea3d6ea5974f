import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { diagnosisIn } from "../doctor/doctor-world.ts";
import { folder, run, stuckJobs } from "./cli.ts";
import { openWorld } from "./world.ts";

describe("doctor", () => {
  it("finds nothing wrong with the sandbox, for few requests, and changes nothing", async () => {
    const cwd = folder();
    await stuckJobs(["scan", "--sandbox"], { cwd });
    const before = readFileSync(join(cwd, ".stuck-jobs-sandbox.json"), "utf8");
    const { code, stdout, stderr } = await stuckJobs(["doctor", "--sandbox", "-o", "json"], { cwd });
    expect([code, stderr]).toEqual([0, ""]);
    const { checks, worst, requests } = diagnosisIn(stdout);
    expect(worst).toBe("pass");
    expect(checks.length).toBeGreaterThan(15);
    expect(requests.airtable).toBeLessThanOrEqual(7);
    expect(readFileSync(join(cwd, ".stuck-jobs-sandbox.json"), "utf8")).toBe(before);
  });

  it("prints nothing with --quiet when all is well", async () => {
    expect(await stuckJobs(["doctor", "--sandbox", "-q"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it("prints a line for each check, what to do below it, and the count, without colours for a pipe", async () => {
    const world = await openWorld();
    const env = { ...world.env, AIRTABLE_API_KEY: "patWrong000000001.beef" };
    const { code, stdout, stderr } = await stuckJobs(["doctor"], { env });
    expect([code, stderr]).toEqual([4, ""]);
    expect(stdout).toMatch(/^✓ Node +\d/m);
    expect(stdout).toMatch(/^✗ token +Airtable refused the token: HTTP 401 AUTHENTICATION_REQUIRED/m);
    expect(stdout).toMatch(/^ +→ Create a token at https:\/\/airtable\.com\/create\/tokens/m);
    expect(stdout).toMatch(
      /\n\n\d+ passed, 2 warnings, 1 failed\. Nothing was changed\.\n1 Airtable request, \d probes\.\n$/,
    );
    expect(stdout).not.toContain("\u001b[");
    expect(stdout).not.toContain("patWrong");
  });

  it("reports everything that is wrong with the configuration at once, and goes on where it can", async () => {
    const world = await openWorld();
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { code, stdout } = await stuckJobs(["doctor", "-o", "json"], {
      env: { ...env, AIRTABLE_API_KEY_FILE: "/nowhere/token", POLLING_INTERVAL_MINUTES: "soon" },
    });
    expect(code).toBe(2);
    const { checks } = diagnosisIn(stdout);
    const failed = checks.filter(({ level }) => level === "fail");
    expect(failed.map(({ title }) => title).sort()).toEqual(["AIRTABLE_API_KEY_FILE", "POLLING_INTERVAL_MINUTES"]);
    expect(checks.find(({ id }) => id === "storage")).toMatchObject({ level: "pass" });
    expect(world.requests).toEqual([]);
  });

  it.each([60, 100])("keeps its page within %i columns, and paints it on a terminal", async (columns) => {
    const bin = join(process.cwd(), "bin/stuck-jobs.js");
    const command = `stty cols ${columns} rows 50; ${process.execPath} ${bin} doctor --sandbox`;
    const { stdout } = await run("script", ["-qec", command, "/dev/null"], { env: { TERM: "xterm-256color" } });
    expect(stdout).toContain("\u001b[32m");
    const lines = stdout.replaceAll("\r\n", "\n").replace(STYLES, "").split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });
});

const STYLES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");
