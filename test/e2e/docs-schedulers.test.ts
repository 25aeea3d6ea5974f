import { readFileSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { folder, run } from "./cli.ts";

const blocks = [...readFileSync("docs/schedulers.md", "utf8").matchAll(/^```sh\n(.*?)^```$/gms)].map(
  ([, text = ""]) => text,
);
const calls = blocks.flatMap((text) => text.split("\n")).filter((line) => line.startsWith("stuck-jobs "));

it("holds commands to run", () => {
  expect(calls.length).toBeGreaterThan(5);
});

it.each(calls)("`%s` works as docs/schedulers.md shows it", async (line) => {
  const [bin, cwd] = [folder(), folder()];
  symlinkSync(resolve("bin/stuck-jobs.js"), join(bin, "stuck-jobs"));
  const ran = await run("/bin/sh", ["-c", line], { cwd, env: { PATH: `${bin}:${process.env.PATH}` } });
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
});
