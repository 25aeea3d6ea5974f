import type { GatheredEvidence } from "../domain/evidence.ts";
import type { Duration, Instant, JobSummary } from "../domain/job.ts";
import type { ReportedResult } from "../domain/response-payload.ts";
import type { Target } from "../domain/target.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { Candidate } from "./decide/triage.ts";

/** A stuck job as it was listed. It never changes: what the stages make of it is in the ledger. */
export interface SweepItem {
  readonly job: JobSummary;
  /** That of the job as it was listed; null where it had none. */
  readonly version: string | null;
  readonly operation: string | null;
  readonly age: Duration | null;
  /** Whether stuck-jobs had failed it: it is reported only if its output has appeared since. */
  readonly reopened: boolean;
  /** Null where there is nothing to probe. */
  readonly candidate: Candidate | null;
  readonly target: Target | null;
  /** What its response payload says. */
  readonly reported: ReportedResult;
  /** The verdict that needs no evidence; null where there is none. */
  readonly verdict: Verdict | null;
}

/** What the storage and the provider answered about one item. */
export interface ItemEvidence extends GatheredEvidence {
  /** When the storage was last probed, before it answered; null before. */
  readonly probedAt: Instant | null;
}

export const NO_EVIDENCE: ItemEvidence = { probeGroups: [], providerReply: null, probedAt: null };

/** An item with the verdict on it, and the evidence for that. */
export interface DecidedItem {
  readonly item: SweepItem;
  readonly evidence: ItemEvidence;
  readonly verdict: Verdict;
}
