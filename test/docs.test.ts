import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { REASONS } from "../src/core/verdict.ts";

describe("docs/reasons.md", () => {
  it.each(Object.entries(REASONS))("says of every reason to %s what it means and what to do", (kind, reasons) => {
    const text = readFileSync("docs/reasons.md", "utf8");
    const section = text.split(/^## /m).find((each) => each.startsWith(`${kind}:`)) ?? "";
    const told = [...section.matchAll(/^\| `([a-z-]+)` \| (.+) \| (.+) \|$/gm)].map(([, name]) => name);
    expect(told.sort()).toEqual([...reasons].sort());
  });
});
