import type { Calibration } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { BlockedOperation } from "../../domain/report.ts";
import type { Reason } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import { failLimit } from "../decide/brake.ts";
import { decideItem } from "../decide/decide.ts";
import type { SweepItem } from "../item.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type ItemResult, type StageResult } from "../ledger.ts";
import { calibrate, findNewestCompleted, inSameBucket, type KnownOutput } from "../probe/calibrate.ts";
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
  /** How many jobs of each operation earlier runs failed: so many small batches still trip the brake. */
  readonly failedBefore: ReadonlyMap<string, number>;
}

/**
 * Fails the jobs that are past `failAfter` and whose output is proven absent, and those whose provider says that they
 * failed. The storage is calibrated only here, and only when there is a job to prove it for.
 */
export async function failExpiredJobs(
  results: readonly ItemResult[],
  context: FailContext,
  run: SweepContext,
): Promise<FailResult> {
  const failedByProvider = results.flatMap(toCandidate).filter(isFailedByProvider);
  const unproven = results.flatMap(toCandidate).filter(needsProof);
  const summary: FailSummary = { brake: [], truncated: false, calibration: null };
  const stage = await collectOutcomes(async (outcomes) => {
    if (failedByProvider.length + unproven.length === 0) return;
    if (run.limits.start.aborted) {
      summary.truncated = true;
      return;
    }
    if (context.skewed) {
      const verdict = { kind: "unknown", reason: "clock-skew", detail: "the clocks differ by over 5 minutes" } as const;
      outcomes.push(...[...failedByProvider, ...unproven].map(({ item }) => ({ item, verdict })));
      return;
    }

    const known = knownOutputs(results, [...unproven, ...failedByProvider], context.now, run);
    const proof = await proveAbsence(unproven, known, run);
    const { calibration } = proof;
    summary.calibration = calibration;
    const proven = unproven.map((each) => decideAgain(each, calibration, run));
    outcomes.push(...proven.map(toOutcome));

    const braked = run.force
      ? { blocked: [], outcomes: [] }
      : await applyBrake([...proven, ...failedByProvider], results, { calibration, known, context }, run);
    summary.brake = braked.blocked;
    outcomes.push(...braked.outcomes);

    const heldBack = new Set(braked.outcomes.map(({ item }) => item));
    const toFail = [...failedByProvider, ...proven].filter((each) => isToFail(each) && !heldBack.has(each.item));
    const overLimit = toFail.slice(run.brake.maxFails);
    summary.truncated = overLimit.length > 0;
    outcomes.push(...overLimit.map(({ item }) => ({ item, verdict: failLimitVerdict(run) })));

    const checked = await checkAllOtherNames(toFail.slice(0, run.brake.maxFails), calibration, run);
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

/** Finds out what "missing" looks like where the outputs of these jobs would be. */
async function proveAbsence(
  unproven: readonly FailureCandidate[],
  known: KnownOutputs,
  run: SweepContext,
): Promise<AbsenceProof> {
  const [first] = unproven;
  if (first === undefined) return { calibration: null, control: null };
  const { candidate } = first;
  const knownHere = () => known.inSameBucket(candidate.operation.name);
  return await calibrate(run.probe, candidate, run.random, knownHere, run.limits.reads);
}

/** Decides again, now that it is known what "missing" looks like. */
function decideAgain(failure: FailureCandidate, calibration: Calibration | null, run: SweepContext): FailureCandidate {
  const { item, candidate, evidence } = failure;
  const verdict = decideItem(item, candidate, evidence, calibration, run.policy);
  return {
    ...failure,
    verdict: verdict.kind === "unknown" ? { ...verdict, detail: calibration?.detail ?? "" } : verdict,
  };
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

/** Holds back the operations of which too many jobs would be failed without proof that their outputs can be seen. */
async function applyBrake(
  failures: readonly FailureCandidate[],
  results: readonly ItemResult[],
  {
    calibration,
    known,
    context,
  }: { readonly calibration: Calibration | null; readonly known: KnownOutputs; readonly context: FailContext },
  run: SweepContext,
): Promise<{ readonly blocked: readonly BlockedOperation[]; readonly outcomes: readonly ItemOutcome[] }> {
  const blocked: BlockedOperation[] = [];
  const outcomes: ItemOutcome[] = [];
  for (const operation of operationsOf(failures)) {
    const own = failures.filter(({ item }) => item.operation === operation);
    const wouldFail = own.filter(isToFail);
    const stuck = results.filter(({ item }) => item.operation === operation).length;
    const failedBefore = context.failedBefore.get(operation) ?? 0;
    const limit = failLimit(stuck + failedBefore, run.brake);
    const numbers = { operation, stuck, failedBefore, limit };
    if (calibration?.kind === "failed" && wouldFail.length === 0) {
      if (own.length + failedBefore <= limit) continue;
      blocked.push({ ...numbers, wouldFail: own.length, reason: "calibration-failed", detail: calibration.detail });
      continue;
    }
    if (wouldFail.length === 0 || wouldFail.length + failedBefore <= limit) continue;
    if (wouldFail.every(isFailedByProvider) && providerDiscriminates(results, operation)) continue;
    const control = await known.probeControl(operation);
    if (control.kind === "seen") continue;
    const { detail } = control;
    blocked.push({ ...numbers, wouldFail: wouldFail.length, reason: "no-positive-control", detail });
    const verdict = {
      kind: "unknown",
      reason: "brake-engaged",
      detail: `${wouldFail.length} of ${stuck}: ${detail}`,
    } as const;
    outcomes.push(...wouldFail.map(({ item }) => ({ item, verdict })));
  }
  return { blocked, outcomes };
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

type ControlResult = { readonly kind: "seen" } | { readonly kind: "not-seen"; readonly detail: string };

/** Outputs that were certainly written: seen in this sweep, or recorded with a completed job. */
interface KnownOutputs {
  /** Returns those in the same bucket, seen ones before recorded ones, and those of the operation first. */
  inSameBucket(operation: string): Promise<readonly string[]>;
  /** The positive control: whether an output of that very operation, named as configured, can be seen now. */
  probeControl(operation: string): Promise<ControlResult>;
}

function knownOutputs(
  results: readonly ItemResult[],
  failures: readonly FailureCandidate[],
  now: Instant,
  run: SweepContext,
): KnownOutputs {
  const wanted = operationsOf(failures);
  const seen = visibleOutputs(results);
  let listed: Promise<ReadonlyMap<string, KnownOutput>> | null = null;
  const recorded = () => {
    listed ??= findNewestCompleted(run.store, run.probe, run.policy.operations, wanted, now, run.limits.reads);
    return listed;
  };
  return {
    async inSameBucket(operation) {
      const [anyOne] = seen.values();
      const inSweep = seen.get(operation) ?? anyOne;
      return inSweep === undefined ? inSameBucket(await recorded(), operation, run.probe) : [inSweep];
    },
    async probeControl(operation) {
      if (seen.has(operation)) return { kind: "seen" };
      const newest = (await recorded()).get(operation);
      if (newest === undefined) return { kind: "not-seen", detail: "no completed job with a recorded output is known" };
      if (!newest.matches) {
        return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, is not named as configured` };
      }
      const probe = await run.probe.probe(newest.url, run.limits.reads);
      if (probe.result === "present") return { kind: "seen" };
      return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, answers ${probe.detail}` };
    },
  };
}

/** Returns the URL of an output of each operation that was seen in this sweep. */
function visibleOutputs(results: readonly ItemResult[]): ReadonlyMap<string | null, string> {
  const seen = new Map<string | null, string>();
  for (const { item, evidence } of results) {
    if (seen.has(item.operation)) continue;
    const present = evidence.probeGroups.flat().find(({ result }) => result === "present");
    if (present !== undefined) seen.set(item.operation, present.url);
  }
  return seen;
}
