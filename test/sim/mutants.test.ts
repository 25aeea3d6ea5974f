import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import mutants from "./mutants.json" with { type: "json" };

// When the code has moved on, the edit in mutants.json has to follow it; `npm run sim:mutants` tries all of them.
it.each(mutants)("there is one place at which to switch off: $guard", ({ file, find }) => {
  expect(readFileSync(file, "utf8").split(find)).toHaveLength(2);
});
