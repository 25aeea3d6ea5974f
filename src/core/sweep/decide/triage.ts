import { type Duration, FUTURE_TOLERANCE, type Instant, isExternalId, type Job } from "../../domain/job.ts";
import type { Operation, Thresholds } from "../../domain/operation.ts";
import { outputNames } from "../../domain/output-names.ts";
import { resolveOperation, resolveTarget } from "../../domain/target.ts";
import { type REASONS, TARGET_MISSING, type Verdict } from "../../domain/verdict.ts";

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
