import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { acquireLock } from "../../src/system/lock.ts";

const key = () => `test ${Math.random()}`;
const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-lock-"));
const holder = join(folder, "holder.mjs");

beforeAll(async () => {
  const contents = `import { acquireLock } from "./src/system/lock.ts";
const lock = await acquireLock(process.argv[2], new Date("2026-03-01T12:00:00Z"));
console.log(lock.kind);
setInterval(() => undefined, 1000);`;
  await build({
    stdin: { contents, resolveDir: ".", loader: "ts" },
    outfile: holder,
    bundle: true,
    platform: "node",
    format: "esm",
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

it("is held once, and free again after its release", async () => {
  const name = key();
  const first = await acquireLock(name, new Date());
  expect(first.kind).toBe("held");
  expect((await acquireLock(name, new Date())).kind).toBe("taken");
  if (first.kind === "held") await first.release();
  const again = await acquireLock(name, new Date());
  expect(again.kind).toBe("held");
  if (again.kind === "held") await again.release();
});

it("does not stand in the way of another base's", async () => {
  const locks = [await acquireLock(key(), new Date()), await acquireLock(key(), new Date())];
  expect(locks.map(({ kind }) => kind)).toEqual(["held", "held"]);
  for (const lock of locks) if (lock.kind === "held") await lock.release();
});

it("tells who holds it and since when, and dies with a holder that is killed", async () => {
  const name = key();
  const child = spawn(process.execPath, [holder, name], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  expect(await acquireLock(name, new Date())).toEqual({
    kind: "taken",
    by: { pid: child.pid, since: "2026-03-01T12:00:00.000Z" },
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = await acquireLock(name, new Date());
  expect(lock.kind).toBe("held");
  if (lock.kind === "held") await lock.release();
});
