import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readConfigFile } from "../../../src/config/file/read-config-file.ts";
import { ConfigError } from "../../../src/config/problems.ts";

const CONTENT = "thresholds: { stuckAfter: 1h }";
const PARSED = { thresholds: { stuckAfter: "1h" } };
const isRoot = process.getuid?.() === 0;
const ANOTHER_USER = 12_345;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "stuck-jobs-config-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A folder with one file in it. */
function folderWith(name: string, content: string): string {
  const path = folder();
  writeFileSync(join(path, name), content);
  return path;
}

async function problemIn(cwd: string, named: string | null = null): Promise<string> {
  try {
    await readConfigFile(named, cwd);
  } catch (error) {
    if (error instanceof ConfigError) return `${error.message}\n${error.hint}`;
    throw error;
  }
  return "read";
}

describe("the search for a configuration file", () => {
  it("goes up from the working directory, to the root of the project", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    mkdirSync(join(path, "a/b"), { recursive: true });
    expect((await readConfigFile(null, join(path, "a/b"))).content).toEqual(PARSED);
    writeFileSync(join(path, "a/package.json"), "{}");
    expect((await readConfigFile(null, join(path, "a/b"))).path).toBeNull();
  });

  it("passes over empty files and folders of the name", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    writeFileSync(join(path, ".stuck-jobsrc"), " \n");
    mkdirSync(join(path, ".stuck-jobsrc.json"));
    expect((await readConfigFile(null, path)).content).toEqual(PARSED);
  });

  it("does not run cosmiconfig's own configuration, .config/config.cjs", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    mkdirSync(join(path, ".config"));
    writeFileSync(
      join(path, ".config/config.cjs"),
      `require("node:fs").writeFileSync(${JSON.stringify(join(path, "ran"))}, "");`,
    );
    expect((await readConfigFile(null, path)).content).toEqual(PARSED);
    expect(readdirSync(path)).not.toContain("ran");
  });

  it("refuses a file that is a pipe, instead of waiting for it", async () => {
    const path = folder();
    execFileSync("mkfifo", [join(path, ".stuck-jobsrc.yaml")]);
    expect(await problemIn(path)).toContain("is no regular file");
  });
});

describe("a configuration file that was found by the search", () => {
  it("is refused where others may write to it", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    chmodSync(join(path, ".stuck-jobsrc.yaml"), 0o666);
    const problem = await problemIn(path);
    expect(problem).toContain(".stuck-jobsrc.yaml may be written by others; expected chmod go-w");
    expect(problem).toContain(`name it: --config ${path}/.stuck-jobsrc.yaml`);
  });

  it("is refused where others may write to its folder", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    chmodSync(path, 0o777);
    expect(await problemIn(path)).toContain(`${path} may be written by others`);
  });

  it("is refused where it is a link into a folder that others may write to", async () => {
    const [path, open] = [folder(), folderWith("config.yaml", CONTENT)];
    chmodSync(open, 0o777);
    symlinkSync(join(open, "config.yaml"), join(path, ".stuck-jobsrc.yaml"));
    expect(await problemIn(path)).toContain(`${open} may be written by others`);
  });

  it("is taken where only the user's own group may write to it", async () => {
    const path = folderWith(".stuck-jobsrc.yaml", CONTENT);
    chmodSync(path, 0o770);
    chmodSync(join(path, ".stuck-jobsrc.yaml"), 0o660);
    expect((await readConfigFile(null, path)).content).toEqual(PARSED);
  });

  it.runIf(isRoot)("is refused where it belongs to another user, before its code runs", async () => {
    const path = folder();
    const file = join(path, "stuck-jobs.config.cjs");
    writeFileSync(file, `require("node:fs").writeFileSync(${JSON.stringify(join(path, "ran"))}, "");`);
    chownSync(file, ANOTHER_USER, ANOTHER_USER);
    expect(await problemIn(path)).toContain(`belongs to user ${ANOTHER_USER}; expected this user (0) or root`);
    expect(readdirSync(path)).not.toContain("ran");
  });

  it.runIf(isRoot)("is refused where its folder belongs to another user, package.json included", async () => {
    for (const name of [".stuck-jobsrc.yaml", "package.json"]) {
      const path = folderWith(name, '{ "stuck-jobs": {} }');
      chownSync(path, ANOTHER_USER, ANOTHER_USER);
      expect(await problemIn(path)).toContain(`${path} belongs to user ${ANOTHER_USER}`);
    }
  });

  it.runIf(isRoot)("leaves a package.json of another user alone that holds no configuration", async () => {
    const path = folderWith("package.json", '{ "name": "x" }');
    chownSync(path, ANOTHER_USER, ANOTHER_USER);
    expect(await readConfigFile(null, path)).toEqual({ path: null, content: {} });
  });
});

describe("a configuration file that --config names", () => {
  it("is read whoever may write to it", async () => {
    const path = folderWith("config.yaml", CONTENT);
    chmodSync(path, 0o777);
    chmodSync(join(path, "config.yaml"), 0o666);
    if (isRoot) chownSync(join(path, "config.yaml"), ANOTHER_USER, ANOTHER_USER);
    expect((await readConfigFile("config.yaml", path)).content).toEqual(PARSED);
  });

  it("is an error where it is missing, or no configuration", async () => {
    const path = folderWith("config.txt", CONTENT);
    expect(await problemIn(path, "none.yaml")).toContain("none.yaml: cannot be read: ENOENT");
    expect(await problemIn(path, "config.txt")).toContain("expected a file that ends in .yaml");
  });
});

describe("a configuration file that cannot be used", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (let n = 0; n < 8; n += 1) {
    const [name, before] = [String.fromCharCode(98 + n), String.fromCharCode(97 + n)];
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(", ")}]`);
  }

  it.each([
    ["YAML with aliases of aliases, nine levels", ".stuck-jobsrc.yaml", bomb.join("\n"), "values, aliases included"],
    ["YAML that refers to itself", ".stuck-jobsrc.yaml", "a: &a [*a]", "nested deeper than"],
    ["YAML nested 100,000 deep", ".stuck-jobsrc.yaml", "[".repeat(100_000), "nesting exceeded"],
    [
      "JSON nested 100,000 deep",
      ".stuck-jobsrc.json",
      `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
      "nested deeper than",
    ],
    ["a file of 2 MB", ".stuck-jobsrc.json", `"${"x".repeat(2_000_000)}"`, "larger than"],
    ["broken YAML", ".stuck-jobsrc.yaml", "a: b: c", "not valid YAML: bad indentation"],
  ])("is an error: %s", async (_, name, content, expected) => {
    expect(await problemIn(folderWith(name, content))).toContain(expected);
  });

  it("is an error that does not show the lines of the file", async () => {
    for (const [name, content] of [
      [".stuck-jobsrc.json", '{ "storage": { "credentials": { "secretAccessKey": "s3cret-key" } '],
      [".stuck-jobsrc.yaml", "secretAccessKey: s3cret-key\n  a: b"],
    ] as const) {
      const problem = await problemIn(folderWith(name, content));
      expect(problem).toMatch(/: not valid (JSON|YAML)/);
      expect(problem).not.toContain("s3cret-key");
    }
  });
});

describe("a TypeScript configuration", () => {
  it("leaves no copy, and its relative imports resolve", async () => {
    const path = folder();
    const seen = join(path, "seen.json");
    writeFileSync(join(path, "after.mjs"), 'export const after = "1h";');
    writeFileSync(
      join(path, "stuck-jobs.config.ts"),
      `import { readdirSync, writeFileSync } from "node:fs";
       import { after } from "./after.mjs";
       writeFileSync(${JSON.stringify(seen)}, JSON.stringify(readdirSync(${JSON.stringify(path)})));
       const stuckAfter: string = after;
       export default { thresholds: { stuckAfter } };`,
    );
    chmodSync(join(path, "stuck-jobs.config.ts"), 0o600);
    expect((await readConfigFile(null, path)).content).toEqual(PARSED);
    expect(readdirSync(path).sort()).toEqual(["after.mjs", "seen.json", "stuck-jobs.config.ts"]);
    const { default: files } = await import(seen, { with: { type: "json" } });
    expect([...files].sort()).toEqual(["after.mjs", "stuck-jobs.config.ts"]);
  });
});
