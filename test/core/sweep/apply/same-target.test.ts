import fc from "fast-check";
import { expect, it } from "vitest";
import { toSummary } from "../../../../src/core/domain/job.ts";
import { NOTHING_REPORTED } from "../../../../src/core/domain/response-payload.ts";
import type { Verdict } from "../../../../src/core/domain/verdict.ts";
import { resolveSameTarget } from "../../../../src/core/sweep/apply/same-target.ts";
import { NO_EVIDENCE } from "../../../../src/core/sweep/item.ts";
import type { ItemResult } from "../../../../src/core/sweep/ledger.ts";
import { COMBINE, job, MINUTE, NOW, SEGMENT } from "../../../support/builders.ts";
import { verdict } from "../../../support/reports.ts";

const REASONS = ["output-found", "output-pending", "absence-unproven", "storage-unreachable", "output-absent"] as const;

/** Of jobs that may yet have an output. */
const OPEN: readonly (string | undefined)[] = ["output-pending", "absence-unproven", "storage-unreachable"];

const CANDIDATE = {
  operation: COMBINE,
  targetId: SEGMENT,
  externalId: "x",
  names: [],
  age: 0,
  certainAge: 0,
  began: null,
};

function result(n: number, age: number, decided: Verdict | null): ItemResult {
  const about = {
    operation: "combine",
    age,
    version: null,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate: { ...CANDIDATE, began: NOW - age },
    target: null,
    verdict: null,
  };
  const item = { job: toSummary(job({ id: `rec${n}`, age })), ...about };
  return { item, evidence: NO_EVIDENCE, verdict: decided, target: null, applied: false, error: null };
}

const { failAfter } = COMBINE.thresholds;
const ages = fc.constantFrom(MINUTE, failAfter / 2, failAfter, failAfter + MINUTE, 2 * failAfter);

const group = fc
  .array(fc.tuple(ages, fc.option(fc.constantFrom(...REASONS))), { minLength: 1, maxLength: 6 })
  .map((jobs) => jobs.map(([age, reason], n) => result(n, age, reason === null ? null : verdict(reason))));

const competing = fc
  .option(ages)
  .map((age) =>
    age === null
      ? []
      : [{ id: "recYoung", since: { kind: "at", at: NOW - age } as const, target: { table: "", id: "", field: "" } }],
  );

const ageOf = ({ item }: ItemResult) => item.age ?? 0;

it("of the jobs for one target the newest with an output is delivered, and an older one waits until its own failAfter", () => {
  fc.assert(
    fc.property(group, competing, (results, others) => {
      const { newest, superseded, blocked } = resolveSameTarget(results, others);
      const found = results.filter((each) => each.verdict?.kind === "recover");
      const youngest = Math.min(...found.map(ageOf));
      const notProbed = results.filter((each) => each.verdict === null && ageOf(each) < youngest);
      const open = [
        ...results.filter((each) => OPEN.includes(each.verdict?.reason) && ageOf(each) <= failAfter).map(ageOf),
        ...others.map(({ since }) => NOW - since.at),
      ].filter((age) => age < youngest);
      const overdue = found.some((each) => ageOf(each) > failAfter);
      if (blocked !== null) {
        expect([newest, superseded]).toEqual([null, []]);
        expect(blocked.items).toEqual(found.map(({ item }) => item));
        return;
      }
      expect(newest?.age ?? null).toBe(found.length === 0 ? null : youngest);
      expect(superseded).toHaveLength(Math.max(0, found.length - 1));
      if (newest === null) return;
      expect(notProbed).toEqual([]);
      if (!overdue) expect(open).toEqual([]);
    }),
  );
});

it.each(["changed-meanwhile", "place-unverified"] as const)(
  "a newer job that is %s holds an older output back in this sweep, however old that job",
  (reason) => {
    const older = result(1, 2 * failAfter, verdict("output-found"));
    const newer = result(2, failAfter / 2, verdict(reason));
    expect(resolveSameTarget([older, newer], [])).toMatchObject({ newest: null, blocked: { by: "rec2" } });
  },
);
