import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { folder, run } from "./cli.ts";
import { openWorld } from "./world.ts";

const home = mkdtempSync(join(tmpdir(), "stuck-jobs-package-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const env = { HOME: home, npm_config_cache: join(home, "cache"), npm_config_update_notifier: "false" };
const npm = (args: readonly string[], cwd: string) => run("npm", args, { env, cwd });
let tarball = "";

/** npm takes its time on a machine that has other work. */
const PATIENCE = 300_000;

beforeAll(async () => {
  const destination = join(home, "packed");
  mkdirSync(destination);
  const packed = await npm(["pack", "--ignore-scripts", "--json", "--pack-destination", destination], resolve("."));
  expect(packed.code).toBe(0);
  tarball = join(destination, readdirSync(destination)[0] ?? "");
}, PATIENCE);

describe("the packed tarball", { timeout: PATIENCE }, () => {
  it("installs globally into an empty prefix, offline and without a warning, and does the main job there", async () => {
    const prefix = folder();
    const args = ["install", "--global", "--prefix", prefix, "--offline", "--no-audit", "--no-fund", tarball];
    const installed = await npm(args, folder());
    expect([installed.code, installed.stderr]).toEqual([0, ""]);
    expect(readdirSync(join(prefix, "lib/node_modules"))).toEqual(["stuck-jobs"]);

    expect(readdirSync(join(prefix, "share/man/man1"))).toEqual(["stuck-jobs.1"]);
    const program = join(prefix, "bin/stuck-jobs");
    expect(statSync(program).mode & 0o111).not.toBe(0);
    const version = await run(program, ["--version"], {});
    expect(version.stdout).toContain(packageJson.version);
    const recovered = await run(program, ["recover", "--sandbox"], {});
    expect([recovered.code, recovered.stderr]).toEqual([0, ""]);
    expect(recovered.stdout).toContain("10 recovered, 2 failed");

    const { stdout: written } = await run(program, ["init", "--yes", "--dry-run"], { env: (await openWorld()).env });
    const [, schema = ""] = /\$schema=(.+)$/m.exec(written) ?? [];
    expect(schema).toBe(join(prefix, "lib/node_modules/stuck-jobs/schema/stuck-jobsrc.schema.json"));
    expect(statSync(schema).isFile()).toBe(true);
  });

  it("runs by npx in an empty folder, offline, and leaves nothing there but the sandbox", async () => {
    const cwd = folder();
    const args = ["--yes", "--offline", "--package", `file:${tarball}`, "--", "stuck-jobs", "recover", "--sandbox"];
    const { code, stdout, stderr } = await run("npx", args, { env, cwd });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("10 recovered, 2 failed");
    expect(readdirSync(cwd).filter((name) => !name.startsWith(".stuck-jobs-sandbox"))).toEqual([]);
  });

  it("brings the types of stuck-jobs.config.ts, which an editor and tsc check", async () => {
    const project = folder();
    writeFileSync(join(project, "package.json"), '{ "type": "module" }');
    const installed = await npm(["install", "--offline", "--no-audit", "--no-fund", tarball], project);
    expect(installed.code).toBe(0);
    const lines = ['import { defineConfig } from "stuck-jobs";', "export default defineConfig({"];
    writeFileSync(
      join(project, "good.config.ts"),
      [...lines, '  thresholds: { stuckAfter: "10m" },', "});"].join("\n"),
    );
    writeFileSync(join(project, "bad.config.ts"), [...lines, '  threshold: { stuckAfter: "10m" },', "});"].join("\n"));
    symlinkSync(resolve("node_modules/typescript"), join(project, "node_modules/typescript"));
    const flags = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--types", ""];
    const { stdout } = await run(
      process.execPath,
      [join(project, "node_modules/typescript/bin/tsc"), ...flags, "good.config.ts", "bad.config.ts"],
      { cwd: project },
    );
    expect(stdout.split("\n").map((line) => line.replace(/\(.*/, ""))).toEqual(["bad.config.ts", ""]);
    expect(stdout).toContain("'threshold' does not exist");
  });

  it("has the licence of each part that is bundled", async () => {
    const listed = await run("tar", ["-xzOf", tarball, "package/dist/THIRD-PARTY-LICENSES.txt"], {});
    for (const name of ["airtable", "commander", "undici", "zod"])
      expect(listed.stdout).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(listed.stdout).not.toMatch(/\bA?GPL\b|UNLICENSED/);
  });

  it("is described whole: where it comes from, where to report, and what it exports", () => {
    const { name, license, author, homepage, repository, bugs, exports, types, engines } = packageJson;
    for (const each of [name, license, author, homepage, repository.url, bugs, exports, types, engines.node]) {
      expect(each).toBeTruthy();
    }
    const lifecycle = Object.keys(packageJson.scripts).filter((each) => /^(pre|post)?(install|prepare)$/.test(each));
    expect(lifecycle).toEqual([]);
    expect(readFileSync("LICENSE", "utf8")).toContain("MIT License");
  });
});
