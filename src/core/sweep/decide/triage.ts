import {
  type Duration,
  FUTURE_TOLERANCE,
  getAge,
  getCertainAge,
  type Instant,
  isExternalId,
  type Job,
} from "../../domain/job.ts";
import type { Operation, Thresholds } from "../../domain/operation.ts";
import { outputNames } from "../../domain/output-names.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { resolveTarget } from "../../domain/target.ts";
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

/** A status that counts as stuck only once the job was sent to its worker, which its external id shows. */
export const NOT_SENT = "pending";

/** A job that needs evidence before anything can be decided. */
export interface Candidate {
  readonly operation: Operation;
  /** Null where the operation has no target, and when only a link field that the listing leaves out could name it. */
  readonly targetId: string | null;
  readonly externalId: string;
  /** The possible names of its output: alternatives, each the files that have to be there together. */
  readonly names: readonly (readonly string[])[];
  readonly age: Duration;
  /** The age by which it may be failed: less than `age` where its date has no time. */
  readonly certainAge: Duration;
  /** When the job began, by its own date: an undo or a reopening does not change that. */
  readonly began: Instant | null;
}

export type Triage =
  /** Not stuck at all: of another status, or too young. It is not reported. */
  | { readonly kind: "not-stuck" }
  /** Decided without evidence. */
  | {
      readonly kind: "decided";
      readonly verdict: Verdict;
      readonly operation: string | null;
      readonly age: Duration | null;
    }
  | { readonly kind: "candidate"; readonly candidate: Candidate };

/** Returns what can be said of a job without evidence. Ages equal to a threshold are not past it. */
export function triage(job: Job, policy: Policy, now: Instant): Triage {
  if (!policy.stuckStatuses.includes(job.status)) return { kind: "not-stuck" };
  const lookup = resolveOperation(job, policy.operations);
  const name = lookup.kind === "known" ? lookup.operation.name : null;
  const thresholds = lookup.kind === "known" ? lookup.operation.thresholds : policy.thresholds;
  const age = getAge(job, now);
  const isFuture = age !== null && age < -FUTURE_TOLERANCE;
  const decided = (verdict: Verdict): Triage => {
    return { kind: "decided", verdict, operation: name, age: isFuture ? null : age };
  };

  if (job.status === NOT_SENT && job.externalId === null) return { kind: "not-stuck" };
  if (age === null || isFuture) return decided({ kind: "unknown", reason: "age-unknown", detail: describeAge(job) });
  const certainAge = getCertainAge(job, now) ?? age;
  const isYoung = policy.mode === "fail" ? certainAge <= thresholds.failAfter : age <= thresholds.stuckAfter;
  if (isYoung) return { kind: "not-stuck" };
  const skip = (reason: (typeof REASONS.skip)[number], detail: string) => decided({ kind: "skip", reason, detail });

  if (job.externalId === null) return skip("no-external-id", "the job has no external id to look for");
  if (!isExternalId(job.externalId)) return skip("external-id-invalid", "allowed: A-Z a-z 0-9 . _ -, at most 128");
  const { payload } = job;
  const unreadable = payload.kind === "unreadable" ? skip("payload-unreadable", payload.reason) : null;
  // A payload that cannot be read stops a job only where something in it is needed.
  if (lookup.kind === "unknown") return unreadable ?? skip("operation-unknown", describeUnknown(lookup.named, policy));
  const { operation } = lookup;
  const names = outputNames(operation, job);
  if (names.kind === "incomplete") {
    if (unreadable !== null && /^\{(?:payload\.|n\})/.test(names.placeholder)) return unreadable;
    return skip("output-name-incomplete", `the record holds no usable value for ${names.placeholder}`);
  }
  const { externalId } = job;
  const candidate = (targetId: string | null): Triage => {
    const began = job.since.kind === "at" ? job.since.at : null;
    return {
      kind: "candidate",
      candidate: { operation, targetId, externalId, names: names.sets, age, certainAge, began },
    };
  };
  if (policy.mode === "recover" && thresholds.maxAge !== null && age > thresholds.maxAge) {
    return skip("beyond-max-age", "left to fail-old, or to --max-age none");
  }
  const target = resolveTarget(job, operation);
  switch (target.kind) {
    case "ambiguous":
      return skip("target-ambiguous", target.ids.join(" or "));
    case "missing":
      // A base may lack all but the first link field, so the listing asks for the first only; the guard read sees all.
      if (operation.target.links.length > 1) return candidate(null);
      return unreadable !== null && operation.target.payloadKeys.length > 0 ? unreadable : decided(TARGET_MISSING);
    case "none":
      return candidate(null);
    case "named":
      return candidate(target.id);
  }
}

/** Returns what names the operation of a job, and what is configured. */
function describeUnknown(named: string | null, { operations }: Policy): string {
  const found = named === null ? "nothing names one" : `found ${JSON.stringify(named)}`;
  return `${found}; configured: ${operations.map(({ name }) => name).join(", ") || "none"}`;
}

/** Returns why a job's age is not known. */
function describeAge({ since }: Job): string {
  switch (since.kind) {
    case "missing":
      return "the job has no date";
    case "unparsable":
      return "the job's date cannot be read";
    case "at":
      return "the job is dated in the future";
  }
}
