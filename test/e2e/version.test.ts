import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { folder, stuckJobs } from "./cli.ts";
import { openWorld } from "./world.ts";

it("--version tells the version, that of Node and the platform", async () => {
  const { code, stdout, stderr } = await stuckJobs(["--version"]);
  expect([code, stderr]).toEqual([0, ""]);
  const { version, platform, arch } = process;
  expect(stdout).toBe(`stuck-jobs ${packageJson.version} (node ${version}, ${platform} ${arch})\n`);
});

it.each([["--version"], ["--help"], ["scan", "--sandbox"], ["doctor", "--sandbox"]])(
  "prints no warning of Node's, which cron would mail: %s %s",
  async (...words) => {
    const { code, stderr } = await stuckJobs(words.filter((word) => word !== undefined));
    expect([code, stderr]).toEqual([0, ""]);
  },
);

it("--version loads one file", async () => {
  const loaded = await filesLoadedBy(["--version"]);
  expect(loaded.map((path) => basename(path))).toEqual(["main.cjs"]);
  expect(bytesOf(loaded)).toBeLessThan(20_000);
});

it("a sweep that finds nothing loads no checker, no other HTTP client, and no file beside its own", async () => {
  const world = await openWorld();
  const loaded = await filesLoadedBy(["recover"], world.env);
  expect(loaded.map((path) => basename(path)).sort()).toEqual(["main.cjs", "sweep.cjs"]);
  // What cron loads every two minutes. zod alone is 150 kB, undici 700.
  expect(bytesOf(loaded)).toBeLessThan(340_000);
});

async function filesLoadedBy(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const coverage = join(folder(), "coverage");
  mkdirSync(coverage);
  const { code, stderr } = await stuckJobs(args, { env: { ...env, NODE_V8_COVERAGE: coverage } });
  expect([code, stderr]).toEqual([0, ""]);
  return readdirSync(coverage).flatMap((name) => scriptsIn(join(coverage, name)));
}

function bytesOf(paths: readonly string[]): number {
  return paths.map((path) => statSync(path).size).reduce((sum, size) => sum + size, 0);
}

/** The paths of our own code that a coverage file of V8 tells of. */
function scriptsIn(file: string): readonly string[] {
  const urls = readFileSync(file, "utf8").matchAll(/"url":"(file:[^"]+\/dist\/[^"]+)"/g);
  return [...urls].map(([, url = ""]) => fileURLToPath(url));
}
