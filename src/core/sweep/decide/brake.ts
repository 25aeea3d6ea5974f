import type { BlockedOperation } from "../../domain/report.ts";
import type { SweepContext } from "../context.ts";
import type { DecidedItem, SweepItem } from "../item.ts";
import type { ItemOutcome, ItemResult } from "../ledger.ts";
import { placeOf } from "../places.ts";
import type { AbsenceProof } from "../probe/calibrate-missing.ts";
import type { Controls } from "../probe/known-outputs.ts";
import type { FailureMemory } from "./failure-memory.ts";
import type { Candidate } from "./triage.ts";

/** A job that is to be failed. */
export interface FailureCandidate extends DecidedItem {
  readonly candidate: Candidate;
}

/** Whether the job is to be failed, as far as decided. */
export function isToFail({ verdict }: FailureCandidate): boolean {
  return verdict.kind === "fail";
}

/** What the brake decides for one operation. */
interface Braked {
  readonly blocked: readonly BlockedOperation[];
  readonly outcomes: readonly ItemOutcome[];
}

/** What the brake goes by. `proofOf` returns what "missing" looks like where a job's output would be. */
interface Facts {
  readonly proofOf: (failure: FailureCandidate) => AbsenceProof;
  readonly controls: Controls;
  /** What earlier runs failed: so many small batches still trip the brake. */
  readonly memory: FailureMemory;
}

/** Holds back what may not be failed: jobs without sight of an output, and too many that only their provider failed. */
export async function applyBrake(
  failures: { readonly proven: readonly FailureCandidate[]; readonly failedByProvider: readonly FailureCandidate[] },
  results: readonly ItemResult[],
  facts: Facts,
  run: SweepContext,
): Promise<Braked> {
  const blocked: BlockedOperation[] = [];
  const outcomes: ItemOutcome[] = [];
  for (const operation of operationsOf([...failures.proven, ...failures.failedByProvider])) {
    const isOwn = ({ item }: { readonly item: SweepItem }) => item.operation === operation;
    const counts = {
      operation,
      stuck: results.filter(isOwn).length,
      failedBefore: facts.memory.byOperation.get(operation) ?? 0,
      limit: run.brake.minimum,
    };
    for (const each of [
      await requireSight(failures.proven.filter(isOwn), counts, facts, run),
      limitProvider(failures.failedByProvider.filter(isOwn), results, counts, facts.memory, run),
    ]) {
      blocked.push(...each.blocked);
      outcomes.push(...each.outcomes);
    }
  }
  return { blocked, outcomes };
}

type Counts = Pick<BlockedOperation, "operation" | "stuck" | "failedBefore" | "limit">;

/**
 * Holds back the jobs of an operation of which no output is seen. An operation that never had one may rely on another's
 * for a few jobs, as long as what earlier runs failed is known.
 */
async function requireSight(
  own: readonly FailureCandidate[],
  counts: Counts,
  { proofOf, controls, memory }: Facts,
  run: SweepContext,
): Promise<Braked> {
  const absent = own.filter(isToFail);
  const control = controls.byOperation.get(counts.operation);
  const [first] = own;
  if (first === undefined || control === undefined) return NOT_BRAKED;
  if (control.kind === "elsewhere" && !run.force) {
    const { detail } = control;
    const verdict = { kind: "unknown", reason: "configuration-suspect", detail } as const;
    return {
      blocked: [{ ...counts, wouldFail: own.length, reason: "configuration-suspect", detail }],
      outcomes: own
        .filter(({ verdict }) => verdict.reason !== "place-answers-everything")
        .map(({ item }) => ({ item, verdict })),
    };
  }
  if (absent.length === 0) {
    const { calibration } = proofOf(first);
    const detail = calibration?.detail ?? "";
    const isBlind = calibration?.kind === "failed" && own.length > counts.limit;
    return isBlind
      ? { blocked: [{ ...counts, wouldFail: own.length, reason: "calibration-failed", detail }], outcomes: [] }
      : NOT_BRAKED;
  }
  if (control.kind === "seen") return NOT_BRAKED;
  if (run.force || isPersonsWord(run)) {
    run.observer.warn(`${counts.operation}: ${absent.length} failed on your word, although ${control.detail}`);
    return NOT_BRAKED;
  }
  const canBorrow =
    control.kind === "none" &&
    memory.isWhole &&
    (await controls.mayBorrow(placeOf({ name: counts.operation }, run).probe));
  const quota = canBorrow ? Math.max(0, counts.limit - counts.failedBefore) : 0;
  const borrowing = new Set(absent.filter((each) => isWithinMaxAge(each)).slice(0, quota));
  const held = absent.filter((each) => !borrowing.has(each));
  const { detail } = control;
  return {
    blocked:
      held.length > counts.limit ? [{ ...counts, wouldFail: held.length, reason: "no-positive-control", detail }] : [],
    outcomes: held.map(({ item }) => ({ item, verdict: { kind: "unknown", reason: "absence-unproven", detail } })),
  };
}

const NOT_BRAKED: Braked = { blocked: [], outcomes: [] };

/** Whether a person named the jobs that `fail-old` is to fail. */
function isPersonsWord({ command, named }: SweepContext): boolean {
  return command === "fail-old" && named !== null;
}

function isWithinMaxAge({ candidate }: FailureCandidate): boolean {
  const { maxAge } = candidate.operation.thresholds;
  return maxAge === null || candidate.age <= maxAge;
}

/** Holds back jobs that only their provider calls failed, where they are many and it says nothing else of any job. */
function limitProvider(
  own: readonly FailureCandidate[],
  results: readonly ItemResult[],
  counts: Counts,
  memory: FailureMemory,
  run: SweepContext,
): Braked {
  // Where nobody knows what earlier runs failed, it may have been as many as is allowed.
  const failedBefore = isPersonsWord(run) ? 0 : memory.isKnown ? counts.failedBefore : counts.limit;
  if (own.length === 0 || own.length + failedBefore <= counts.limit) return NOT_BRAKED;
  if (run.force || providerDiscriminates(results, counts.operation) || sawOutput(results, counts.operation))
    return NOT_BRAKED;
  const detail = `${own.length} of ${counts.stuck}: the provider calls all of them failed, and no output was seen`;
  return {
    blocked: [{ ...counts, wouldFail: own.length, reason: "no-positive-control", detail }],
    outcomes: own.map(({ item }) => ({ item, verdict: { kind: "unknown", reason: "brake-engaged", detail } })),
  };
}

function sawOutput(results: readonly ItemResult[], operation: string): boolean {
  return results.some(
    ({ item, evidence }) =>
      item.operation === operation && evidence.probeGroups.flat().some(({ result }) => result === "present"),
  );
}

function operationsOf(items: readonly { readonly item: SweepItem }[]): readonly string[] {
  return [...new Set(items.flatMap(({ item }) => item.operation ?? []))];
}

/** Whether the provider says anything but "failed" of other jobs: one that is read wrongly says it of all. */
function providerDiscriminates(results: readonly ItemResult[], operation: string): boolean {
  return results.some(({ item, evidence }) => {
    if (item.operation !== operation) return false;
    const answer = evidence.providerReply?.answer.kind;
    return answer === "succeeded" || answer === "running";
  });
}
