import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { REASON_TEXTS } from "../src/cli/reasons.ts";
import { reasonsPage } from "../src/cli/render/reasons-page.ts";
import { REASONS } from "../src/core/verdict.ts";

describe("docs/reasons.md", () => {
  it("says of every reason what it means and what to do (npm run docs:reasons writes it)", () => {
    expect(readFileSync("docs/reasons.md", "utf8")).toBe(reasonsPage());
    for (const [kind, reasons] of Object.entries(REASONS)) {
      const told = Object.entries(REASON_TEXTS).find(([name]) => name === kind)?.[1] ?? {};
      expect(Object.keys(told).sort()).toEqual([...reasons].sort());
    }
  });
});
