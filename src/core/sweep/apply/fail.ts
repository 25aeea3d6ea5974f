import type { Calibration } from "../../domain/evidence.ts";
import type { Instant } from "../../domain/job.ts";
import type { Reason } from "../../domain/verdict.ts";
import type { Run } from "../context.ts";
import { fairShare, type HeldOperation } from "../decide/brake.ts";
import type { Case } from "../item.ts";
import { calibrate, type KnownOutput, lyingHere, newestCompleted } from "../probe/calibrate.ts";
import { objection } from "../probe/other-names.ts";
import { verdictOn } from "../probe/probe-outputs.ts";
import { withConsent } from "./ask-before-write.ts";
import { inTens } from "./batches.ts";
import { applyFails, type Failure, type Proof } from "./write-failures.ts";

/** What came of the failing half of a sweep. */
export interface FailingResult {
  readonly held: readonly HeldOperation[];
  /** Whether fails were left to the next run. */
  readonly truncated: boolean;
  /** Null where nothing had to be found out. */
  readonly calibration: Calibration | null;
}

/**
 * The failing half: of the jobs that are past `failAfter` and whose output was not seen, fails those whose absence can
 * be proven. Calibration is asked for only here, and only when there is such a job.
 */
export async function failDue(
  cases: readonly Case[],
  listing: {
    readonly now: Instant;
    readonly skewed: boolean;
    /** How many jobs of each operation polling has failed lately: a trickle of fails is a herd in the end. */
    readonly failedBefore: ReadonlyMap<string, number>;
  },
  run: Run,
): Promise<FailingResult> {
  const proven = cases.filter(isFailedByProvider);
  const suspects = cases.filter(isSuspect);
  if (proven.length + suspects.length === 0) return { held: [], truncated: false, calibration: null };
  if (run.limits.begin.aborted) return { held: [], truncated: true, calibration: null };
  if (listing.skewed) {
    for (const item of [...proven, ...suspects]) {
      item.verdict = { kind: "unknown", reason: "clock-skew", detail: "the clocks differ by over 5 minutes" };
    }
    return { held: [], truncated: false, calibration: null };
  }

  const { calibration, control, held } = await judge(suspects, proven, cases, listing, run);
  const toFail = [...proven, ...suspects].filter(({ kind }) => kind === "fail");
  const rest = toFail.slice(run.brake.maxFails);
  for (const item of rest) {
    item.verdict = { kind: "wait", reason: "fail-limit", detail: `at most ${run.brake.maxFails} a run` };
  }
  const next = toFail.slice(0, run.brake.maxFails).flatMap(failureOf);
  if (calibration !== null) await raiseObjections(next, calibration, run);
  if (run.command !== "scan" && !run.dryRun) {
    for (const ten of inTens(next.filter(isToFail))) {
      if (run.limits.begin.aborted) break;
      await applyFails(await withConsent(ten, run), { calibration, control }, run);
    }
  }
  return { held, truncated: rest.length > 0, calibration };
}

function isToFail({ item }: Failure): boolean {
  return item.kind === "fail";
}

/** A job whose provider says that it failed: nothing has to be proven of the storage, but the brake counts it. */
function isFailedByProvider(item: Case): boolean {
  return item.kind === "fail" && item.verdict?.reason === "provider-failed";
}

/** A job that would be failed if its absence were proven. */
function isSuspect({ kind, verdict }: Case): boolean {
  return (kind === "fail" || kind === "unknown") && verdict !== null && OPEN.includes(verdict.reason);
}

const OPEN: readonly Reason[] = ["output-absent", "absence-unproven"];

function failureOf(item: Case): readonly Failure[] {
  const { candidate } = item;
  return candidate === null ? [] : [{ item, candidate }];
}

/** Finds out what the storage's answers mean, gives the suspects their verdicts by it, and minds the brake. */
async function judge(
  suspects: readonly Case[],
  proven: readonly Case[],
  cases: readonly Case[],
  { now, failedBefore }: { readonly now: Instant; readonly failedBefore: ReadonlyMap<string, number> },
  run: Run,
): Promise<Proof & { readonly held: readonly HeldOperation[] }> {
  const first = suspects[0]?.candidate ?? null;
  const known = knownOutputs(cases, [...suspects, ...proven], now, run);
  const { calibration, control } =
    first === null
      ? { calibration: null, control: null }
      : await calibrate(run.probe, first, run.random, () => known.here(first.operation.name), run.limits.reads);
  for (const item of suspects) {
    const { candidate } = item;
    if (candidate === null) continue;
    const verdict = verdictOn(item, candidate, calibration, run);
    item.verdict = verdict.kind === "unknown" ? { ...verdict, detail: calibration?.detail ?? "" } : verdict;
  }
  const held = run.force ? [] : await brake(cases, [...suspects, ...proven], calibration, known, failedBefore, run);
  return { calibration, control, held };
}

/** Takes out those whose output may be there under another name. */
async function raiseObjections(failures: readonly Failure[], calibration: Calibration, run: Run): Promise<void> {
  await Promise.all(
    failures.map(async (failure) => {
      if (failure.item.verdict?.reason !== "output-absent") return;
      const verdict = await objection(failure, calibration, run);
      if (verdict !== null) failure.item.verdict = verdict;
    }),
  );
}

/** Brings the brake down on the operations of which too many would be failed without proof that their outputs show. */
async function brake(
  cases: readonly Case[],
  suspects: readonly Case[],
  calibration: Calibration | null,
  known: KnownOutputs,
  failedLately: ReadonlyMap<string, number>,
  run: Run,
): Promise<readonly HeldOperation[]> {
  const held: HeldOperation[] = [];
  for (const operation of operationsOf(suspects)) {
    const own = suspects.filter((item) => item.operation === operation);
    const wouldFail = own.filter(({ kind }) => kind === "fail");
    const stuck = cases.filter((item) => item.operation === operation).length;
    const failedBefore = failedLately.get(operation) ?? 0;
    const limit = fairShare(stuck + failedBefore, run.brake);
    const numbers = { operation, stuck, failedBefore, limit };
    if (calibration?.kind === "failed" && wouldFail.length === 0) {
      if (own.length + failedBefore <= limit) continue;
      held.push({ ...numbers, wouldFail: own.length, reason: "calibration-failed", detail: calibration.detail });
      continue;
    }
    if (wouldFail.length === 0 || wouldFail.length + failedBefore <= limit) continue;
    if (wouldFail.every(isFailedByProvider) && providerTellsApart(cases, operation)) continue;
    const control = await known.ofOperation(operation);
    if (control.kind === "seen") continue;
    held.push({ ...numbers, wouldFail: wouldFail.length, reason: "no-positive-control", detail: control.detail });
    for (const item of wouldFail) {
      item.verdict = {
        kind: "unknown",
        reason: "brake-held",
        detail: `${wouldFail.length} of ${stuck}: ${control.detail}`,
      };
    }
  }
  return held;
}

function operationsOf(cases: readonly Case[]): readonly string[] {
  return [...new Set(cases.flatMap(({ operation }) => operation ?? []))];
}

/** Whether the provider says anything but "failed" of other jobs: one that is read wrongly says it of all. */
function providerTellsApart(cases: readonly Case[], operation: string): boolean {
  return cases.some((item) => {
    if (item.operation !== operation) return false;
    const said = item.consultation?.answer.kind;
    return said === "succeeded" || said === "running";
  });
}

type Control = { readonly kind: "seen" } | { readonly kind: "not-seen"; readonly detail: string };

/** Outputs that are certain to have been written: seen in this sweep, or on record with a completed job. */
interface KnownOutputs {
  /** Those in the same place, seen ones before recorded ones, and those of that operation first. */
  here(operation: string): Promise<readonly string[]>;
  /** Whether an output of that very operation, named as the configuration says, answers now. */
  ofOperation(operation: string): Promise<Control>;
}

function knownOutputs(cases: readonly Case[], suspects: readonly Case[], now: Instant, run: Run): KnownOutputs {
  const wanted = operationsOf(suspects);
  let listed: Promise<ReadonlyMap<string, KnownOutput>> | null = null;
  const recorded = () => {
    listed ??= newestCompleted(run.store, run.probe, run.policy.operations, wanted, now, run.limits.reads);
    return listed;
  };
  let seenOnes: ReadonlyMap<string | null, string> | null = null;
  const seen = () => {
    seenOnes ??= seenIn(cases);
    return seenOnes;
  };
  return {
    async here(operation) {
      const [anyOne] = seen().values();
      const inSweep = seen().get(operation) ?? anyOne;
      return inSweep === undefined ? lyingHere(await recorded(), operation, run.probe) : [inSweep];
    },
    async ofOperation(operation) {
      if (seen().has(operation)) return { kind: "seen" };
      const newest = (await recorded()).get(operation);
      if (newest === undefined) return { kind: "not-seen", detail: "no completed job with a recorded output is known" };
      if (!newest.matches) {
        return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, is not named as configured` };
      }
      const sighting = await run.probe.look(newest.url, run.limits.reads);
      if (sighting.result === "present") return { kind: "seen" };
      return { kind: "not-seen", detail: `the newest recorded output, ${newest.url}, answers ${sighting.detail}` };
    },
  };
}

/** The URL of an output of each operation that was seen in this sweep. */
function seenIn(cases: readonly Case[]): ReadonlyMap<string | null, string> {
  const seen = new Map<string | null, string>();
  for (const { operation, looks } of cases) {
    const there = looks.flat().find(({ result }) => result === "present");
    if (there !== undefined && !seen.has(operation)) seen.set(operation, there.url);
  }
  return seen;
}
