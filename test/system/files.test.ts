import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readFileOrEmpty, replaceFile } from "../../src/system/files.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "stuck-jobs-files-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

it("replaceFile replaces a file as a whole, and leaves nothing beside it", async () => {
  const path = join(folder(), "a.prom");
  await replaceFile(path, "one", 0o600);
  await replaceFile(path, "two", 0o600);
  expect(await readFileOrEmpty(path)).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, ".."))).toEqual(["a.prom"]);
});

it("replaceFile does not follow a link at the name of its temporary file, or at the file's own", async () => {
  const path = folder();
  const victim = join(path, "victim");
  writeFileSync(victim, "untouched");
  const file = join(path, "a.prom");
  // The name that it once had.
  symlinkSync(victim, join(path, `.a.prom.${process.pid}.tmp`));
  symlinkSync(victim, file);
  await replaceFile(file, "metrics", 0o644);
  expect(readFileSync(victim, "utf8")).toBe("untouched");
  expect(() => readlinkSync(file)).toThrow();
  expect(readFileSync(file, "utf8")).toBe("metrics");
});

it("readFileOrEmpty returns nothing for a file that is not there, and throws for a folder", async () => {
  const path = folder();
  expect(await readFileOrEmpty(join(path, "none"))).toBe("");
  await expect(readFileOrEmpty(path)).rejects.toThrow("EISDIR");
});
