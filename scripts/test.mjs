import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// What `npm test` and CI run: build, types, lint, tests. The last line counts, types and lint as one test each.
const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-test-"));
const results = join(folder, "results.json");
// Colours are for people; a log keeps them as noise.
const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
const run = (command, ...args) =>
  spawnSync(command, args, { env, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
const node = (path, ...args) => run(process.execPath, path, ...args);

const gates = [
  node("scripts/build.mjs"),
  node("node_modules/typescript/bin/tsc", "--noEmit"),
  node("node_modules/@biomejs/biome/bin/biome", "check", "."),
];
const tested = node(
  "node_modules/vitest/vitest.mjs",
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile=${results}`,
  ...process.argv.slice(2),
);
let passed = gates.filter(Boolean).length;
let failed = gates.length - passed;
try {
  const report = JSON.parse(readFileSync(results, "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  if (!tested && report.numFailedTests === 0) failed += 1;
} catch {
  failed += 1;
}
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
