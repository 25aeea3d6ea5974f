import type { Output, UnknownCause } from "./evidence.ts";

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
