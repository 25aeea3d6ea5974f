import { describe, expect, it } from "vitest";
import type { Job } from "../../../../src/core/domain/job.ts";
import { type Policy, triage } from "../../../../src/core/sweep/decide/triage.ts";
import {
  COMBINE,
  CONCATENATE,
  HOUR,
  job,
  MINUTE,
  NOW,
  named,
  POLICY,
  SEGMENT,
  THRESHOLDS,
  VIDEO,
} from "../../../support/builders.ts";

function decided(given: Job, policy: Policy = POLICY) {
  const found = triage(given, policy, NOW);
  return found.kind === "decided" ? `${found.verdict.kind}: ${found.verdict.reason}` : found.kind;
}

describe("triage", () => {
  it.each<[string, Partial<Job> & { age?: number }, string]>([
    ["a job of ten minutes needs evidence", {}, "candidate"],
    ["a job as old as stuckAfter is not stuck yet", { age: 5 * MINUTE }, "not-stuck"],
    ["a job a millisecond older than stuckAfter needs evidence", { age: 5 * MINUTE + 1 }, "candidate"],
    ["a completed job is not stuck", { status: "completed" }, "not-stuck"],
    ["a status that only looks alike is not stuck", { status: "Processing" }, "not-stuck"],
    ["a blank status is not stuck", { status: "" }, "not-stuck"],
    ["a job as old as maxAge needs evidence", { age: 24 * HOUR }, "candidate"],
    ["a job a millisecond older than maxAge is left to fail-old", { age: 24 * HOUR + 1 }, "skip: beyond-max-age"],
    ["without a date the age is unknown", { since: { kind: "missing" } }, "unknown: age-unknown"],
    [
      "with an unreadable date the age is unknown",
      { since: { kind: "unparsable", text: "soon" } },
      "unknown: age-unknown",
    ],
    ["with a date in the future the age is unknown", { age: -2 * MINUTE }, "unknown: age-unknown"],
    ["a date one second in the future counts as now", { age: -1_000 }, "not-stuck"],
    ["a job without an external id is skipped", { externalId: null }, "skip: no-external-id"],
    ["a path as external id", { externalId: "../../etc/passwd" }, "skip: external-id-invalid"],
    ["the parent folder as external id", { externalId: ".." }, "skip: external-id-invalid"],
    ["a quote in the external id", { externalId: "a'b" }, "skip: external-id-invalid"],
    ["a space in the external id", { externalId: "a b" }, "skip: external-id-invalid"],
    ["letters of other alphabets", { externalId: "жоб" }, "skip: external-id-invalid"],
    ["an external id of 129 characters", { externalId: "x".repeat(129) }, "skip: external-id-invalid"],
    ["an external id of 128 characters", { externalId: "x".repeat(128) }, "candidate"],
    ["an external id of 10 kB", { externalId: "x".repeat(10_000) }, "skip: external-id-invalid"],
    [
      "an unreadable payload, where nothing else names an operation",
      { payload: { kind: "unreadable", reason: "?" }, type: null },
      "skip: payload-unreadable",
    ],
    ["a type without an operation", { type: "voiceover" }, "skip: operation-unknown"],
    ["no type at all", { type: null }, "skip: operation-unknown"],
    [
      "an operation in the URL that is not configured, whatever the type",
      { webhookUrl: "https://app.example/hook?operation=video" },
      "skip: operation-unknown",
    ],
    [
      "an unreadable payload, where type and link suffice",
      { payload: { kind: "unreadable", reason: "?" } },
      "candidate",
    ],
    [
      "an unreadable payload, where only it could name the target",
      { payload: { kind: "unreadable", reason: "?" }, type: "concatenate", links: {} },
      "skip: payload-unreadable",
    ],
    ["two links", { links: { Segments: [SEGMENT, "recSegment0000002"] } }, "skip: target-ambiguous"],
    [
      "a link and a payload that disagree",
      { payload: { kind: "read", value: { segment_id: "recSegment0000002" } } },
      "skip: target-ambiguous",
    ],
    [
      "a webhook URL that contradicts the link",
      { webhookUrl: "https://app.example/hook?target_id=recSegment0000002" },
      "skip: target-ambiguous",
    ],
    ["no target, where a further link field may still name it", { links: {} }, "candidate"],
    ["no target, and no field left that could", { type: "concatenate", links: {} }, "skip: target-missing"],
  ])("%s", (_, over, expected) => {
    expect(decided(job(over))).toBe(expected);
  });

  it("skips an unreadable payload where a name needs something of it", () => {
    const operations = [{ ...COMBINE, outputs: [named("{payload.slug}_{externalId}.mp4")] }];
    const given = job({ payload: { kind: "unreadable", reason: "cut off" } });
    expect(decided(given, { ...POLICY, operations })).toBe("skip: payload-unreadable");
  });

  it("prefers the operation of the payload to that of the URL, and both to the type", () => {
    const payload = { kind: "read", value: { operation: "concatenate", video_id: VIDEO } } as const;
    const found = triage(
      job({ payload, links: {}, webhookUrl: "https://app.example/hook?operation=combine" }),
      POLICY,
      NOW,
    );
    expect(found).toMatchObject({ kind: "candidate", candidate: { operation: CONCATENATE, targetId: VIDEO } });
  });

  it("has no maximum age for fail-old, and a minimum of failAfter", () => {
    const policy: Policy = { ...POLICY, mode: "fail" };
    expect(decided(job({ age: 90 * 24 * HOUR }), policy)).toBe("candidate");
    expect(decided(job({ age: HOUR }), policy)).toBe("not-stuck");
  });

  it("has no maximum age when maxAge is none", () => {
    const operations = [{ ...COMBINE, thresholds: { ...THRESHOLDS, maxAge: null } }];
    expect(decided(job({ age: 90 * 24 * HOUR }), { ...POLICY, operations })).toBe("candidate");
  });
});
