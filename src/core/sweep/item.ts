import type { ProbeGroup } from "../domain/evidence.ts";
import type { Duration, Instant, JobSummary, Operation, Target } from "../domain/job.ts";
import type { Entry } from "../domain/report.ts";
import type { Candidate, Verdict, VerdictKind } from "../domain/verdict.ts";
import type { Bulk, Embodied } from "./bulk.ts";
import type { ProviderReply } from "./probe/ask-provider.ts";

/** What of a case is put away while it is not looked at: a sweep may hold 50,000 of them. All of it survives JSON. */
export interface SweepItemData {
  readonly job: JobSummary;
  readonly candidate: Omit<Candidate, "operation"> | null;
  probeGroups: readonly ProbeGroup[];
  providerReply: ProviderReply | null;
  probedAt: Instant | null;
  /** Null where the verdict is short enough to be kept with the case. */
  verdict: Verdict | null;
  target: Target | null;
}

/** What a case begins with. */
export interface SweepItemInit {
  readonly job: JobSummary;
  readonly operation: string | null;
  readonly age: Duration | null;
  readonly reopened: boolean;
  readonly candidate: Candidate | null;
  readonly verdict: Verdict | null;
  readonly target: Target | null;
}

/**
 * A stuck job on its way through the sweep. What all cases are asked for time and again is a field; the rest is read
 * from its body, which may have to be fetched first: do not ask it of all of them more often than needed.
 */
export class SweepItem implements Embodied {
  place: number | null = null;
  readonly operation: string | null;
  readonly age: Duration | null;
  /** Whether polling failed it before: it is shown only if its output has turned up since. */
  readonly reopened: boolean;
  applied = false;
  error: string | null = null;
  #kind: VerdictKind | null = null;
  #verdict: Verdict | null = null;
  readonly #by: Operation | null;
  readonly #bulk: Bulk<SweepItemData>;

  constructor(bulk: Bulk<SweepItemData>, { job, operation, age, reopened, candidate, verdict, target }: SweepItemInit) {
    this.operation = operation;
    this.age = age;
    this.reopened = reopened;
    this.#by = candidate?.operation ?? null;
    this.#bulk = bulk;
    bulk.add(this, {
      job,
      candidate: candidate === null ? null : withoutOperation(candidate),
      probeGroups: [],
      providerReply: null,
      probedAt: null,
      verdict: null,
      target,
    });
    this.verdict = verdict;
  }

  /** The job as the listing told it. */
  get job(): JobSummary {
    return this.#bulk.of(this).job;
  }

  /** Null where there was nothing to look for. */
  get candidate(): Candidate | null {
    const { candidate } = this.#bulk.of(this);
    return candidate === null || this.#by === null ? null : { ...candidate, operation: this.#by };
  }

  get probeGroups(): readonly ProbeGroup[] {
    return this.#bulk.of(this).probeGroups;
  }

  set probeGroups(probeGroups: readonly ProbeGroup[]) {
    this.#bulk.toChange(this).probeGroups = probeGroups;
  }

  /** What its provider was asked; null where none was. */
  get providerReply(): ProviderReply | null {
    return this.#bulk.of(this).providerReply;
  }

  set providerReply(providerReply: ProviderReply | null) {
    this.#bulk.toChange(this).providerReply = providerReply;
  }

  /** When the storage was last asked, before it answered; null before. */
  get probedAt(): Instant | null {
    return this.#bulk.of(this).probedAt;
  }

  set probedAt(probedAt: Instant | null) {
    this.#bulk.toChange(this).probedAt = probedAt;
  }

  get target(): Target | null {
    return this.#bulk.of(this).target;
  }

  set target(target: Target | null) {
    this.#bulk.toChange(this).target = target;
  }

  /** The kind of its verdict, at hand where the verdict itself may not be. */
  get kind(): VerdictKind | null {
    return this.#kind;
  }

  /** Null until something can be said. */
  get verdict(): Verdict | null {
    return this.#kind === null ? null : (this.#verdict ?? this.#bulk.of(this).verdict);
  }

  set verdict(verdict: Verdict | null) {
    const isLong = verdict !== null && "output" in verdict;
    this.#kind = verdict?.kind ?? null;
    this.#verdict = isLong ? null : verdict;
    if (isLong) this.#bulk.toChange(this).verdict = verdict;
  }
}

function withoutOperation({ operation: _, ...candidate }: Candidate): SweepItemData["candidate"] {
  return candidate;
}

/** The row of the report that a case has become. */
export function toReportEntry(item: SweepItem): Entry {
  const { operation, age, target, applied, providerReply, error } = item;
  const { id, externalId, type, status } = item.job;
  const verdict = item.verdict ?? { kind: "wait", reason: "not-reached", detail: "left to the next run" };
  const probes = item.probeGroups.flat();
  return { id, externalId, type, status, operation, age, verdict, applied, target, probes, providerReply, error };
}
