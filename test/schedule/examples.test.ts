import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { renderExamples } from "../../src/schedule/examples.ts";
import { TARGETS } from "../../src/schedule/schedule.ts";

const examples = renderExamples();

it.each(examples)("examples/$path is what `schedule print` renders by default (else: npm run examples)", (example) => {
  expect(readFileSync(join("examples", example.path), "utf8")).toBe(example.content);
});

it("holds no file that nothing renders", () => {
  const found = TARGETS.flatMap((target) => readdirSync(join("examples", target)).map((name) => `${target}/${name}`));
  expect(found.sort()).toEqual(examples.map(({ path }) => path).sort());
});
