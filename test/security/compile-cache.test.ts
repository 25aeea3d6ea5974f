import { chmodSync, chownSync, lstatSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { folder, run } from "../e2e/cli.ts";

const MODULE = pathToFileURL("bin/compile-cache.js").href;

/** The folder that would be used, or "null". */
async function cacheIn(home: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const script = `import(${JSON.stringify(MODULE)}).then((m) => console.log(m.compileCacheFolder(process.env)))`;
  const { code, stdout } = await run(process.execPath, ["-e", script], { env: { XDG_CACHE_HOME: home, ...env } });
  expect(code).toBe(0);
  return stdout.trim();
}

describe("the compile cache", () => {
  it("is a folder that only this user can read and write", async () => {
    const home = folder();
    const used = await cacheIn(home);
    expect(used).toBe(join(home, "stuck-jobs", "compile-cache"));
    expect(lstatSync(used).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(home, "stuck-jobs")).mode & 0o777).toBe(0o700);
    expect(await cacheIn(home)).toBe(used);
  });

  it.each([
    ["a link in the place of the folder", (home: string) => link(home, join(home, "stuck-jobs", "compile-cache"))],
    ["a link in the place of its parent", (home: string) => link(home, join(home, "stuck-jobs"))],
    ["a parent that others may write to", (home: string) => mkdir(join(home, "stuck-jobs"), 0o777)],
    ["a folder that others may read", (home: string) => mkdir(join(home, "stuck-jobs", "compile-cache"), 0o755)],
    ["a home folder that others may write to", (home: string) => chmodSync(home, 0o777)],
    ["a file in its place", (home: string) => link(home, join(home, "stuck-jobs"), "/dev/null")],
  ])("is off for %s", async (_, attack) => {
    const home = folder();
    attack(home);
    expect(await cacheIn(home)).toBe("null");
  });

  it.skipIf(process.getuid?.() !== 0)("is off for a folder of another user", async () => {
    const home = folder();
    mkdir(join(home, "stuck-jobs", "compile-cache"), 0o700);
    chownSync(join(home, "stuck-jobs"), 12345, 12345);
    expect(await cacheIn(home)).toBe("null");
  });

  it("is used in a shared folder with the sticky bit, as /tmp has it", async () => {
    const home = folder();
    chmodSync(home, 0o1777);
    expect(await cacheIn(home)).toBe(join(home, "stuck-jobs", "compile-cache"));
  });

  it("is off where Node's own variable turns it off", async () => {
    expect(await cacheIn(folder(), { NODE_DISABLE_COMPILE_CACHE: "1" })).toBe("null");
  });
});

/** A private folder elsewhere, under the name of the cache or its parent. */
function link(home: string, path: string, target = mkdir(join(home, "elsewhere"), 0o700)): void {
  if (path.endsWith("compile-cache")) mkdir(join(home, "stuck-jobs"), 0o700);
  symlinkSync(target, path);
}

function mkdir(path: string, mode: number): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, mode);
  return path;
}
