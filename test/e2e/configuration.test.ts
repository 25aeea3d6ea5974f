import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { openWorld } from "./world.ts";

/** How many of the jobs of 20 minutes and of 2 hours a scan shows as stuck. */
async function shown(files: Readonly<Record<string, string>>, env: Record<string, string> = {}, flags: string[] = []) {
  const world = await openWorld();
  world.job("recJob20minutes01", { Type: "combine" }, 20 * 60_000);
  world.job("recJob2hours00001", { Type: "combine" }, 2 * 3_600_000);
  const cwd = folder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(cwd, name, ".."), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  const { code, stdout, stderr } = await stuckJobs(["scan", "-o", "json", ...flags], {
    env: { ...world.env, ...env },
    cwd,
  });
  expect([code, stderr]).toEqual([0, ""]);
  return reportIn(stdout).summary.stuck;
}

describe("the configuration", () => {
  it.each([
    [".stuck-jobsrc.yaml", "thresholds: { stuckAfter: 1h }"],
    [".stuck-jobsrc.json", '{"thresholds": {"stuckAfter": "1h"}}'],
    [".stuck-jobsrc", "thresholds:\n  stuckAfter: 1h\n"],
    ["stuck-jobs.config.mjs", 'export default { thresholds: { stuckAfter: "1h" } };'],
    ["stuck-jobs.config.cjs", 'module.exports = { thresholds: { stuckAfter: "1h" } };'],
    ["stuck-jobs.config.ts", 'const after: string = "1h";\nexport default { thresholds: { stuckAfter: after } };'],
    ["package.json", '{"name": "x", "stuck-jobs": {"thresholds": {"stuckAfter": "1h"}}}'],
    [".config/stuck-jobsrc.yml", "thresholds: { stuckAfter: 1h }"],
  ])("is found in %s", async (name, content) => {
    expect(await shown({ [name]: content })).toBe(1);
  });

  it("is not needed", async () => {
    expect(await shown({})).toBe(2);
  });

  it("is read from the file that --config names, found or not", async () => {
    const files = { "other.yaml": "thresholds: { stuckAfter: 1h }", ".stuck-jobsrc.yaml": "thresholds: {}" };
    expect(await shown(files, {}, ["--config", "other.yaml"])).toBe(1);
  });

  it("gives way to flags", async () => {
    const files = { ".stuck-jobsrc.yaml": "thresholds: { stuckAfter: 1h }" };
    expect(await shown(files, {}, ["--older-than", "5m"])).toBe(2);
  });
});
