import { describe, expect, it } from "vitest";
import { toSummary } from "../../../src/core/domain/job.ts";
import { NOTHING_REPORTED } from "../../../src/core/domain/response-payload.ts";
import { TARGET_MISSING } from "../../../src/core/domain/verdict.ts";
import type { SweepItem } from "../../../src/core/sweep/item.ts";
import { addOutcomes, collectOutcomes, Ledger } from "../../../src/core/sweep/ledger.ts";
import { job } from "../../support/builders.ts";

function item(id: string): SweepItem {
  const about = {
    operation: "combine",
    age: 1,
    version: null,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate: null,
    target: null,
    verdict: null,
  };
  return { job: toSummary(job({ id })), ...about };
}

describe("a stage", () => {
  it("that is stopped by an error returns the error with what was done before", async () => {
    const [one, two] = [item("rec1"), item("rec2")];
    const stopped = new Error("stopped");
    const result = await collectOutcomes(async (outcomes) => {
      outcomes.push({ item: one, applied: true });
      const part = await collectOutcomes(async (inner) => {
        inner.push({ item: two, error: "HTTP 422" });
        throw stopped;
      });
      addOutcomes(outcomes, part);
      outcomes.push({ item: two, applied: true });
    });
    expect(result).toEqual({
      outcomes: [
        { item: one, applied: true },
        { item: two, error: "HTTP 422" },
      ],
      failure: { error: stopped },
    });
  });
});

describe("the ledger", () => {
  it("keeps what an outcome does not name, and takes the last of what two outcomes name", () => {
    const one = item("rec1");
    const ledger = new Ledger([one]);
    ledger.merge([{ item: one, verdict: TARGET_MISSING, error: "first" }]);
    ledger.merge([{ item: one, error: "second" }]);
    expect(ledger.get(one)).toMatchObject({ verdict: TARGET_MISSING, error: "second", applied: false });
  });

  it("adds an item that a stage brought along, after those of the listing", () => {
    const [one, two] = [item("rec1"), item("rec2")];
    const ledger = new Ledger([one]);
    ledger.merge([{ item: two, applied: true }]);
    expect(ledger.results().map(({ item, applied }) => [item.job.id, applied])).toEqual([
      ["rec1", false],
      ["rec2", true],
    ]);
  });
});
