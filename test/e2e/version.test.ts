import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { folder, stuckJobs } from "./cli.ts";

it("--version tells the version, that of Node and the platform", async () => {
  const { code, stdout, stderr } = await stuckJobs(["--version"]);
  expect([code, stderr]).toEqual([0, ""]);
  const { version, platform, arch } = process;
  expect(stdout).toBe(`stuck-jobs ${packageJson.version} (node ${version}, ${platform} ${arch})\n`);
});

it("--version loads the flags and nothing that sweeps", async () => {
  const coverage = join(folder(), "coverage");
  mkdirSync(coverage);
  await stuckJobs(["--version"], { env: { NODE_V8_COVERAGE: coverage } });
  const loaded = readdirSync(coverage).flatMap((name) => scriptsIn(join(coverage, name)));
  expect(loaded.some((path) => path.endsWith("dist/main.js"))).toBe(true);
  const bytes = loaded.map((path) => statSync(path).size).reduce((sum, size) => sum + size, 0);
  // commander is most of it; zod, undici or the sandbox alone would go far beyond.
  expect(bytes).toBeLessThan(150_000);
});

/** The paths of our own code that a coverage file of V8 tells of. */
function scriptsIn(file: string): readonly string[] {
  const urls = readFileSync(file, "utf8").matchAll(/"url":"(file:[^"]+\/dist\/[^"]+)"/g);
  return [...urls].map(([, url = ""]) => fileURLToPath(url));
}
