import type { Calibration } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import { chunk, groupBy } from "../../domain/lists.ts";
import type { BlockedOperation } from "../../domain/report.ts";
import type { Reason, Verdict } from "../../domain/verdict.ts";
import type { OutputProbe } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import { applyBrake, type FailureCandidate, isToFail } from "../decide/brake.ts";
import { decideItem } from "../decide/decide.ts";
import { recallFailures } from "../decide/failure-memory.ts";
import type { SweepItem } from "../item.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type ItemResult, type StageResult } from "../ledger.ts";
import { placeOf } from "../places.ts";
import { findContradictions } from "../probe/base-evidence.ts";
import { type AbsenceProof, calibrate } from "../probe/calibrate-missing.ts";
import { type Controls, findControls } from "../probe/known-outputs.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { READ_BATCH, WRITE_BATCH } from "./batches.ts";
import { UnfinishedWrites } from "./past-writes.ts";
import { checkOtherNames, writeFailures } from "./write-failures.ts";

/** What failing came to, beside the jobs. */
interface FailSummary {
  brake: readonly BlockedOperation[];
  /** Whether failures were left to the next run. */
  truncated: boolean;
  /** What "missing" looks like, by the operation; absent where that did not have to be found out. */
  calibrations: ReadonlyMap<string, Calibration>;
  /** How many jobs of each operation earlier runs failed. */
  failedBefore: ReadonlyMap<string, number>;
}

/** What the listing contributes to the decision to fail. */
export interface FailContext {
  readonly now: Instant;
  /** Whether the clocks are too far apart to fail a job by its age. */
  readonly skewed: boolean;
  /** Whether the listing was cut short: then it does not show all that earlier runs failed. */
  readonly truncated: boolean;
  /** The operation of each job that earlier runs failed, by the job's id, as far as the listing shows it. */
  readonly failedBefore: ReadonlyMap<string, string>;
}

export type FailResult = StageResult & Readonly<FailSummary>;

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
  const summary: FailSummary = { brake: [], truncated: false, calibrations: new Map(), failedBefore: new Map() };
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

    const proved = await proveExpired(expired, results, context, outcomes, run);
    const { proven, asked, controls, proofOf, calibrations } = proved;
    summary.calibrations = calibrations;

    const memory = await recallFailures(context, run);
    summary.failedBefore = memory.byOperation;
    const braked = await applyBrake({ proven, failedByProvider }, results, { proofOf, controls, memory }, run);
    summary.brake = braked.blocked;
    outcomes.push(...braked.outcomes);

    const heldBack = new Set(braked.outcomes.map(({ item }) => item));
    const toFail = [...failedByProvider, ...proven].filter((each) => isToFail(each) && !heldBack.has(each.item));
    const mayFail = toFail.filter((each) => isFailedByProvider(each) || asked.has(each.item));
    const withinLimit = new Set(mayFail.slice(0, run.brake.maxFails));
    const overLimit = toFail.filter((each) => !withinLimit.has(each));
    summary.truncated = overLimit.length > 0;
    outcomes.push(...overLimit.map(({ item }) => ({ item, verdict: failLimitVerdict(run) })));

    const checked = await checkAllOtherNames([...withinLimit], proofOf, run);
    outcomes.push(...checked.map(toOutcome));
    if (run.command !== "scan" && !run.dryRun) await failInBatches(checked.filter(isToFail), proofOf, outcomes, run);
  });
  return { ...stage, ...summary };
}

/** The expired jobs, decided again now that it is known what can be seen and what "missing" looks like. */
interface ProvenFailures {
  readonly proven: readonly FailureCandidate[];
  /** Those of which the base was asked what speaks against failing: no other may be failed. */
  readonly asked: ReadonlySet<SweepItem>;
  readonly controls: Controls;
  /** Returns what "missing" looks like where a job's output would be. */
  readonly proofOf: (failure: FailureCandidate) => AbsenceProof;
  readonly calibrations: ReadonlyMap<string, Calibration>;
}

/** Finds out whether the outputs of expired jobs are proven absent. Those that the base itself contradicts drop out. */
async function proveExpired(
  expired: readonly FailureCandidate[],
  results: readonly ItemResult[],
  { now }: FailContext,
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<ProvenFailures> {
  const { contradictions, asked } = await askBase(expired, run);
  outcomes.push(...[...contradictions].map(([item, verdict]) => ({ item, verdict })));
  const unproven = expired.filter(({ item }) => !contradictions.has(item));
  const operations = [...new Set(unproven.map(({ candidate }) => candidate.operation))];
  const controls = await findControls(results, operations, now, run);
  const proofs = await proveAbsence(unproven, controls, run);
  const proofOf = ({ candidate }: FailureCandidate) => proofs.get(placeOf(candidate.operation, run).probe) ?? NO_PROOF;
  const proven = unproven.map((each) => decideAgain(each, proofOf(each), run));
  outcomes.push(...proven.map(toOutcome));
  return { proven, asked, controls, proofOf, calibrations: calibrationsByOperation(proofs, run) };
}

/** Asks the base what speaks against failing, until it contradicts all but as many jobs as this run may fail. */
async function askBase(
  expired: readonly FailureCandidate[],
  run: SweepContext,
): Promise<{ readonly contradictions: ReadonlyMap<SweepItem, Verdict>; readonly asked: ReadonlySet<SweepItem> }> {
  const contradictions = new Map<SweepItem, Verdict>();
  const asked = new Set<SweepItem>();
  for (const portion of chunk(expired, READ_BATCH)) {
    if (asked.size - contradictions.size >= run.brake.maxFails || run.limits.start.aborted) break;
    for (const [item, verdict] of await findContradictions(portion, run)) contradictions.set(item, verdict);
    for (const { item } of portion) asked.add(item);
  }
  return { contradictions, asked };
}

/** Fails at most ten jobs at a time, whose outputs would be in one storage. */
async function failInBatches(
  failures: readonly FailureCandidate[],
  proofOf: (failure: FailureCandidate) => AbsenceProof,
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<void> {
  // This comes minutes after the journal was first read: another host's run may have announced a write since, and what
  // that is about to complete must not be failed.
  const unfinished = new UnfinishedWrites(run, () => run.past.readAgain());
  for (const [proof, own] of groupBy(failures, proofOf)) {
    for (const batch of chunk(own, WRITE_BATCH)) {
      if (run.limits.start.aborted) return;
      const asked = await askBeforeWrite(batch, run);
      outcomes.push(...asked.outcomes);
      await unfinished.wait(asked.agreed.map(({ item }) => item.job.id));
      addOutcomes(outcomes, await writeFailures(asked.agreed, proof, run));
    }
  }
}

function toCandidate({ item, evidence, verdict }: ItemResult): readonly FailureCandidate[] {
  const { candidate } = item;
  return candidate === null || verdict === null ? [] : [{ item, candidate, evidence, verdict }];
}

function toOutcome({ item, evidence, verdict }: FailureCandidate): ItemOutcome {
  return { item, evidence, verdict };
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

const NO_PROOF: AbsenceProof = { calibration: null, control: null, answersEverything: false };

/** Finds out what "missing" looks like in each storage where the outputs of these jobs would be. */
async function proveAbsence(
  unproven: readonly FailureCandidate[],
  controls: Controls,
  run: SweepContext,
): Promise<ReadonlyMap<OutputProbe, AbsenceProof>> {
  const proofs = new Map<OutputProbe, AbsenceProof>();
  for (const { candidate } of unproven) {
    const { probe } = placeOf(candidate.operation, run);
    if (proofs.has(probe)) continue;
    const own = controls.byOperation.get(candidate.operation.name);
    const seen = new Set([...(own?.kind === "seen" ? [own.url] : []), ...controls.seenIn(probe)]);
    proofs.set(probe, await calibrate(probe, candidate, run.random, [...seen], run.limits.reads));
  }
  return proofs;
}

function calibrationsByOperation(
  proofs: ReadonlyMap<OutputProbe, AbsenceProof>,
  run: SweepContext,
): ReadonlyMap<string, Calibration> {
  return new Map(
    run.policy.operations.flatMap((operation) => {
      const calibration = proofs.get(placeOf(operation, run).probe)?.calibration ?? null;
      return calibration === null ? [] : [[operation.name, calibration] as const];
    }),
  );
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
  proofOf: (failure: FailureCandidate) => AbsenceProof,
  run: SweepContext,
): Promise<readonly FailureCandidate[]> {
  return await Promise.all(
    failures.map((each) => {
      const { calibration } = proofOf(each);
      return isFailedByProvider(each) || calibration === null ? each : checkOtherNames(each, calibration, run);
    }),
  );
}
