import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Duration, Job } from "../../domain/job.ts";
import { appendLine, failedLine, failureText, refusedLine } from "../../domain/notes.ts";
import { storeName } from "../../domain/report.ts";
import type { JobUpdate, WriteLimit, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import type { FailureCandidate } from "../decide/brake.ts";
import { decideItem } from "../decide/decide.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type StageResult } from "../ledger.ts";
import { withEffectiveStart } from "../list/finished-jobs.ts";
import { placeOf } from "../places.ts";
import type { AbsenceProof } from "../probe/calibrate-missing.ts";
import { findUnderOtherName } from "../probe/other-names.ts";
import { probeOutputs } from "../probe/probe-outputs.ts";
import { splitInHalf } from "./batches.ts";
import { writeJobs } from "./journaled-writes.ts";
import { checkJob } from "./preconditions.ts";
import { writeLimit } from "./recovery.ts";
import { statusKind, type WriteKind } from "./write-gate.ts";

/** A probe that is older than this is repeated before a job is failed because of it. */
const MAX_PROBE_AGE_MS: Duration = 10_000;

/** How often a write is tried when answers are lost; one more read finds out about the last write. */
const MAX_ATTEMPTS = 4;

const staleReadMessage = ({ kind }: SweepContext["store"]) =>
  `${storeName(kind)} was too slow: the probe was stale before the job could be written; retried next run`;
const DEADLINE_MESSAGE = "the deadline cut off the answer to the write";

/**
 * Fails at most ten jobs: probes again where the last probe is old, reads the jobs, and writes in the very next
 * request. A write without a trustworthy answer is resolved by the next round's read; a batch that was refused for one
 * of its records is written again in halves.
 */
export function writeFailures(
  failures: readonly FailureCandidate[],
  proof: AbsenceProof,
  run: SweepContext,
): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    // Where a 403 is to mean "missing", what was probed before that was known proves nothing: the bucket may have been
    // closed to us then.
    let pending = await reprobeStale(failures, proof, outcomes, run, proof.control !== null);
    let unanswered: PendingFailures["unanswered"] = new Map();
    await run.gate.open();
    for (let round = 1; pending.length > 0; round += 1) {
      const ready = await prepareRound(round, { pending, unanswered }, proof, outcomes, run);
      if (ready.length === 0) return;
      const limit = limitOf(ready, run);
      // Reading may have taken long, retries and all: what was probed before it is then too old to be written on.
      if (ready.some(({ failure }) => !isFresh(failure, run))) {
        pending = ready.map(toFailure);
        unanswered = new Map();
        continue;
      }
      const refusal = run.atomic === null ? run.gate.refusalOf([statusKind(run.failedStatus)]) : null;
      if (refusal !== null) {
        outcomes.push(...ready.map(({ failure: { item } }) => ({ item, error: refusal })));
        return;
      }
      const results = await writeReady(ready, proof, limit, run);
      const rejected = ready.flatMap(({ failure }, n) => (results[n]?.kind === "batch-rejected" ? [failure] : []));
      if (rejected.length > 0) {
        for (const half of splitInHalf(rejected)) addOutcomes(outcomes, await writeFailures(half, proof, run));
        return;
      }
      unanswered = recordResults(ready, results, outcomes);
      pending = [...unanswered.keys()];
    }
  });
}

/** What is still to be failed. */
interface PendingFailures {
  readonly pending: readonly FailureCandidate[];
  /** The last error of each write that was not answered. */
  readonly unanswered: ReadonlyMap<FailureCandidate, string>;
}

/**
 * Reads the jobs again; from the second round on after a pause, and with new probes where the last are old. Returns those
 * that may be failed: none after the last round, which finds out about the last write.
 */
async function prepareRound(
  round: number,
  { pending, unanswered }: PendingFailures,
  proof: AbsenceProof,
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<readonly ReadyFailure[]> {
  try {
    if (round === 1) return await rereadJobs(pending, outcomes, run);
    await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
    // A write that was not answered comes first: a probe that fails now must not hide that it was carried out.
    const open = unanswered.size > 0 ? (await rereadJobs(pending, outcomes, run)).map(toFailure) : pending;
    if (round > MAX_ATTEMPTS) {
      const errorOf = (failure: FailureCandidate) => unanswered.get(failure) ?? staleReadMessage(run.store);
      outcomes.push(...open.map((failure) => ({ item: failure.item, error: errorOf(failure) })));
      return [];
    }
    return await rereadJobs(await reprobeStale(open, proof, outcomes, run), outcomes, run);
  } catch (error) {
    // What was sent and not answered may have been carried out: that has to be reported.
    const applied = new Set(outcomes.flatMap((each) => (each.applied ? [each.item] : [])));
    for (const { item } of unanswered.keys()) {
      if (!applied.has(item)) outcomes.push({ item, error: DEADLINE_MESSAGE });
    }
    throw error;
  }
}

/** Writes jobs that were just read, in one request, and remembers a refusal. Returns the results in their order. */
async function writeReady(
  ready: readonly ReadyFailure[],
  { calibration }: AbsenceProof,
  limit: WriteLimit,
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  const writes = ready.map(({ failure, job }) => {
    const { item, evidence, verdict } = failure;
    const update = buildFailureUpdate({ failure, job }, calibration, run);
    return { item, evidence, verdict, calibration, job, update };
  });
  const results = await writeJobs(writes, limit, run);
  await recordRefusals(ready, results, statusKind(run.failedStatus), limit, run);
  return results;
}

/** Probes again where the last probe is old, with `always` everywhere. Returns those that are still to be failed. */
async function reprobeStale(
  failures: readonly FailureCandidate[],
  proof: AbsenceProof,
  outcomes: ItemOutcome[],
  run: SweepContext,
  always = false,
): Promise<readonly FailureCandidate[]> {
  const stale = failures.filter((failure) => always || !isFresh(failure, run));
  if (stale.length === 0) return failures;
  const probed = await Promise.all(stale.map((failure) => reprobe(failure, proof, run)));
  const blind = proof.control === null ? null : await reprobeControl(proof.control, stale, run);
  const decided = probed.map((failure): FailureCandidate => {
    if (blind === null || failure.verdict.reason !== "output-absent") return failure;
    return { ...failure, verdict: { kind: "unknown", reason: "absence-unproven", detail: blind } };
  });
  outcomes.push(...decided.map(({ item, evidence, verdict }) => ({ item, evidence, verdict })));
  const renewed = new Map(decided.map((failure) => [failure.item, failure]));
  return failures
    .map((failure) => renewed.get(failure.item) ?? failure)
    .filter(({ verdict }) => verdict.kind === "fail");
}

async function reprobe(
  failure: FailureCandidate,
  { calibration }: AbsenceProof,
  run: SweepContext,
): Promise<FailureCandidate> {
  const { item, candidate } = failure;
  const probedAt = run.clock.now();
  const evidence = { ...failure.evidence, probeGroups: await probeOutputs(candidate, run), probedAt };
  const verdict = decideItem(item, candidate, evidence, calibration, run.policy);
  if (verdict.kind === "recover") {
    const detail = "its output has just appeared";
    const { output } = verdict;
    return { ...failure, evidence, verdict: { kind: "skip", reason: "changed-meanwhile", detail, output } };
  }
  if (verdict.reason !== "output-absent" || calibration === null) return { ...failure, evidence, verdict };
  return await checkOtherNames({ ...failure, evidence, verdict }, calibration, run);
}

/** Looks for the output under other names. Returns the failure with these probes, and with what they decide. */
export async function checkOtherNames(
  failure: FailureCandidate,
  calibration: Calibration,
  run: SweepContext,
): Promise<FailureCandidate> {
  const { verdict, probeGroups } = await findUnderOtherName(failure, calibration, run);
  const evidence = { ...failure.evidence, probeGroups: [...failure.evidence.probeGroups, ...probeGroups] };
  return { ...failure, evidence, verdict: verdict ?? failure.verdict };
}

/**
 * Probes the known output again: a 403 counts only between two probes that see it, else it may be we who are shut out.
 * Returns what is wrong, null where it is there.
 */
async function reprobeControl(
  control: string,
  [first]: readonly FailureCandidate[],
  run: SweepContext,
): Promise<string | null> {
  const place = first === undefined ? run : placeOf(first.candidate.operation, run);
  const probe = await place.probe.probe(control, run.limits.reads);
  if (probe.result === "present") return null;
  return `${fileNameOf(control)}, which was there a moment ago, answers ${probe.detail}`;
}

function isFresh({ evidence: { probedAt } }: FailureCandidate, run: SweepContext): boolean {
  return probedAt !== null && run.clock.now() - probedAt <= MAX_PROBE_AGE_MS;
}

/** Returns until when these may be failed: neither the read of the jobs, made just now, nor a probe may get old. */
function limitOf(ready: readonly ReadyFailure[], run: SweepContext): WriteLimit {
  const { signal, notAfter } = writeLimit([run.clock.now()], run.limits.writes);
  const probes = ready.map(({ failure: { evidence } }) => (evidence.probedAt ?? 0) + MAX_PROBE_AGE_MS);
  return { signal, notAfter: Math.min(notAfter, ...probes) };
}

interface ReadyFailure {
  readonly failure: FailureCandidate;
  readonly job: Job;
}

function toFailure({ failure }: ReadyFailure): FailureCandidate {
  return failure;
}

/** The guard read: reads the jobs again. Returns those that are as they were decided. */
async function rereadJobs(
  pending: readonly FailureCandidate[],
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<readonly ReadyFailure[]> {
  if (pending.length === 0) return [];
  const jobs = await run.store.readJobs(
    pending.map(({ item }) => item.job.id),
    run.limits.reads,
  );
  const written = { status: run.failedStatus, runId: run.signature.runId };
  const ready: ReadyFailure[] = [];
  for (const failure of pending) {
    const { item, candidate } = failure;
    const fresh = jobs.get(item.job.id);
    const check = checkJob(fresh && withEffectiveStart(fresh, item), { job: item.job, candidate }, written, run.policy);
    switch (check.kind) {
      case "already-written":
        outcomes.push({ item, applied: true });
        break;
      case "changed":
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail: check.detail } });
        break;
      case "unchanged":
        ready.push({ failure, job: check.job });
        break;
    }
  }
  return ready;
}

/** Reports the results to the gate; a refusal is remembered in the job's notes where the journal cannot. */
async function recordRefusals(
  written: readonly ReadyFailure[],
  results: readonly WriteResult[],
  kind: WriteKind,
  limit: WriteLimit,
  run: SweepContext,
): Promise<void> {
  if (run.atomic !== null) return;
  for (const [n, { failure, job }] of written.entries()) {
    const result = results[n];
    const toNote = await run.gate.record(kind, failure.item.job.id, result);
    if (!toNote || result?.kind !== "refused") continue;
    const notes = appendLine(job.notes, refusedLine(kind, result.error, serverNow(run), run.signature));
    await run.store.updateJobs([{ id: job.id, notes }], limit);
  }
}

/** Records what the base answered to each write. Returns those that have to be read again, with the last error. */
function recordResults(
  written: readonly ReadyFailure[],
  results: readonly WriteResult[],
  outcomes: ItemOutcome[],
): ReadonlyMap<FailureCandidate, string> {
  const unanswered = new Map<FailureCandidate, string>();
  for (const [n, { failure }] of written.entries()) {
    const { item } = failure;
    const result = results[n];
    switch (result?.kind) {
      case "confirmed":
        outcomes.push({ item, applied: true });
        break;
      case "refused":
        outcomes.push({ item, error: result.error });
        break;
      case "deleted": {
        const detail = "the job was deleted right before the write";
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail } });
        break;
      }
      case "changed":
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail: result.error } });
        break;
      case "batch-rejected":
      case "unconfirmed":
      case "stale":
        unanswered.set(failure, result.error);
        break;
      case undefined:
        unanswered.set(failure, "the base did not answer for this record");
        break;
    }
  }
  return unanswered;
}

function buildFailureUpdate(
  { failure, job }: ReadyFailure,
  calibration: Calibration | null,
  run: SweepContext,
): JobUpdate {
  const { item, candidate, evidence, verdict } = failure;
  const noted = { ...evidence, rule: verdict.reason };
  const at = serverNow(run);
  const since = item.job.since.kind === "at" ? item.job.since.at : at - candidate.age;
  const proof = calibration === null || verdict.reason === "provider-failed" ? null : calibration.detail;
  return {
    id: job.id,
    status: run.failedStatus,
    error: failureText(since, candidate.age, noted, proof, at, run.signature),
    notes: appendLine(job.notes, failedLine(noted, at, run.signature)),
  };
}
