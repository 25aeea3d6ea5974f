import type { Calibration, Look } from "../../domain/evidence.ts";
import { fileNameOf, weigh } from "../../domain/evidence.ts";
import type { Duration, Instant, JobFacts } from "../../domain/job.ts";
import { decide, type Policy, triage, type Verdict } from "../../domain/verdict.ts";
import type { Judged } from "../../ports/journal.ts";
import type { Run } from "../context.ts";
import type { Case } from "../item.ts";
import { policyOf } from "../list/finished-jobs.ts";
import type { Consultation } from "../probe/ask-provider.ts";
import { findingOf } from "../probe/ask-provider.ts";

/** What was gathered for a job. */
export interface Gathered {
  readonly job: JobFacts;
  readonly late: boolean;
  readonly looks: readonly Look[];
  readonly consultation: Consultation | null;
}

/** A verdict on what was gathered earlier. */
export type Rejudged =
  | { readonly kind: "not-stuck"; readonly reason: "not-stuck"; readonly detail: string }
  /** The rules look under names that were not looked under. */
  | { readonly kind: "open"; readonly reason: "not-probed"; readonly detail: string }
  | Verdict;

/**
 * The verdict that triage and decide give by `policy`, before it comes to the brake, to other jobs for the same target
 * and to the guards of the write.
 */
export function rejudge(
  { job, late, looks, consultation }: Gathered,
  policy: Policy,
  now: Instant,
  calibration: Calibration | null,
): Rejudged {
  const found = triage({ ...job, notes: "", responsePayload: "", error: null }, policy, now);
  if (found.kind === "not-stuck") return { kind: "not-stuck", reason: "not-stuck", detail: "" };
  if (found.kind === "settled") return found.verdict;
  const { candidate } = found;
  const seen = new Map(looks.flat().map((sighting) => [fileNameOf(sighting.url), sighting]));
  const own: Look[] = [];
  for (const names of candidate.names) {
    const look = names.flatMap((name) => seen.get(name) ?? []);
    if (look.length < names.length) {
      const missing = names.filter((name) => !seen.has(name)).join(", ");
      return { kind: "open", reason: "not-probed", detail: `${missing} was not looked for` };
    }
    own.push(look);
    if (look.every(({ result }) => result === "present")) break;
  }
  const verdict = decide(candidate, { storage: weigh(own, calibration), provider: findingOf(consultation) }, policy);
  return late && verdict.kind === "recover" ? { ...verdict, reason: "late-output" } : verdict;
}

/** How old a job was; null where its date is not known. */
export function ageIn({ since }: Pick<JobFacts, "since">, now: Instant): Duration | null {
  return since.kind === "at" ? now - since.at : null;
}

/** The cases as the journal keeps them, one at a time: a sweep may hold many. */
export function* judgedOf(
  cases: Iterable<Case>,
  now: Instant,
  calibration: Calibration | null,
  run: Run,
): Iterable<Judged> {
  for (const { job, operation, late, looks, consultation, verdict, applied, error } of cases) {
    // A delivery that is looked at again is no verdict on a stuck job.
    if (verdict === null || verdict.reason === "delivery-retried" || verdict.reason === "delivery-failed") continue;
    const { kind, reason } = rejudge({ job, late, looks, consultation }, policyOf({ late }, run), now, calibration);
    const { kind: verdictKind, reason: verdictReason, detail } = verdict;
    yield {
      job,
      operation,
      late,
      looks,
      consultation,
      decided: { kind, reason },
      verdict: { kind: verdictKind, reason: verdictReason, detail },
      applied,
      error,
    };
  }
}
