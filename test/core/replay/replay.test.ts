import { describe, expect, it } from "vitest";
import type { ProbeResult } from "../../../src/core/domain/evidence.ts";
import { toSummary } from "../../../src/core/domain/job.ts";
import { type RecordedJob, type Rules, replay } from "../../../src/core/replay/replay.ts";
import { COMBINE, HOUR, job, NOW, POLICY, THRESHOLDS } from "../../support/builders.ts";

const RULES: Rules = { policy: POLICY, failedStatus: "failed", brake: { minimum: 5, maxFails: 100 } };
const RUN = {
  now: NOW,
  calibration: { kind: "missing-is-404", detail: "" },
  calibrations: {},
  failedBefore: {},
  blocked: [],
  force: false,
} as const;
const MISSING: ProbeResult = { result: "absent", url: "https://b.example/x_output_0.mp4", detail: "HTTP 404" };

/** An expired job without an output, which the run failed. */
function failed(n: number): RecordedJob {
  const verdict = { kind: "fail", reason: "output-absent", detail: "" };
  return {
    job: toSummary(job({ id: `rec${n}`, externalId: "x", age: 2 * HOUR })),
    operation: "combine",
    reopened: false,
    probeGroups: [[MISSING]],
    providerReply: null,
    decision: verdict,
    verdict,
    applied: true,
  };
}

describe("replay", () => {
  it("finds no difference with the rules of the run", () => {
    expect(replay(RUN, [failed(1), failed(2)], RULES)).toEqual([]);
  });

  it("shows a job that a longer failAfter would not fail", () => {
    const operations = [{ ...COMBINE, thresholds: { ...THRESHOLDS, failAfter: 3 * HOUR } }];
    const rules = { ...RULES, policy: { ...POLICY, operations } };
    expect(replay(RUN, [failed(1)], rules)).toMatchObject([
      { id: "rec1", age: 2 * HOUR, before: { kind: "fail" }, now: { kind: "wait", reason: "output-pending" } },
    ]);
  });

  it("shows a job whose output would have a name that was not probed", () => {
    const operations = [
      { ...COMBINE, outputs: COMBINE.outputs.map((each) => ({ ...each, pattern: "{externalId}.mp4" })) },
    ];
    const rules = { ...RULES, policy: { ...POLICY, operations } };
    expect(replay(RUN, [failed(1)], rules)).toMatchObject([{ now: { kind: "open", reason: "not-probed" } }]);
  });

  it("applies the limit of failures a run", () => {
    const rules = { ...RULES, brake: { ...RULES.brake, maxFails: 1 } };
    expect(replay(RUN, [failed(1), failed(2)], rules)).toMatchObject([{ id: "rec2", now: { reason: "fail-limit" } }]);
  });

  it("applies the brake where the run saw no output of the operation", () => {
    const jobs = Array.from({ length: 6 }, (_, n) => failed(n));
    const differences = replay({ ...RUN, blocked: ["combine"] }, jobs, RULES);
    expect(differences.map(({ now }) => now.reason)).toEqual(Array(6).fill("brake-engaged"));
  });
});
