import type { Calibration } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { BlockedOperation } from "../../domain/report.ts";
import type { Reason } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import { decideItem } from "../decide/decide.ts";
import type { SweepItem } from "../item.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type ItemResult, type StageResult } from "../ledger.ts";
import { findContradictions } from "../probe/base-evidence.ts";
import { calibrate } from "../probe/calibrate.ts";
import { type Control, createKnownOutputs } from "../probe/known-outputs.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { chunk, WRITE_BATCH } from "./batches.ts";
import { type AbsenceProof, checkOtherNames, type FailureCandidate, writeFailures } from "./write-failures.ts";

/** What failing came to, beside the jobs. */
interface FailSummary {
  brake: readonly BlockedOperation[];
  /** Whether failures were left to the next run. */
  truncated: boolean;
  /** Null where nothing had to be found out. */
  calibration: Calibration | null;
}

export type FailResult = StageResult & Readonly<FailSummary>;

/** What the listing contributes to the decision to fail. */
export interface FailContext {
  readonly now: Instant;
  /** Whether the clocks are too far apart to fail a job by its age. */
  readonly skewed: boolean;
  /** Whether the listing was cut short: then it does not show all that earlier runs failed. */
  readonly truncated: boolean;
  /** How many jobs of each operation earlier runs failed: so many small batches still trip the brake. */
  readonly failedBefore: ReadonlyMap<string, number>;
}

/**
 * Fails the jobs that are past `failAfter` and whose output is proven absent, and those whose provider says that they
 * failed. What the base itself says of an output, the bucket's way to say "missing" and the positive controls are found
 * out only here, and only when there is a job to prove it for.
 */
export async function failExpiredJobs(
  results: readonly ItemResult[],
  context: FailContext,
  run: SweepContext,
): Promise<FailResult> {
  const failedByProvider = results.flatMap(toCandidate).filter(isFailedByProvider);
  const expired = results.flatMap(toCandidate).filter(needsProof);
  const summary: FailSummary = { brake: [], truncated: false, calibration: null };
  const stage = await collectOutcomes(async (outcomes) => {
    if (failedByProvider.length + expired.length === 0) return;
    if (run.limits.start.aborted) {
      summary.truncated = true;
      return;
    }
    if (context.skewed) {
      const verdict = { kind: "unknown", reason: "clock-skew", detail: "the clocks differ by over 5 minutes" } as const;
      outcomes.push(...[...failedByProvider, ...expired].map(({ item }) => ({ item, verdict })));
      return;
    }

    const contradictions = await findContradictions(expired.slice(0, run.brake.maxFails), run);
    outcomes.push(...[...contradictions].map(([item, verdict]) => ({ item, verdict })));
    const unproven = expired.filter(({ item }) => !contradictions.has(item));

    const controls = await findControls(results, unproven, context, run);
    const proof = await proveAbsence(unproven, controls, run);
    summary.calibration = proof.calibration;
    const proven = unproven.map((each) => decideAgain(each, proof, run));
    outcomes.push(...proven.map(toOutcome));

    const braked = await applyBrake({ proven, failedByProvider }, results, { proof, controls, context }, run);
    summary.brake = braked.blocked;
    outcomes.push(...braked.outcomes);

    const heldBack = new Set(braked.outcomes.map(({ item }) => item));
    const toFail = [...failedByProvider, ...proven].filter((each) => isToFail(each) && !heldBack.has(each.item));
    const overLimit = toFail.slice(run.brake.maxFails);
    summary.truncated = overLimit.length > 0;
    outcomes.push(...overLimit.map(({ item }) => ({ item, verdict: failLimitVerdict(run) })));

    const checked = await checkAllOtherNames(toFail.slice(0, run.brake.maxFails), proof.calibration, run);
    outcomes.push(...checked.map(toOutcome));
    if (run.command === "scan" || run.dryRun) return;
    for (const batch of chunk(checked.filter(isToFail), WRITE_BATCH)) {
      if (run.limits.start.aborted) break;
      const asked = await askBeforeWrite(batch, run);
      outcomes.push(...asked.outcomes);
      addOutcomes(outcomes, await writeFailures(asked.agreed, proof, run));
    }
  });
  return { ...stage, ...summary };
}

function toCandidate({ item, evidence, verdict }: ItemResult): readonly FailureCandidate[] {
  const { candidate } = item;
  return candidate === null || verdict === null ? [] : [{ item, candidate, evidence, verdict }];
}

function toOutcome({ item, evidence, verdict }: FailureCandidate): ItemOutcome {
  return { item, evidence, verdict };
}

function isToFail({ verdict }: FailureCandidate): boolean {
  return verdict.kind === "fail";
}

/** Whether the provider says that the job failed: nothing has to be proven of the storage, but the brake counts it. */
function isFailedByProvider({ verdict }: FailureCandidate): boolean {
  return verdict.reason === "provider-failed";
}

const UNPROVEN: readonly Reason[] = ["output-absent", "absence-unproven"];

/** Whether the job would be failed if the absence of its output were proven. */
function needsProof({ verdict }: FailureCandidate): boolean {
  return UNPROVEN.includes(verdict.reason);
}

function failLimitVerdict({ brake }: SweepContext) {
  return { kind: "wait", reason: "fail-limit", detail: `at most ${brake.maxFails} a run` } as const;
}

/** The positive controls of the operations with jobs to fail, by the operation's name. */
interface Controls {
  readonly byOperation: ReadonlyMap<string, Control>;
  /** The URLs of outputs that are seen, of whatever operation. */
  readonly seen: readonly string[];
  /** Whether an operation without any output of its own may rely on another's: where the bucket lists its keys. */
  mayBorrow(): Promise<boolean>;
}

async function findControls(
  results: readonly ItemResult[],
  unproven: readonly FailureCandidate[],
  { now }: FailContext,
  run: SweepContext,
): Promise<Controls> {
  const operations = [...new Set(unproven.map(({ candidate }) => candidate.operation))];
  const known = createKnownOutputs(results, operations, now, run);
  const byOperation = new Map<string, Control>();
  for (const operation of operations) byOperation.set(operation.name, await known.findControl(operation));
  const seen = [...byOperation.values()].flatMap((control) => (control.kind === "seen" ? [control.url] : []));
  if (known.seenAnywhere !== null) seen.push(known.seenAnywhere);
  return { byOperation, seen, mayBorrow: async () => seen.length > 0 && (await known.canList()) };
}

/** Finds out what "missing" looks like where the outputs of these jobs would be. */
async function proveAbsence(
  unproven: readonly FailureCandidate[],
  controls: Controls,
  run: SweepContext,
): Promise<AbsenceProof> {
  const [first] = unproven;
  if (first === undefined) return { calibration: null, control: null, answersEverything: false };
  const { candidate } = first;
  const own = controls.byOperation.get(candidate.operation.name);
  const seen = new Set([...(own?.kind === "seen" ? [own.url] : []), ...controls.seen]);
  return await calibrate(run.probe, candidate, run.random, [...seen], run.limits.reads);
}

/** Decides again, now that it is known what "missing" looks like. */
function decideAgain(failure: FailureCandidate, proof: AbsenceProof, run: SweepContext): FailureCandidate {
  const { item, candidate, evidence } = failure;
  const detail = proof.calibration?.detail ?? "";
  if (proof.answersEverything) {
    return { ...failure, verdict: { kind: "unknown", reason: "place-answers-everything", detail } };
  }
  const verdict = decideItem(item, candidate, evidence, proof.calibration, run.policy);
  return { ...failure, verdict: verdict.kind === "unknown" ? { ...verdict, detail } : verdict };
}

/** Looks for each output under other names, unless the provider says that the job failed. */
async function checkAllOtherNames(
  failures: readonly FailureCandidate[],
  calibration: Calibration | null,
  run: SweepContext,
): Promise<readonly FailureCandidate[]> {
  if (calibration === null) return failures;
  return await Promise.all(
    failures.map((each) => (isFailedByProvider(each) ? each : checkOtherNames(each, calibration, run))),
  );
}

/** What the brake decides for one operation. */
interface Braked {
  readonly blocked: readonly BlockedOperation[];
  readonly outcomes: readonly ItemOutcome[];
}

/** Holds back what may not be failed: jobs without sight of an output, and too many that only their provider failed. */
async function applyBrake(
  failures: { readonly proven: readonly FailureCandidate[]; readonly failedByProvider: readonly FailureCandidate[] },
  results: readonly ItemResult[],
  facts: { readonly proof: AbsenceProof; readonly controls: Controls; readonly context: FailContext },
  run: SweepContext,
): Promise<Braked> {
  const blocked: BlockedOperation[] = [];
  const outcomes: ItemOutcome[] = [];
  for (const operation of operationsOf([...failures.proven, ...failures.failedByProvider])) {
    const isOwn = ({ item }: { readonly item: SweepItem }) => item.operation === operation;
    const counts = {
      operation,
      stuck: results.filter(isOwn).length,
      failedBefore: facts.context.failedBefore.get(operation) ?? 0,
      limit: run.brake.minimum,
    };
    for (const each of [
      await requireSight(failures.proven.filter(isOwn), counts, facts, run),
      limitProvider(failures.failedByProvider.filter(isOwn), results, counts, run),
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
  {
    proof,
    controls,
    context,
  }: { readonly proof: AbsenceProof; readonly controls: Controls; readonly context: FailContext },
  run: SweepContext,
): Promise<Braked> {
  const absent = own.filter(isToFail);
  const control = controls.byOperation.get(counts.operation);
  if (own.length === 0 || control === undefined) return NOT_BRAKED;
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
    const detail = proof.calibration?.detail ?? "";
    const isBlind = proof.calibration?.kind === "failed" && own.length > counts.limit;
    return isBlind
      ? { blocked: [{ ...counts, wouldFail: own.length, reason: "calibration-failed", detail }], outcomes: [] }
      : NOT_BRAKED;
  }
  if (control.kind === "seen") return NOT_BRAKED;
  if (run.force || isPersonsWord(run)) {
    run.observer.warn(`${counts.operation}: ${absent.length} failed on your word, although ${control.detail}`);
    return NOT_BRAKED;
  }
  // With --job the listing does not show what earlier runs failed of the others.
  const isMemoryWhole = run.remembersFailures && !context.truncated && run.named === null;
  const canBorrow = control.kind === "none" && isMemoryWhole && (await controls.mayBorrow());
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
  run: SweepContext,
): Braked {
  if (own.length === 0 || own.length + counts.failedBefore <= counts.limit) return NOT_BRAKED;
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
