import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

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
    [
      "stuck-jobs.config.ts",
      'import { type Config, defineConfig } from "stuck-jobs";\nconst file: Config = { thresholds: { stuckAfter: "1h" } };\nexport default defineConfig(file);',
    ],
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

describe("a configuration that another user could have left there", () => {
  it("is not run in the form of cosmiconfig's own configuration", async () => {
    const world = await openWorld();
    const cwd = folder();
    mkdirSync(join(cwd, ".config"));
    const ran = join(cwd, "ran");
    writeFileSync(join(cwd, ".config/config.cjs"), `require("node:fs").writeFileSync(${JSON.stringify(ran)}, "");`);
    expect((await stuckJobs(["scan"], { env: world.env, cwd })).code).toBe(0);
    expect(existsSync(ran)).toBe(false);
  });

  it("is refused, without a request, where others may write to its folder; --config takes it", async () => {
    const world = await openWorld();
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), "thresholds: { stuckAfter: 1h }");
    chmodSync(cwd, 0o777);
    const { code, stderr } = await stuckJobs(["scan"], { env: world.env, cwd });
    expect([code, stderr]).toEqual([2, expect.stringContaining("may be written by others")]);
    expect(world.requests).toEqual([]);
    const named = await stuckJobs(["scan", "--config", ".stuck-jobsrc.yaml"], { env: world.env, cwd });
    expect(named.code).toBe(0);
  });

  it.runIf(process.getuid?.() === 0)("is an error where it cannot be read, instead of the preset", async () => {
    const world = await openWorld();
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), "thresholds: { stuckAfter: 1h }", { mode: 0o600 });
    chmodSync(cwd, 0o755);
    const { code, stderr } = await stuckJobs(["scan"], { env: world.env, cwd, uid: 65_534 });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/\.stuck-jobsrc\.yaml: cannot be read: EACCES/)]);
    expect(world.requests).toEqual([]);
  });
});

describe("ids in the place of names", () => {
  /** Every table and field that an operation uses, by its id. */
  const IDS = `
preset: none
jobs:
  table: tblEjYfRwCztHOF5G
  fields:
    status: fldqxdYmcyYNL1PFz
    type: fldLiddAGJ423Dqd7
    externalId: fldhQ2Cs71olPMDe5
    requestPayload: fldY68OBABMwRknAr
    responsePayload: fldcw5ZLqEtMonqbJ
    error: fldn2rhy5jhBVmIbP
    notes: fldx0wiUcU79napoX
storage: { baseUrl: https://bucket.example.com }
operations:
  combine:
    types: [combine]
    outputs: ["{externalId}_output_0.mp4"]
    target: { table: tblc86DDGKFh0adHu, links: [fldR39EIMMDtuY7Pu] }
    attachment: fldmOgodOfRnrhyeY
    set: { fld13CH6qdwkjEvgO: combined }
`;

  it("are looked up in the base's schema, and the sweep does as it does with names", async () => {
    const world = await openWorld();
    addSegment(world, "recSegment0000001");
    world.job("recJob00000000001", { Type: "combine", "External Job ID": "ext-1", Segments: ["recSegment0000001"] });
    world.output("ext-1_output_0.mp4");
    const cwd = folder();
    writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), IDS);
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], { env: world.env, cwd });
    expect([code, stderr]).toEqual([0, ""]);
    expect(reportIn(stdout).summary).toMatchObject({ stuck: 1, recovered: 1 });
    expect(world.fields("Jobs", "recJob00000000001").Status).toBe("completed");
    expect(world.fields("Segments", "recSegment0000001")).toMatchObject({
      Status: "combined",
      "Voiceover + Video": [{ filename: "ext-1_output_0.mp4" }],
    });
  });
});
