import { type Calibration, type GatheredEvidence, isUrlOf, type ProbeGroup } from "../../domain/evidence.ts";
import type { Instant, JobSummary } from "../../domain/job.ts";
import type { BlockedOperation } from "../../domain/report.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { RunRecord, VerdictRecord } from "../../ports/journal.ts";
import type { SweepContext } from "../context.ts";
import { decideItem } from "../decide/decide.ts";
import { type Policy, triage } from "../decide/triage.ts";
import type { ItemResult } from "../ledger.ts";
import { effectivePolicy } from "../list/finished-jobs.ts";

/** A job with what was gathered for it, so that it can be decided again. */
export interface RecordedEvidence extends GatheredEvidence {
  readonly job: JobSummary;
  readonly reopened: boolean;
}

/** A verdict on what was gathered earlier. */
export type ReplayedVerdict =
  | { readonly kind: "not-stuck"; readonly reason: "not-stuck"; readonly detail: string }
  /** The policy has names that were not probed then. */
  | { readonly kind: "open"; readonly reason: "not-probed"; readonly detail: string }
  | Verdict;

/**
 * Returns the verdict that triage and decide give with `policy`, before the brake, other jobs for the same target and
 * the preconditions of the write come in.
 */
export function redecide(
  { job, reopened, probeGroups, providerReply }: RecordedEvidence,
  policy: Policy,
  now: Instant,
  calibration: Calibration | null,
): ReplayedVerdict {
  const triaged = triage({ notes: "", responsePayload: "", error: null, ...job }, policy, now);
  if (triaged.kind === "not-stuck") return { kind: "not-stuck", reason: "not-stuck", detail: "" };
  if (triaged.kind === "decided") return triaged.verdict;
  const { candidate } = triaged;
  const probed = probeGroups.flat();
  const probeOf = (name: string) => probed.find(({ url }) => isUrlOf(url, name));
  const groups: ProbeGroup[] = [];
  for (const names of candidate.names) {
    const group = names.flatMap((name) => probeOf(name) ?? []);
    if (group.length < names.length) {
      const missing = names.filter((name) => probeOf(name) === undefined).join(", ");
      return { kind: "open", reason: "not-probed", detail: `${missing} was not probed` };
    }
    groups.push(group);
    if (group.every(({ result }) => result === "present")) break;
  }
  return decideItem({ reopened }, candidate, { probeGroups: groups, providerReply }, calibration, policy);
}

type Calibrations = Pick<RunRecord, "calibration" | "calibrations">;

/** Returns what "missing" looked like where an operation's outputs are; null where the run did not find out. */
export function calibrationOf(
  operation: string | null,
  { calibration, calibrations }: Calibrations,
): Calibration | null {
  const hasOwn = operation !== null && Object.hasOwn(calibrations, operation);
  return hasOwn ? (calibrations[operation] ?? null) : calibration;
}

/** What all verdicts of the run rest on. */
interface RunFacts {
  readonly now: Instant;
  readonly calibrations: ReadonlyMap<string, Calibration>;
  readonly failedBefore: ReadonlyMap<string, number>;
  readonly brake: readonly BlockedOperation[];
}

/** Records in the journal what was decided and why, in a run that wrote something: another policy can be tried on it. */
export async function journalVerdicts(
  results: readonly ItemResult[],
  { now, calibrations, failedBefore, brake }: RunFacts,
  run: SweepContext,
): Promise<void> {
  const { journal, signature, command, force } = run;
  if (journal === null || !results.some(({ applied, error }) => applied || error !== null)) return;
  const blocked = brake.map(({ operation }) => operation);
  const general = run.policy.operations.filter(({ name }) => !run.ownPlaces.has(name));
  const calibration = general.map(({ name }) => calibrations.get(name)).find((each) => each !== undefined) ?? null;
  const own = [...run.ownPlaces.keys()].map((name) => [name, calibrations.get(name) ?? null]);
  const recorded = { calibration, calibrations: Object.fromEntries(own) };
  const facts = { now, ...recorded, failedBefore: Object.fromEntries(failedBefore), blocked, force };
  await journal.recordVerdicts(facts, toVerdictRecords(results, now, recorded, run), { ...signature, command });
}

/** Yields the records one at a time: a sweep may hold many. */
function* toVerdictRecords(
  results: Iterable<ItemResult>,
  now: Instant,
  calibrations: Calibrations,
  run: SweepContext,
): Iterable<VerdictRecord> {
  for (const { item, evidence, verdict, applied, error } of results) {
    const { job, operation, reopened } = item;
    const { probeGroups, providerReply } = evidence;
    // A verified delivery is no verdict on a stuck job.
    if (verdict === null || verdict.reason === "delivery-retried" || verdict.reason === "delivery-failed") continue;
    const decision = redecide(
      { job, reopened, probeGroups, providerReply },
      effectivePolicy({ reopened }, run),
      now,
      calibrationOf(operation, calibrations),
    );
    yield {
      job,
      reopened,
      probeGroups,
      providerReply,
      operation,
      decision: { kind: decision.kind, reason: decision.reason },
      verdict: { kind: verdict.kind, reason: verdict.reason, detail: verdict.detail },
      applied,
      error,
    };
  }
}
