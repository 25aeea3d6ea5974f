import type { Finding, Output, UnknownCause } from "./evidence.ts";
import { type Duration, type Instant, isExternalId, type Job, type Operation, type Thresholds } from "./job.ts";
import { operationOf, targetOf } from "./target.ts";

/** The closed list of reasons. docs/reasons.md says of each what it means and what to do about it. */
export const REASONS = {
  recover: ["output-found", "superseded", "late-output", "delivery-retried"],
  fail: ["output-absent"],
  wait: ["output-not-yet", "output-not-visible", "failing-off", "fail-limit", "newer-undecided", "not-reached"],
  skip: [
    "no-external-id",
    "external-id-invalid",
    "payload-unreadable",
    "operation-unknown",
    "target-missing",
    "target-ambiguous",
    "target-occupied",
    "beyond-max-age",
    "output-exists",
    "changed-meanwhile",
    "delivery-failed",
    "declined",
  ],
  unknown: [
    "age-unknown",
    "storage-unreachable",
    "suspect-output",
    "absence-unproven",
    "answer-ambiguous",
    "brake-held",
    "clock-skew",
  ],
} as const;

export type VerdictKind = keyof typeof REASONS;
export type Reason = (typeof REASONS)[VerdictKind][number];

/** What is to become of a job, and why. `detail` adds the particulars for people; it may be empty. */
export type Verdict =
  | {
      readonly kind: "recover";
      readonly reason: (typeof REASONS.recover)[number];
      readonly output: Output;
      readonly detail: string;
    }
  | { readonly kind: "fail"; readonly reason: (typeof REASONS.fail)[number]; readonly detail: string }
  | { readonly kind: "wait"; readonly reason: (typeof REASONS.wait)[number]; readonly detail: string }
  | {
      readonly kind: "skip";
      readonly reason: (typeof REASONS.skip)[number];
      readonly detail: string;
      /** Set where an output was seen but is not to be delivered. */
      readonly output?: Output;
    }
  | { readonly kind: "unknown"; readonly reason: (typeof REASONS.unknown)[number]; readonly detail: string };

/** What the run may do, and from which ages on. */
export interface Policy {
  readonly stuckStatuses: readonly string[];
  readonly operations: readonly Operation[];
  /** For jobs whose operation is not known. */
  readonly thresholds: Thresholds;
  /** `recover` delivers and fails, `fail` (fail-old) only fails, at any age past `failAfter`. */
  readonly mode: "recover" | "fail";
  /** False with `--no-fail`. */
  readonly failing: boolean;
}

/** A job that needs evidence before anything can be said. */
export interface Candidate {
  readonly operation: Operation;
  /** Null when only a link field that the listing leaves out could name it. */
  readonly targetId: string | null;
  readonly externalId: string;
  readonly age: Duration;
}

export type Triage =
  /** Not stuck at all: of another status, or too young. It is not shown. */
  | { readonly kind: "not-stuck" }
  | {
      readonly kind: "settled";
      readonly verdict: Verdict;
      readonly operation: string | null;
      readonly age: Duration | null;
    }
  | { readonly kind: "candidate"; readonly candidate: Candidate };

/** How far in the future a job may be dated before its date is called wrong: clocks differ a little. */
export const FUTURE_TOLERANCE: Duration = 60_000;

/** What can be said of a job without looking at the storage. Ages equal to a threshold are not past it. */
export function triage(job: Job, policy: Policy, now: Instant): Triage {
  if (!policy.stuckStatuses.includes(job.status)) return { kind: "not-stuck" };
  const lookup = operationOf(job, policy.operations);
  const name = lookup.kind === "known" ? lookup.operation.name : null;
  const thresholds = lookup.kind === "known" ? lookup.operation.thresholds : policy.thresholds;
  const age = ageOf(job, now);
  const settled = (verdict: Verdict): Triage => ({
    kind: "settled",
    verdict,
    operation: name,
    age: typeof age === "number" ? age : null,
  });

  if (typeof age !== "number") return settled({ kind: "unknown", reason: "age-unknown", detail: age.problem });
  const horizon = policy.mode === "fail" ? thresholds.failAfter : thresholds.stuckAfter;
  if (age <= horizon) return { kind: "not-stuck" };
  const skip = (reason: (typeof REASONS.skip)[number], detail: string) => settled({ kind: "skip", reason, detail });

  if (job.externalId === null) return skip("no-external-id", "the job has no external id to look for");
  if (!isExternalId(job.externalId)) return skip("external-id-invalid", "allowed: A-Z a-z 0-9 . _ -, at most 128");
  if (job.payload.kind === "unreadable") return skip("payload-unreadable", job.payload.reason);
  if (lookup.kind === "unknown") return skip("operation-unknown", lookup.named ?? "nothing names one");
  const { operation } = lookup;
  if (policy.mode === "recover" && thresholds.maxAge !== null && age > thresholds.maxAge) {
    return skip("beyond-max-age", "left to fail-old, or to --max-age none");
  }
  const target = targetOf(job, operation);
  switch (target.kind) {
    case "ambiguous":
      return skip("target-ambiguous", target.ids.join(" or "));
    case "missing":
      // A base may lack all but the first link field, so the listing asks for the first only; the guard read sees all.
      if (operation.target.links.length <= 1) return settled(TARGET_MISSING);
      return { kind: "candidate", candidate: { operation, targetId: null, externalId: job.externalId, age } };
    case "named":
      return { kind: "candidate", candidate: { operation, targetId: target.id, externalId: job.externalId, age } };
  }
}

/**
 * The verdict on a job whose storage was looked at. The table, read aloud:
 *
 *     output there                      -> recover
 *     no answer that says anything      -> unknown
 *     something there, not an output    -> unknown
 *     missing or private, not yet due   -> wait; due -> unknown
 *     absent, not yet due               -> wait; due -> fail
 */
export function decide(candidate: Candidate, finding: Finding, policy: Policy): Verdict {
  const due = candidate.age > candidate.operation.thresholds.failAfter;
  if (candidate.targetId === null && finding.kind !== "present") return TARGET_MISSING;
  switch (finding.kind) {
    case "present":
      if (policy.mode === "fail") {
        return { kind: "skip", reason: "output-exists", detail: "recover delivers it", output: finding.output };
      }
      return { kind: "recover", reason: "output-found", output: finding.output, detail: "" };
    case "unknown":
      if (finding.cause === "forbidden" && !due) {
        return { kind: "wait", reason: "output-not-visible", detail: "missing or private" };
      }
      return { kind: "unknown", reason: UNKNOWN_REASON[finding.cause], detail: "" };
    case "absent":
      if (!due) return { kind: "wait", reason: "output-not-yet", detail: "" };
      if (!policy.failing) return { kind: "wait", reason: "failing-off", detail: "--no-fail" };
      return { kind: "fail", reason: "output-absent", detail: "" };
  }
}

/** Nothing names the record that is to receive the output: delivered nowhere, the job must not be completed. */
export const TARGET_MISSING: Verdict = {
  kind: "skip",
  reason: "target-missing",
  detail: "neither a link nor the payload names one",
};

const UNKNOWN_REASON: Readonly<Record<UnknownCause, (typeof REASONS.unknown)[number]>> = {
  forbidden: "absence-unproven",
  unreachable: "storage-unreachable",
  suspect: "suspect-output",
  cached: "answer-ambiguous",
  redirected: "answer-ambiguous",
  unexpected: "answer-ambiguous",
};

function ageOf(job: Job, now: Instant): Duration | { readonly problem: string } {
  switch (job.since.kind) {
    case "missing":
      return { problem: "the job has no date" };
    case "unparsable":
      return { problem: "the job's date cannot be read" };
    case "at": {
      const age = now - job.since.at;
      return age < -FUTURE_TOLERANCE ? { problem: "the job is dated in the future" } : age;
    }
  }
}
