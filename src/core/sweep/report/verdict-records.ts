import type { Calibration, ProbeGroup, ProviderReply } from "../../domain/evidence.ts";
import { combine, fileNameOf } from "../../domain/evidence.ts";
import type { Duration, Instant, JobSummary } from "../../domain/job.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { VerdictRecord } from "../../ports/journal.ts";
import type { SweepContext } from "../context.ts";
import { decide } from "../decide/decide.ts";
import { type Policy, triage } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { effectivePolicy } from "../list/finished-jobs.ts";
import { toProviderEvidence } from "../probe/ask-provider.ts";

/** What was gathered for a job. */
export interface RecordedEvidence {
  readonly job: JobSummary;
  readonly reopened: boolean;
  readonly probeGroups: readonly ProbeGroup[];
  readonly providerReply: ProviderReply | null;
}

/** A verdict on what was gathered earlier. */
export type ReplayedVerdict =
  | { readonly kind: "not-stuck"; readonly reason: "not-stuck"; readonly detail: string }
  /** The rules look under names that were not looked under. */
  | { readonly kind: "open"; readonly reason: "not-probed"; readonly detail: string }
  | Verdict;

/**
 * The verdict that triage and decide give by `policy`, before it comes to the brake, to other jobs for the same target
 * and to the guards of the write.
 */
export function redecide(
  { job, reopened, probeGroups, providerReply }: RecordedEvidence,
  policy: Policy,
  now: Instant,
  calibration: Calibration | null,
): ReplayedVerdict {
  const found = triage({ ...job, notes: "", responsePayload: "", error: null }, policy, now);
  if (found.kind === "not-stuck") return { kind: "not-stuck", reason: "not-stuck", detail: "" };
  if (found.kind === "settled") return found.verdict;
  const { candidate } = found;
  const seen = new Map(probeGroups.flat().map((sighting) => [fileNameOf(sighting.url), sighting]));
  const own: ProbeGroup[] = [];
  for (const names of candidate.names) {
    const look = names.flatMap((name) => seen.get(name) ?? []);
    if (look.length < names.length) {
      const missing = names.filter((name) => !seen.has(name)).join(", ");
      return { kind: "open", reason: "not-probed", detail: `${missing} was not looked for` };
    }
    own.push(look);
    if (look.every(({ result }) => result === "present")) break;
  }
  const verdict = decide(
    candidate,
    { storage: combine(own, calibration), provider: toProviderEvidence(providerReply) },
    policy,
  );
  return reopened && verdict.kind === "recover" ? { ...verdict, reason: "late-output" } : verdict;
}

/** How old a job was; null where its date is not known. */
export function ageIn({ since }: Pick<JobSummary, "since">, now: Instant): Duration | null {
  return since.kind === "at" ? now - since.at : null;
}

/** The cases as the journal keeps them, one at a time: a sweep may hold many. */
export function* toVerdictRecords(
  cases: Iterable<SweepItem>,
  now: Instant,
  calibration: Calibration | null,
  run: SweepContext,
): Iterable<VerdictRecord> {
  for (const { job, operation, reopened, probeGroups, providerReply, verdict, applied, error } of cases) {
    // A delivery that is looked at again is no verdict on a stuck job.
    if (verdict === null || verdict.reason === "delivery-retried" || verdict.reason === "delivery-failed") continue;
    const { kind, reason } = redecide(
      { job, reopened, probeGroups, providerReply },
      effectivePolicy({ reopened }, run),
      now,
      calibration,
    );
    const { kind: verdictKind, reason: verdictReason, detail } = verdict;
    yield {
      job,
      operation,
      reopened,
      probeGroups,
      providerReply,
      decision: { kind, reason },
      verdict: { kind: verdictKind, reason: verdictReason, detail },
      applied,
      error,
    };
  }
}
