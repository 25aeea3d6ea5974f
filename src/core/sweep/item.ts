import type { ProbeGroup, ProviderReply } from "../domain/evidence.ts";
import type { Duration, Instant, JobSummary } from "../domain/job.ts";
import type { Target } from "../domain/target.ts";
import type { Verdict, VerdictKind } from "../domain/verdict.ts";
import type { Candidate } from "./decide/triage.ts";

/** What an item begins with. */
export interface SweepItemInit {
  readonly job: JobSummary;
  readonly operation: string | null;
  readonly age: Duration | null;
  readonly reopened: boolean;
  readonly candidate: Candidate | null;
  readonly verdict: Verdict | null;
  readonly target: Target | null;
}

/** A stuck job on its way through the sweep. */
export class SweepItem {
  /** The job as it was listed. */
  readonly job: JobSummary;
  readonly operation: string | null;
  readonly age: Duration | null;
  /** Whether polling failed it before: it is shown only if its output has turned up since. */
  readonly reopened: boolean;
  /** Null where there was nothing to look for. */
  readonly candidate: Candidate | null;
  probeGroups: readonly ProbeGroup[] = [];
  /** What its provider was asked; null where none was. */
  providerReply: ProviderReply | null = null;
  /** When the storage was last asked, before it answered; null before. */
  probedAt: Instant | null = null;
  /** Null until something can be said. */
  verdict: Verdict | null;
  target: Target | null;
  applied = false;
  error: string | null = null;

  constructor({ job, operation, age, reopened, candidate, verdict, target }: SweepItemInit) {
    this.job = job;
    this.operation = operation;
    this.age = age;
    this.reopened = reopened;
    this.candidate = candidate;
    this.verdict = verdict;
    this.target = target;
  }

  get kind(): VerdictKind | null {
    return this.verdict?.kind ?? null;
  }
}
