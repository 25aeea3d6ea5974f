import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  Evidence,
  ProviderEvidence,
  StorageEvidence,
  UnknownCause,
} from "../../../../src/core/domain/evidence.ts";
import { REASONS } from "../../../../src/core/domain/verdict.ts";
import { decide, decideItem } from "../../../../src/core/sweep/decide/decide.ts";
import type { Candidate, Policy } from "../../../../src/core/sweep/decide/triage.ts";
import { COMBINE, HOUR, MINUTE, POLICY, SEGMENT } from "../../../support/builders.ts";

const OUTPUT = { url: "https://b.example/x.mp4", bytes: 9, contentType: null, etag: null, lastModified: null };
const PRESENT: StorageEvidence = { kind: "present", output: OUTPUT, others: [] };
const ABSENT: StorageEvidence = { kind: "absent" };

function candidate(over: Partial<Candidate> = {}): Candidate {
  return {
    operation: COMBINE,
    targetId: SEGMENT,
    externalId: "abc",
    names: [["abc_output_0.mp4"]],
    age: 10 * MINUTE,
    certainAge: over.age ?? 10 * MINUTE,
    began: null,
    ...over,
  };
}

describe("decide", () => {
  const young = candidate({ age: HOUR });
  const due = candidate({ age: HOUR + 1 });
  const unknown = (cause: UnknownCause): StorageEvidence => ({ kind: "unknown", cause });

  it.each<[string, Candidate, StorageEvidence, Partial<Policy>, string]>([
    ["an output is delivered", young, PRESENT, {}, "recover: output-found"],
    ["an output is delivered however old the job", due, PRESENT, {}, "recover: output-found"],
    ["an absent output is waited for up to failAfter", young, ABSENT, {}, "wait: output-pending"],
    ["past failAfter the job is failed", due, ABSENT, {}, "fail: output-absent"],
    ["not with --no-fail", due, ABSENT, { failEnabled: false }, "wait: fail-disabled"],
    ["a time-out says nothing", due, unknown("unreachable"), {}, "unknown: storage-unreachable"],
    [
      "a time-out says nothing of a young job either",
      young,
      unknown("unreachable"),
      {},
      "unknown: storage-unreachable",
    ],
    ["an empty file is suspect", due, unknown("suspect"), {}, "unknown: suspect-output"],
    ["a cached no is ambiguous", due, unknown("cached"), {}, "unknown: answer-ambiguous"],
    ["a redirect is ambiguous", due, unknown("redirected"), {}, "unknown: answer-ambiguous"],
    ["a 403 is waited for up to failAfter", young, unknown("forbidden"), {}, "wait: output-not-visible"],
    ["past failAfter a 403 is unproven", due, unknown("forbidden"), {}, "unknown: absence-unproven"],
    ["fail-old never fails a job with an output", due, PRESENT, { mode: "fail" }, "skip: output-exists"],
    [
      "without a target nothing is failed",
      candidate({ age: 2 * HOUR, targetId: null }),
      ABSENT,
      {},
      "skip: target-missing",
    ],
  ])("%s", (_, given, storage, over, expected) => {
    const verdict = decide(given, { storage, provider: null }, { ...POLICY, ...over });
    expect(`${verdict.kind}: ${verdict.reason}`).toBe(expected);
  });

  const FORBIDDEN = unknown("forbidden");
  const RUNNING: ProviderEvidence = { kind: "running", detail: "" };
  const DONE: ProviderEvidence = { kind: "succeeded", output: OUTPUT, others: [], detail: "" };
  const DONE_UNSEEN: ProviderEvidence = { kind: "succeeded", output: null, others: [], detail: "" };
  const BROKEN: ProviderEvidence = { kind: "failed", error: "ffmpeg died", detail: "" };
  const SILENT: ProviderEvidence = { kind: "silent", detail: "" };
  const NOWHERE: StorageEvidence = { kind: "no-names" };
  const old = candidate({ age: 6 * HOUR + 1 });

  it.each<[string, Candidate, StorageEvidence, ProviderEvidence, Partial<Policy>, string]>([
    ["a provider at work is waited for past failAfter", due, ABSENT, RUNNING, {}, "wait: provider-running"],
    ["up to providerCap", candidate({ age: 6 * HOUR }), ABSENT, RUNNING, {}, "wait: provider-running"],
    ["past providerCap its word decides nothing", old, ABSENT, RUNNING, {}, "fail: output-absent"],
    ["a provider's failure is one at once", young, ABSENT, BROKEN, {}, "fail: provider-failed"],
    ["also where the storage says missing or private", young, FORBIDDEN, BROKEN, {}, "fail: provider-failed"],
    ["also where only the provider knows of outputs", young, NOWHERE, BROKEN, {}, "fail: provider-failed"],
    ["not with --no-fail", young, ABSENT, BROKEN, { failEnabled: false }, "wait: fail-disabled"],
    ["not where the output is there", due, PRESENT, BROKEN, {}, "recover: output-found"],
    ["not where the storage does not answer", due, unknown("unreachable"), BROKEN, {}, "unknown: storage-unreachable"],
    ["not where something is there", due, unknown("suspect"), BROKEN, {}, "unknown: suspect-output"],
    ["an output that the provider names is delivered", due, ABSENT, DONE, {}, "recover: provider-output"],
    [
      "one file of two that the provider names is a part of the output",
      candidate({ age: 2 * HOUR, names: [["abc_part_0.mp4", "abc_part_1.mp4"]] }),
      ABSENT,
      DONE,
      {},
      "unknown: output-incomplete",
    ],
    ["fail-old only reports it", due, ABSENT, DONE, { mode: "fail" }, "skip: output-exists"],
    [
      "done without an output to be seen is a contradiction",
      due,
      ABSENT,
      DONE_UNSEEN,
      {},
      "unknown: evidence-contradicts",
    ],
    ["a provider that forgot decides nothing", due, ABSENT, SILENT, {}, "fail: output-absent"],
    ["nor before failAfter", young, ABSENT, SILENT, {}, "wait: output-pending"],
    ["nor where a 403 is unproven", due, FORBIDDEN, SILENT, {}, "unknown: absence-unproven"],
    ["where only it knew of outputs nothing is known", old, NOWHERE, SILENT, {}, "unknown: provider-silent"],
    ["nor when it claims to be at work for ever", old, NOWHERE, RUNNING, {}, "unknown: provider-silent"],
    [
      "files that are still to come are waited for",
      young,
      { kind: "partial", there: 1, of: 3 },
      SILENT,
      {},
      "wait: output-incomplete",
    ],
    [
      "files that never came fail nobody",
      old,
      { kind: "partial", there: 1, of: 3 },
      BROKEN,
      {},
      "unknown: output-incomplete",
    ],
    [
      "without a target an output is still an output",
      candidate({ targetId: null }),
      ABSENT,
      DONE,
      {},
      "recover: provider-output",
    ],
    [
      "without a target a provider's failure fails nobody",
      candidate({ targetId: null }),
      ABSENT,
      BROKEN,
      {},
      "skip: target-missing",
    ],
  ])("%s", (_, given, storage, provider, over, expected) => {
    const verdict = decide(given, { storage, provider }, { ...POLICY, ...over });
    expect(`${verdict.kind}: ${verdict.reason}`).toBe(expected);
  });

  const anyEvidence: fc.Arbitrary<Evidence> = fc.record({
    storage: fc.oneof(
      fc.constantFrom<StorageEvidence>(PRESENT, ABSENT, NOWHERE, { kind: "partial", there: 1, of: 2 }),
      fc
        .constantFrom<UnknownCause>("forbidden", "unreachable", "suspect", "cached", "redirected", "unexpected")
        .map(unknown),
    ),
    provider: fc.constantFrom<ProviderEvidence | null>(null, RUNNING, DONE, DONE_UNSEEN, BROKEN, SILENT),
  });

  it("fails only what is absent and past failAfter, or failed by its provider, and recovers only what is there", () => {
    const policy = fc.record({ failEnabled: fc.boolean(), mode: fc.constantFrom<Policy["mode"]>("recover", "fail") });
    fc.assert(
      fc.property(anyEvidence, policy, fc.integer({ min: 0, max: 48 * HOUR }), ({ storage, provider }, over, age) => {
        const verdict = decide(candidate({ age }), { storage, provider }, { ...POLICY, ...over });
        expect(REASONS[verdict.kind]).toContain(verdict.reason);
        if (verdict.kind === "fail") {
          const forbidden = storage.kind === "unknown" && storage.cause === "forbidden";
          const byProvider = provider?.kind === "failed" && (forbidden || storage.kind === "no-names");
          expect(over.failEnabled).toBe(true);
          expect(byProvider || storage.kind === "absent").toBe(true);
          expect(provider?.kind === "failed" || age > HOUR).toBe(true);
          expect(provider?.kind).not.toBe("succeeded");
        }
        if (verdict.kind === "recover") {
          expect(over.mode).toBe("recover");
          expect(storage.kind === "present" || (provider?.kind === "succeeded" && provider.output !== null)).toBe(true);
        }
      }),
    );
  });
});

describe("an output older than its job", () => {
  const BEGAN = Date.parse("2026-03-01T12:00:00.000Z");
  const operation = { ...COMBINE, outputs: COMBINE.outputs.map((each) => ({ ...each, pattern: "{recordId}.mp4" })) };
  const found = (name: string, lastModified: string, over: Partial<Candidate> = {}) => {
    const output = { ...OUTPUT, url: `https://b.example/${name}`, lastModified };
    const probeGroups = [[{ result: "present", url: output.url, detail: "HTTP 200", output } as const]];
    const given = candidate({ operation, began: BEGAN, ...over });
    return decideItem({ reopened: false }, given, { probeGroups, providerReply: null }, null, POLICY).reason;
  };

  it("is not delivered where its name does not hold the external id", () => {
    expect(found("rec1.mp4", "2026-03-01T11:49:00.000Z")).toBe("output-predates-job");
  });

  it("is delivered where it is at most ten minutes older, holds the external id, or may be older", () => {
    expect(found("rec1.mp4", "2026-03-01T11:51:00.000Z")).toBe("output-found");
    const byId = { names: [["r/abc/final.mp4"]] };
    expect(found("r/abc/final.mp4", "2026-01-01T00:00:00.000Z", byId)).toBe("output-found");
    const mayPredate = { ...operation, outputs: operation.outputs.map((each) => ({ ...each, mayPredate: true })) };
    expect(found("rec1.mp4", "2026-01-01T00:00:00.000Z", { operation: mayPredate })).toBe("output-found");
  });
});
