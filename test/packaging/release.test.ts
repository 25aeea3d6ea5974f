import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { folder, run } from "../e2e/cli.ts";

const NEEDED = [
  "package.json",
  "package-lock.json",
  "CHANGELOG.md",
  "LICENSE",
  "scripts",
  "src",
  "man",
  "docs",
  "schema",
];

/** A repository with these sources, as one commit on main. */
function repository(): string {
  const cwd = folder();
  for (const path of [...NEEDED, "examples", "types"]) cpSync(path, join(cwd, path), { recursive: true });
  symlinkSync(resolve("node_modules"), join(cwd, "node_modules"));
  writeFileSync(join(cwd, ".gitignore"), "node_modules\n.state\n");
  const who = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  for (const args of [
    ["init", "-qb", "main"],
    ["add", "-A"],
    [...who, "commit", "-qm", "All"],
  ])
    git(cwd, ...args);
  return cwd;
}

function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync("git", args, { cwd, encoding: "utf8" });
}

const release = (cwd: string, ...args: readonly string[]) =>
  run(process.execPath, ["scripts/release.mjs", ...args], { cwd, env: { HOME: cwd } });

/** It runs esbuild several times, which takes its time on a machine that has other work. */
const PATIENCE = 300_000;

describe("the release script", { timeout: PATIENCE }, () => {
  it("shows by default what would change, and writes nothing", async () => {
    const cwd = repository();
    const { code, stdout } = await release(cwd, "99.0.0", "--date", "2030-01-02");
    expect(code).toBe(0);
    expect(stdout).toContain(`Would release 99.0.0 (now ${packageJson.version})`);
    expect(git(cwd, "status", "--porcelain")).toBe("");
  });

  it("writes version, changelog and man page so that its own check agrees", async () => {
    const cwd = repository();
    const { code, stderr } = await release(cwd, "99.0.0", "--write", "--date", "2030-01-02");
    expect([code, stderr]).toEqual([0, ""]);
    const changed = git(cwd, "diff", "--name-only").trim().split("\n");
    const expected = ["CHANGELOG.md", "examples/github-actions/stuck-jobs-smoke.yml", "man/stuck-jobs.1"];
    expect(changed).toEqual([...expected, "package-lock.json", "package.json"]);
    const changelog = readFileSync(join(cwd, "CHANGELOG.md"), "utf8");
    expect(changelog).toContain("## [Unreleased]\n\n## [99.0.0] - 2030-01-02\n");
    expect((await release(cwd, "--check", "v99.0.0")).code).toBe(0);
    expect((await release(cwd, "--check", "v99.0.1")).stderr).toBe("tag: v99.0.1; package.json has 99.0.0\n");
    expect((await release(cwd, "--notes")).stdout).toMatch(/^### /);
  });

  it("refuses an older version, a dirty tree, and another branch", async () => {
    const cwd = repository();
    git(cwd, "checkout", "-qb", "other");
    writeFileSync(join(cwd, "new.txt"), "");
    const { code, stderr } = await release(cwd, "0.0.1");
    const problems = [
      `version: 0.0.1 is not newer than ${packageJson.version}`,
      "git: the work tree has changes",
      "git: on other; expected main",
    ];
    expect([code, stderr]).toEqual([1, `${problems.join("\n")}\n`]);
  });
});

describe("the bill of materials", { timeout: PATIENCE }, () => {
  it("is CycloneDX, and has each part that is bundled, with its licence", async () => {
    const { code, stdout } = await run(process.execPath, ["scripts/sbom.mjs"], { cwd: resolve(".") });
    expect(code).toBe(0);
    const { bomFormat, components, metadata } = JSON.parse(stdout);
    expect([bomFormat, metadata.component.name]).toEqual(["CycloneDX", "stuck-jobs"]);
    const licences = readFileSync("dist/THIRD-PARTY-LICENSES.txt", "utf8");
    expect(components.length).toBeGreaterThan(10);
    for (const { name, version, licenses } of components) {
      expect(licences).toContain(`${name} ${version}\n`);
      expect([name, licenses.length]).toEqual([name, 1]);
    }
  });
});
