import { expect, it } from "vitest";
import { commandsIn, runInShell } from "./doc-commands.ts";

const calls = commandsIn("docs/schedulers.md");

it("docs/schedulers.md has commands", () => {
  expect(calls.length).toBeGreaterThan(5);
});

it.each(calls)("`%s` works as docs/schedulers.md shows it", async (line) => {
  const ran = await runInShell(line);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
});
