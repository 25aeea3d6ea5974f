import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import mutants from "./sim/mutants.json" with { type: "json" };

const page = readFileSync("docs/reliability.md", "utf8");

/** Returns the part of the page between two marks. */
function section(name: string): string {
  return new RegExp(`<!-- ${name} -->(.*)<!-- /${name} -->`, "s").exec(page)?.[1] ?? "";
}

describe("docs/reliability.md", () => {
  it("names only tests that exist", () => {
    const named = [...page.matchAll(/`(test\/\S+\.test\.ts)`((?:,? "[^"]+")+)/g)].flatMap(
      ([, file = "", titles = ""]) => [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
    );
    expect(named.length).toBeGreaterThan(40);
    expect(named.filter(({ file, title }) => !readFileSync(file, "utf8").includes(title))).toEqual([]);
  });

  it("names a test for each promise", () => {
    const rows = [...(page.split("\n## ")[1] ?? "").matchAll(/^\| (?!promise|-)([^|]+)\|(.+)\|$/gm)];
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(([, , held = ""]) => !held.includes("`test/")).map(([row]) => row)).toEqual([]);
  });

  it("has the seed at which each mutant was found: all of them were (npm run sim:mutants -- --write)", () => {
    const found = [...section("mutants").matchAll(/^\| ([^|]+) \| \d+ \|/gm)].map(([, guard]) => guard);
    expect(found).toEqual(mutants.map(({ guard }) => guard));
    expect(section("mutants")).toContain(`\n${mutants.length} of ${mutants.length} found`);
  });
});
