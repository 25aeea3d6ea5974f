import type { Output, UnknownCause } from "./evidence.ts";

/** The closed list of reasons. docs/reasons.md explains each of them. */
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
    "place-unverified",
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
    "configuration-suspect",
    "place-answers-everything",
    "output-predates-job",
    "provider-silent",
    "absence-unproven",
    "answer-ambiguous",
    "brake-engaged",
    "clock-skew",
  ],
} as const;

export type VerdictKind = keyof typeof REASONS;
export type Reason = (typeof REASONS)[VerdictKind][number];

/** What is to be done about a job, and why. `detail` adds the particulars for people; it may be empty. */
export type Verdict =
  | RecoverVerdict
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

/** The job has an output. It is delivered, or, when superseded, the job is closed without it. */
export type RecoverVerdict = {
  readonly kind: "recover";
  readonly output: Output;
  /** The further files of an output that has several. */
  readonly others: readonly Output[];
  readonly detail: string;
} & (
  | { readonly reason: Exclude<(typeof REASONS.recover)[number], "superseded"> }
  /** `supersededBy` is the record id of the newer job for the same target, whose output is delivered instead. */
  | { readonly reason: "superseded"; readonly supersededBy: string }
);

/** Nothing names the record that is to receive the output: delivered nowhere, the job must not be completed. */
export const TARGET_MISSING: Verdict = {
  kind: "skip",
  reason: "target-missing",
  detail: "neither a link nor the payload names one",
};

/** The reason that is reported for an inconclusive probe, by its cause. */
export const UNKNOWN_REASON: Readonly<Record<UnknownCause, (typeof REASONS.unknown)[number]>> = {
  forbidden: "absence-unproven",
  unreachable: "storage-unreachable",
  suspect: "suspect-output",
  cached: "answer-ambiguous",
  redirected: "answer-ambiguous",
  unexpected: "answer-ambiguous",
};
