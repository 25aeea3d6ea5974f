import fc from "fast-check";
import { expect, it } from "vitest";
import { toSummary } from "../../../../src/core/domain/job.ts";
import { NOTHING_REPORTED } from "../../../../src/core/domain/response-payload.ts";
import type { Verdict } from "../../../../src/core/domain/verdict.ts";
import { resolveSameTarget } from "../../../../src/core/sweep/apply/same-target.ts";
import { NO_EVIDENCE } from "../../../../src/core/sweep/item.ts";
import type { ItemResult } from "../../../../src/core/sweep/ledger.ts";
import { job } from "../../../support/builders.ts";
import { verdict } from "../../../support/reports.ts";

const REASONS = ["output-found", "output-pending", "absence-unproven", "storage-unreachable", "output-absent"] as const;
const UNDECIDED: readonly (string | null)[] = [null, "storage-unreachable"];

function result(n: number, age: number, decided: Verdict | null): ItemResult {
  const about = {
    operation: "combine",
    age,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate: null,
    target: null,
    verdict: null,
  };
  const item = { job: toSummary(job({ id: `rec${n}` })), ...about };
  return { item, evidence: NO_EVIDENCE, verdict: decided, target: null, applied: false, error: null };
}

const group = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.option(fc.constantFrom(...REASONS))), {
    minLength: 1,
    maxLength: 6,
  })
  .map((jobs) => jobs.map(([age, reason], n) => result(n, age, reason === null ? null : verdict(reason))));

it("of the jobs for one target only the newest with an output is delivered, and never before a newer undecided one", () => {
  fc.assert(
    fc.property(group, (results) => {
      const { newest, superseded, blocked } = resolveSameTarget(results);
      const found = results.filter((each) => each.verdict?.kind === "recover");
      const undecided = results.filter((each) => UNDECIDED.includes(each.verdict?.reason ?? null));
      const youngest = Math.min(...found.map(({ item }) => item.age ?? 0));
      if (blocked !== null) {
        expect([newest, superseded]).toEqual([null, []]);
        expect(blocked.items).toEqual(found.map(({ item }) => item));
        expect(blocked.by.age).toBeLessThanOrEqual(youngest);
        return;
      }
      expect(newest?.age ?? null).toBe(found.length === 0 ? null : youngest);
      expect(superseded).toHaveLength(Math.max(0, found.length - 1));
      if (newest !== null) expect(undecided.every(({ item }) => (item.age ?? 0) >= youngest)).toBe(true);
    }),
  );
});
