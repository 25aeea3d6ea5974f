import type { Calibration } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { BlockedOperation } from "../../domain/report.ts";
import type { Reason } from "../../domain/verdict.ts";
import type { SweepContext } from "../context.ts";
import { failLimit } from "../decide/brake.ts";
import type { SweepItem } from "../item.ts";
import { calibrate, findNewestCompleted, inSameBucket, type KnownOutput } from "../probe/calibrate.ts";
import { findUnderOtherName } from "../probe/other-names.ts";
import { decideItem } from "../probe/probe-outputs.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { chunkByTen } from "./batches.ts";
import { type AbsenceProof, type FailureCandidate, writeFailures } from "./write-failures.ts";

/** What came of the failing half of a sweep. */
export interface FailingResult {
  readonly held: readonly BlockedOperation[];
  /** Whether fails were left to the next run. */
  readonly truncated: boolean;
  /** Null where nothing had to be found out. */
  readonly calibration: Calibration | null;
}

/**
 * The failing half: of the jobs that are past `failAfter` and whose output was not seen, fails those whose absence can
 * be proven. Calibration is asked for only here, and only when there is such a job.
 */
export async function failExpiredJobs(
  cases: readonly SweepItem[],
  listing: {
    readonly now: Instant;
    readonly skewed: boolean;
    /** How many jobs of each operation polling has failed lately: a trickle of fails is a herd in the end. */
    readonly failedBefore: ReadonlyMap<string, number>;
  },
  run: SweepContext,
): Promise<FailingResult> {
  const proven = cases.filter(isFailedByProvider);
  const suspects = cases.filter(isFailCandidate);
  if (proven.length + suspects.length === 0) return { held: [], truncated: false, calibration: null };
  if (run.limits.start.aborted) return { held: [], truncated: true, calibration: null };
  if (listing.skewed) {
    for (const item of [...proven, ...suspects]) {
      item.verdict = { kind: "unknown", reason: "clock-skew", detail: "the clocks differ by over 5 minutes" };
    }
    return { held: [], truncated: false, calibration: null };
  }

  const { calibration, control, held } = await calibrateAndDecide(suspects, proven, cases, listing, run);
  const toFail = [...proven, ...suspects].filter(({ kind }) => kind === "fail");
  const rest = toFail.slice(run.brake.maxFails);
  for (const item of rest) {
    item.verdict = { kind: "wait", reason: "fail-limit", detail: `at most ${run.brake.maxFails} a run` };
  }
  const next = toFail.slice(0, run.brake.maxFails).flatMap(failureOf);
  if (calibration !== null) await checkOtherNames(next, calibration, run);
  if (run.command !== "scan" && !run.dryRun) {
    for (const ten of chunkByTen(next.filter(isToFail))) {
      if (run.limits.start.aborted) break;
      await writeFailures(await askBeforeWrite(ten, run), { calibration, control }, run);
    }
  }
  return { held, truncated: rest.length > 0, calibration };
}

function isToFail({ item }: FailureCandidate): boolean {
  return item.kind === "fail";
}

/** A job whose provider says that it failed: nothing has to be proven of the storage, but the brake counts it. */
function isFailedByProvider(item: SweepItem): boolean {
  return item.kind === "fail" && item.verdict?.reason === "provider-failed";
}

/** A job that would be failed if its absence were proven. */
function isFailCandidate({ kind, verdict }: SweepItem): boolean {
  return (kind === "fail" || kind === "unknown") && verdict !== null && OPEN.includes(verdict.reason);
}

const OPEN: readonly Reason[] = ["output-absent", "absence-unproven"];

function failureOf(item: SweepItem): readonly FailureCandidate[] {
  const { candidate } = item;
  return candidate === null ? [] : [{ item, candidate }];
}

/** Finds out what the storage's answers mean, gives the suspects their verdicts by it, and minds the brake. */
async function calibrateAndDecide(
  suspects: readonly SweepItem[],
  proven: readonly SweepItem[],
  cases: readonly SweepItem[],
  { now, failedBefore }: { readonly now: Instant; readonly failedBefore: ReadonlyMap<string, number> },
  run: SweepContext,
): Promise<AbsenceProof & { readonly held: readonly BlockedOperation[] }> {
  const first = suspects[0]?.candidate ?? null;
  const known = knownOutputs(cases, [...suspects, ...proven], now, run);
  const { calibration, control } =
    first === null
      ? { calibration: null, control: null }
      : await calibrate(run.probe, first, run.random, () => known.here(first.operation.name), run.limits.reads);
  for (const item of suspects) {
    const { candidate } = item;
    if (candidate === null) continue;
    const verdict = decideItem(item, candidate, calibration, run);
    item.verdict = verdict.kind === "unknown" ? { ...verdict, detail: calibration?.detail ?? "" } : verdict;
  }
  const held = run.force ? [] : await brake(cases, [...suspects, ...proven], calibration, known, failedBefore, run);
  return { calibration, control, held };
}

/** Takes out those whose output may be there under another name. */
async function checkOtherNames(
  failures: readonly FailureCandidate[],
  calibration: Calibration,
  run: SweepContext,
): Promise<void> {
  await Promise.all(
    failures.map(async (failure) => {
      if (failure.item.verdict?.reason !== "output-absent") return;
      const verdict = await findUnderOtherName(failure, calibration, run);
      if (verdict !== null) failure.item.verdict = verdict;
    }),
  );
}

/** Brings the brake down on the operations of which too many would be failed without proof that their outputs show. */
async function brake(
  cases: readonly SweepItem[],
  suspects: readonly SweepItem[],
  calibration: Calibration | null,
  known: KnownOutputs,
  failedLately: ReadonlyMap<string, number>,
  run: SweepContext,
): Promise<readonly BlockedOperation[]> {
  const held: BlockedOperation[] = [];
  for (const operation of operationsOf(suspects)) {
    const own = suspects.filter((item) => item.operation === operation);
    const wouldFail = own.filter(({ kind }) => kind === "fail");
    const stuck = cases.filter((item) => item.operation === operation).length;
    const failedBefore = failedLately.get(operation) ?? 0;
    const limit = failLimit(stuck + failedBefore, run.brake);
    const numbers = { operation, stuck, failedBefore, limit };
    if (calibration?.kind === "failed" && wouldFail.length === 0) {
      if (own.length + failedBefore <= limit) continue;
      held.push({ ...numbers, wouldFail: own.length, reason: "calibration-failed", detail: calibration.detail });
      continue;
    }
    if (wouldFail.length === 0 || wouldFail.length + failedBefore <= limit) continue;
    if (wouldFail.every(isFailedByProvider) && providerDiscriminates(cases, operation)) continue;
    const control = await known.ofOperation(operation);
    if (control.kind === "seen") continue;
    held.push({ ...numbers, wouldFail: wouldFail.length, reason: "no-positive-control", detail: control.detail });
    for (const item of wouldFail) {
      item.verdict = {
        kind: "unknown",
        reason: "brake-engaged",
        detail: `${wouldFail.length} of ${stuck}: ${control.detail}`,
      };
    }
  }
  return held;
}

function operationsOf(cases: readonly SweepItem[]): readonly string[] {
  return [...new Set(cases.flatMap(({ operation }) => operation ?? []))];
}

/** Whether the provider says anything but "failed" of other jobs: one that is read wrongly says it of all. */
function providerDiscriminates(cases: readonly SweepItem[], operation: string): boolean {
  return cases.some((item) => {
    if (item.operation !== operation) return false;
    const said = item.providerReply?.answer.kind;
    return said === "succeeded" || said === "running";
  });
}

type ControlResult = { readonly kind: "seen" } | { readonly kind: "not-seen"; readonly detail: string };

/** Outputs that are certain to have been written: seen in this sweep, or on record with a completed job. */
interface KnownOutputs {
  /** Those in the same place, seen ones before recorded ones, and those of that operation first. */
  here(operation: string): Promise<readonly string[]>;
  /** Whether an output of that very operation, named as the configuration says, answers now. */
  ofOperation(operation: string): Promise<ControlResult>;
}

function knownOutputs(
  cases: readonly SweepItem[],
  suspects: readonly SweepItem[],
  now: Instant,
  run: SweepContext,
): KnownOutputs {
  const wanted = operationsOf(suspects);
  let listed: Promise<ReadonlyMap<string, KnownOutput>> | null = null;
  const recorded = () => {
    listed ??= findNewestCompleted(run.store, run.probe, run.policy.operations, wanted, now, run.limits.reads);
    return listed;
  };
  let seenOnes: ReadonlyMap<string | null, string> | null = null;
  const seen = () => {
    seenOnes ??= visibleOutputs(cases);
    return seenOnes;
  };
  return {
    async here(operation) {
      const [anyOne] = seen().values();
      const inSweep = seen().get(operation) ?? anyOne;
      return inSweep === undefined ? inSameBucket(await recorded(), operation, run.probe) : [inSweep];
    },
    async ofOperation(operation) {
      if (seen().has(operation)) return { kind: "seen" };
      const newest = (await recorded()).get(operation);
      if (newest === undefined) return { kind: "not-seen", detail: "no completed job with a recorded output is known" };
      if (!newest.matches) {
        return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, is not named as configured` };
      }
      const sighting = await run.probe.probe(newest.url, run.limits.reads);
      if (sighting.result === "present") return { kind: "seen" };
      return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, answers ${sighting.detail}` };
    },
  };
}

/** The URL of an output of each operation that was seen in this sweep. */
function visibleOutputs(cases: readonly SweepItem[]): ReadonlyMap<string | null, string> {
  const seen = new Map<string | null, string>();
  for (const { operation, probeGroups } of cases) {
    const there = probeGroups.flat().find(({ result }) => result === "present");
    if (there !== undefined && !seen.has(operation)) seen.set(operation, there.url);
  }
  return seen;
}
