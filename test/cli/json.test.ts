import { describe, expect, it } from "vitest";
import { renderJson, renderJsonOfSeveral } from "../../src/cli/render/json.ts";
import { entry, reportOf, verdict } from "../support/reports.ts";

const BASE = { name: "shop", id: "appTest0000000001", all: ["appTest0000000001"] };
const REPORTS = [
  reportOf([]),
  reportOf([entry(1, { verdict: verdict("output-found") })]),
  reportOf([entry(1, { verdict: verdict("output-pending", 'two\nlines and "quotes"') }), entry(2), entry(3)]),
];

const toJson = (value: unknown, indent = 0) => JSON.stringify(value, null, indent);

/** Printed as JSON.stringify would print it: indented by two, in the same places. */
function asPrintedAtOnce(text: string): string {
  return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
}

describe("a report that is printed in parts", () => {
  it.each([0, 1, 3])("is one document with %i jobs", (jobs) => {
    const report = REPORTS.find(({ entries }) => entries.length === jobs) ?? reportOf([]);
    const text = [...renderJson(report, new Map(), BASE, toJson)].join("");
    expect(text).toBe(asPrintedAtOnce(text));
    expect(JSON.parse(text)).toMatchObject({ base: { name: "shop" }, jobs: { length: jobs } });
  });

  it.each([0, 1, 3])("is one of %i in a document of several", (count) => {
    const reports = REPORTS.slice(0, count).map((report) => ({ report, typical: new Map(), base: BASE }));
    const text = [...renderJsonOfSeveral({ schema: "x" }, reports, { faults: [{ exitCode: 4 }] }, toJson)].join("");
    expect(text).toBe(asPrintedAtOnce(text));
    expect(Object.keys(JSON.parse(text))).toEqual(["schema", "reports", "faults"]);
    expect(JSON.parse(text)).toMatchObject({ reports: { length: count }, faults: [{ exitCode: 4 }] });
  });
});
