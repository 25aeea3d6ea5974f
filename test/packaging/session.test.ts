import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const svg = readFileSync("docs/session.svg", "utf8");

it("the README's recorded session is light, as narrow as a phone, and loads and runs nothing", () => {
  expect(svg.length).toBeLessThan(20_000);
  expect(Number(/width="(\d+)"/.exec(svg)?.[1])).toBeLessThanOrEqual(430);
  expect(svg).not.toMatch(/<script|<image|<foreignObject|href=|url\(|@import/);
  expect(readFileSync("README.md", "utf8")).toMatch(/!\[[^\]]+\]\(docs\/session\.svg\)/);
});

it("the README's recorded session stands still for those who want no motion, and shows no line wider than it is", () => {
  expect(svg).toContain("@media (prefers-reduced-motion:reduce)");
  const lines = svg.match(/<text>.*?<\/text>/g) ?? [];
  expect(lines.length).toBeGreaterThan(40);
  const plain = lines.map((line) => line.replace(/<[^>]*>/g, "").replace(/&\w+;/g, "?"));
  for (const line of plain) expect(line.length).toBeLessThanOrEqual(50);
  expect(plain).toContain("$ stuck-jobs recover --sandbox");
});
