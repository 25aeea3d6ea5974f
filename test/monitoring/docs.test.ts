import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { METRICS } from "../../src/monitoring/metrics.ts";

const text = readFileSync("docs/monitoring.md", "utf8");

it("docs/monitoring.md lists every metric with its type, in their order", () => {
  const listed = [...text.matchAll(/^\| `(stuck_jobs_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => ({ name, type }));
  expect(listed).toEqual(METRICS.map(({ name, type }) => ({ name, type })));
});

it("docs/monitoring.md explains every exit code", () => {
  const codes = [...text.matchAll(/^\| (\d+(?:, \d+)*) \|/gm)].flatMap(([, found = ""]) => found.split(", "));
  expect(codes.map(Number)).toEqual(Object.values(EXIT));
});
