import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { REASON_TEXTS, reasonsPage } from "../src/cli/help/reasons.ts";
import { REASONS } from "../src/core/domain/verdict.ts";
import { CHECKS } from "../src/doctor/check-result.ts";

describe("docs/reasons.md", () => {
  it("explains every reason (renew it with npm run docs:reasons)", () => {
    expect(readFileSync("docs/reasons.md", "utf8")).toBe(reasonsPage());
    for (const [kind, reasons] of Object.entries(REASONS)) {
      const texts = Object.entries(REASON_TEXTS).find(([name]) => name === kind)?.[1] ?? {};
      expect(Object.keys(texts).sort()).toEqual([...reasons].sort());
    }
  });
});

describe("docs/troubleshooting.md", () => {
  it("has a row for each check of doctor, in their order", () => {
    const page = readFileSync("docs/troubleshooting.md", "utf8");
    const [, section = ""] = /\n## What doctor says\n(.*?)\n## /s.exec(page) ?? [];
    const cells = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell = ""]) => cell);
    expect(cells.flatMap((cell) => cell.replaceAll("`", "").split(", "))).toEqual([...CHECKS]);
  });
});

describe("docs/security.md", () => {
  it("names an existing test for each attack", () => {
    const page = readFileSync("docs/security.md", "utf8");
    const [, section = ""] = /\n## Attacks\n(.*?)\n## /s.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| (?!attack )[^-].*\| ([^|]+) \|$/gm)];
    const tests = rows.map(([row, cell = ""]) => ({
      row,
      files: [...cell.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file),
    }));
    expect(tests.length).toBeGreaterThan(10);
    expect(tests.filter(({ files }) => files.length === 0 || !files.every((file) => existsSync(file)))).toEqual([]);
  });
});
