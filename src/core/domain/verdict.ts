import type { Evidence, Output, UnknownCause } from "./evidence.ts";
import {
  type Duration,
  FUTURE_TOLERANCE,
  type Instant,
  isExternalId,
  type Job,
  type Operation,
  type Thresholds,
} from "./job.ts";
import { outputNames } from "./output-names.ts";
import { resolveOperation, resolveTarget } from "./target.ts";

/** The closed list of reasons. docs/reasons.md says of each what it means and what to do about it. */
export const REASONS = {
  recover: ["output-found", "provider-output", "superseded", "late-output", "delivery-retried"],
  fail: ["output-absent", "provider-failed"],
  wait: [
    "output-pending",
    "output-not-visible",
    "output-incomplete",
    "provider-running",
    "fail-disabled",
    "fail-limit",
    "newer-job-undecided",
    "not-reached",
  ],
  skip: [
    "no-external-id",
    "external-id-invalid",
    "payload-unreadable",
    "output-name-incomplete",
    "operation-unknown",
    "target-missing",
    "target-ambiguous",
    "target-occupied",
    "beyond-max-age",
    "output-exists",
    "changed-meanwhile",
    "delivery-failed",
    "not-confirmed",
  ],
  unknown: [
    "age-unknown",
    "storage-unreachable",
    "suspect-output",
    "output-incomplete",
    "output-under-another-name",
    "evidence-contradicts",
    "provider-silent",
    "absence-unproven",
    "answer-ambiguous",
    "brake-engaged",
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
      /** The further files of an output that has several. */
      readonly others: readonly Output[];
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
  readonly failEnabled: boolean;
}

/** A status that may count as stuck once the job was sent off, which its external id tells. */
const NOT_SENT = "pending";

/** A job that needs evidence before anything can be said. */
export interface Candidate {
  readonly operation: Operation;
  /** Null when only a link field that the listing leaves out could name it. */
  readonly targetId: string | null;
  readonly externalId: string;
  /** What its output may be called: alternatives, each the files that have to be there together. */
  readonly names: readonly (readonly string[])[];
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

/** What can be said of a job without looking at the storage. Ages equal to a threshold are not past it. */
export function triage(job: Job, policy: Policy, now: Instant): Triage {
  if (!policy.stuckStatuses.includes(job.status)) return { kind: "not-stuck" };
  const lookup = resolveOperation(job, policy.operations);
  const name = lookup.kind === "known" ? lookup.operation.name : null;
  const thresholds = lookup.kind === "known" ? lookup.operation.thresholds : policy.thresholds;
  const age = getAge(job, now);
  const settled = (verdict: Verdict): Triage => ({
    kind: "settled",
    verdict,
    operation: name,
    age: typeof age === "number" ? age : null,
  });

  if (job.status === NOT_SENT && job.externalId === null) return { kind: "not-stuck" };
  if (typeof age !== "number") return settled({ kind: "unknown", reason: "age-unknown", detail: age.problem });
  const horizon = policy.mode === "fail" ? thresholds.failAfter : thresholds.stuckAfter;
  if (age <= horizon) return { kind: "not-stuck" };
  const skip = (reason: (typeof REASONS.skip)[number], detail: string) => settled({ kind: "skip", reason, detail });

  if (job.externalId === null) return skip("no-external-id", "the job has no external id to look for");
  if (!isExternalId(job.externalId)) return skip("external-id-invalid", "allowed: A-Z a-z 0-9 . _ -, at most 128");
  if (job.payload.kind === "unreadable") return skip("payload-unreadable", job.payload.reason);
  if (lookup.kind === "unknown") return skip("operation-unknown", lookup.named ?? "nothing names one");
  const { operation } = lookup;
  const names = outputNames(operation, job);
  if (names.kind === "incomplete") {
    return skip("output-name-incomplete", `the record does not tell ${names.placeholder}`);
  }
  const { externalId } = job;
  // Written out: see sighted() in the storage.
  const candidate = (targetId: string | null): Triage => ({
    kind: "candidate",
    candidate: { operation, targetId, externalId, names: names.sets, age },
  });
  if (policy.mode === "recover" && thresholds.maxAge !== null && age > thresholds.maxAge) {
    return skip("beyond-max-age", "left to fail-old, or to --max-age none");
  }
  const target = resolveTarget(job, operation);
  switch (target.kind) {
    case "ambiguous":
      return skip("target-ambiguous", target.ids.join(" or "));
    case "missing":
      // A base may lack all but the first link field, so the listing asks for the first only; the guard read sees all.
      if (operation.target.links.length <= 1) return settled(TARGET_MISSING);
      return candidate(null);
    case "named":
      return candidate(target.id);
  }
}

/**
 * The verdict on a job whose evidence was gathered. The table, read aloud:
 *
 *     output there                               -> recover
 *     some of its files there, not yet due       -> wait; due -> unknown
 *     no answer that says anything               -> unknown
 *     something there, not an output             -> unknown
 *     missing or private, or absent, and the provider
 *       says done, and its output is there       -> recover
 *       says done, and no output is to be seen   -> unknown
 *       says that it failed                      -> fail
 *       is at work, no longer than providerCap   -> wait
 *       forgot it, or says nothing, and the storage says
 *         missing or private, not yet due        -> wait; due -> unknown
 *         absent, not yet due                    -> wait; due -> fail
 */
export function decide(candidate: Candidate, { storage, provider }: Evidence, policy: Policy): Verdict {
  const { thresholds } = candidate.operation;
  const due = candidate.age > thresholds.failAfter;
  const there = storage.kind === "present" || provider?.kind === "succeeded";
  if (candidate.targetId === null && !there) return TARGET_MISSING;
  switch (storage.kind) {
    case "present":
      return deliverable("output-found", storage, "", policy);
    case "partial": {
      const detail = `${storage.there} of ${storage.of} files are there`;
      return due
        ? { kind: "unknown", reason: "output-incomplete", detail }
        : { kind: "wait", reason: "output-incomplete", detail };
    }
    case "unknown":
      if (storage.cause !== "forbidden") return { kind: "unknown", reason: UNKNOWN_REASON[storage.cause], detail: "" };
      break;
    case "absent":
    case "nowhere":
      break;
  }
  switch (provider?.kind) {
    case "succeeded":
      if (provider.output === null) return { kind: "unknown", reason: "evidence-contradicts", detail: provider.detail };
      return deliverable("provider-output", { ...provider, output: provider.output }, provider.detail, policy);
    case "failed":
      if (!policy.failEnabled) return { kind: "wait", reason: "fail-disabled", detail: "--no-fail" };
      return { kind: "fail", reason: "provider-failed", detail: provider.error };
    case "running":
      if (candidate.age <= thresholds.providerCap) {
        return { kind: "wait", reason: "provider-running", detail: provider.detail };
      }
      break;
    case "silent":
    case undefined:
      break;
  }
  switch (storage.kind) {
    case "nowhere":
      return { kind: "unknown", reason: "provider-silent", detail: provider?.detail ?? "no provider was asked" };
    case "unknown":
      if (due) return { kind: "unknown", reason: "absence-unproven", detail: "" };
      return { kind: "wait", reason: "output-not-visible", detail: "missing or private" };
    case "absent":
      if (!due) return { kind: "wait", reason: "output-pending", detail: "" };
      if (!policy.failEnabled) return { kind: "wait", reason: "fail-disabled", detail: "--no-fail" };
      return { kind: "fail", reason: "output-absent", detail: "" };
  }
}

/** An output is delivered by `recover`; `fail-old` only tells of it. */
function deliverable(
  reason: "output-found" | "provider-output",
  { output, others }: { readonly output: Output; readonly others: readonly Output[] },
  detail: string,
  policy: Policy,
): Verdict {
  if (policy.mode === "fail") return { kind: "skip", reason: "output-exists", detail: "recover delivers it", output };
  return { kind: "recover", reason, output, others, detail };
}

/** Nothing names the record that is to receive the output: delivered nowhere, the job must not be completed. */
export const TARGET_MISSING: Verdict = {
  kind: "skip",
  reason: "target-missing",
  detail: "neither a link nor the payload names one",
};

/** What is told of a look that taught nothing. */
export const UNKNOWN_REASON: Readonly<Record<UnknownCause, (typeof REASONS.unknown)[number]>> = {
  forbidden: "absence-unproven",
  unreachable: "storage-unreachable",
  suspect: "suspect-output",
  cached: "answer-ambiguous",
  redirected: "answer-ambiguous",
  unexpected: "answer-ambiguous",
};

function getAge(job: Job, now: Instant): Duration | { readonly problem: string } {
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
