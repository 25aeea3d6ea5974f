import { type Calibration, fileNameOf } from "../../domain/evidence.ts";
import type { Duration, Job } from "../../domain/job.ts";
import { appendLine, failedLine, failureText } from "../../domain/notes.ts";
import type { JobUpdate, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { withEffectiveStart } from "../list/finished-jobs.ts";
import { findUnderOtherName } from "../probe/other-names.ts";
import { decideItem, probeOutputs } from "../probe/probe-outputs.ts";
import { splitInHalf } from "./batches.ts";
import { writeJobs } from "./journaled-writes.ts";
import { checkJob } from "./preconditions.ts";

/** A look older than this is repeated before a job is failed on its account. */
const MAX_PROBE_AGE_MS: Duration = 10_000;

/** How often a write is tried when answers are lost; what became of the last try is read as well. */
const MAX_ATTEMPTS = 4;

const STALE_READ_MESSAGE = "the base was too slow: what was seen grew old before it could be written";
const DEADLINE_MESSAGE = "the end of the run cut the answer to the write off";

/** A job whose output is proven absent. */
export interface FailureCandidate {
  readonly item: SweepItem;
  readonly candidate: Candidate;
}

/** What absences are proven by. */
export interface AbsenceProof {
  /** Null where no absence has to be proven. */
  readonly calibration: Calibration | null;
  /** Where a 403 means "missing": the URL of the output that showed it by being there. */
  readonly control: string | null;
}

/**
 * Fails at most ten jobs: looks once more where the last look is old, reads the jobs, and writes in the very next
 * request. A write without a trustworthy answer is resolved by the next round's read; a batch that was refused for one
 * of its records is begun anew in halves.
 */
export async function writeFailures(
  failures: readonly FailureCandidate[],
  proof: AbsenceProof,
  run: SweepContext,
): Promise<void> {
  const { calibration } = proof;
  // Where a 403 is to mean "missing", what was seen before that was known proves nothing: the bucket may have been
  // closed to us then.
  let pending: readonly FailureCandidate[] = await reprobeStale(failures, proof, run, proof.control !== null);
  /** What was heard last of the writes that were not answered. */
  let unanswered: ReadonlyMap<FailureCandidate, string> = new Map();
  for (let round = 1; pending.length > 0; round += 1) {
    let due: readonly ReadyFailure[];
    try {
      if (round > 1) {
        await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
        // First what became of a write that was not answered: a look that fails now must not hide that it was done.
        const open = unanswered.size > 0 ? (await rereadJobs(pending, run)).map(({ failure }) => failure) : pending;
        if (round > MAX_ATTEMPTS) {
          for (const failure of open) failure.item.error = unanswered.get(failure) ?? STALE_READ_MESSAGE;
          return;
        }
        pending = await reprobeStale(open, proof, run);
      }
      due = await rereadJobs(pending, run);
    } catch (error) {
      // What was sent and not answered may have been carried out: that has to be told.
      for (const { item } of unanswered.keys()) if (!item.applied) item.error = DEADLINE_MESSAGE;
      throw error;
    }
    // The read may have taken its time, retries and all: what was seen before it is then too old to be written on.
    if (due.some(({ failure }) => !isFresh(failure.item, run))) {
      pending = due.map(({ failure }) => failure);
      unanswered = new Map();
      continue;
    }
    if (due.length === 0) return;
    const results = await writeJobs(
      due.map(({ failure, job }) => {
        return { item: failure.item, calibration, job, update: buildFailureUpdate({ failure, job }, calibration, run) };
      }),
      run,
    );
    const heldUp = due.flatMap(({ failure }, n) => (results[n]?.kind === "batch-rejected" ? [failure] : []));
    if (heldUp.length > 0) {
      for (const part of splitInHalf(heldUp)) await writeFailures(part, proof, run);
      return;
    }
    unanswered = recordResults(due, results);
    pending = [...unanswered.keys()];
  }
}

async function reprobeStale(
  failures: readonly FailureCandidate[],
  { calibration, control }: AbsenceProof,
  run: SweepContext,
  always = false,
): Promise<readonly FailureCandidate[]> {
  const old = failures.filter(({ item }) => always || !isFresh(item, run));
  await Promise.all(
    old.map(async ({ item, candidate }) => {
      item.probedAt = run.clock.now();
      item.probeGroups = await probeOutputs(candidate, run);
      item.verdict = decideItem(item, candidate, calibration, run);
      if (item.verdict.kind === "recover") {
        const { output } = item.verdict;
        item.verdict = { kind: "skip", reason: "changed-meanwhile", detail: "its output has just turned up", output };
      }
      if (item.verdict.reason !== "output-absent" || calibration === null) return;
      item.verdict = (await findUnderOtherName({ item, candidate }, calibration, run)) ?? item.verdict;
    }),
  );
  if (old.length > 0 && control !== null) await reprobeControl(old, control, run);
  return failures.filter(({ item }) => item.verdict?.kind === "fail");
}

/** A 403 counts only between two sights of an output that is there: else it may be we who are shut out. */
async function reprobeControl(
  failures: readonly FailureCandidate[],
  control: string,
  run: SweepContext,
): Promise<void> {
  const sighting = await run.probe.probe(control, run.limits.reads);
  if (sighting.result === "present") return;
  const detail = `${fileNameOf(control)}, which was there a moment ago, answers ${sighting.detail}`;
  for (const { item } of failures) {
    if (item.verdict?.reason === "output-absent")
      item.verdict = { kind: "unknown", reason: "absence-unproven", detail };
  }
}

function isFresh({ probedAt }: SweepItem, run: SweepContext): boolean {
  return probedAt !== null && run.clock.now() - probedAt <= MAX_PROBE_AGE_MS;
}

interface ReadyFailure {
  readonly failure: FailureCandidate;
  readonly job: Job;
}

async function rereadJobs(pending: readonly FailureCandidate[], run: SweepContext): Promise<readonly ReadyFailure[]> {
  if (pending.length === 0) return [];
  const jobs = await run.store.readJobs(
    pending.map(({ item }) => item.job.id),
    run.limits.reads,
  );
  const done = { status: run.failedStatus, runId: run.signature.runId };
  const due: ReadyFailure[] = [];
  for (const failure of pending) {
    const { item, candidate } = failure;
    const fresh = jobs.get(item.job.id);
    const check = checkJob(fresh && withEffectiveStart(fresh, item), { job: item.job, candidate }, done, run.policy);
    switch (check.kind) {
      case "done":
        item.applied = true;
        break;
      case "changed":
        item.verdict = { kind: "skip", reason: "changed-meanwhile", detail: check.detail };
        break;
      case "unchanged":
        due.push({ failure, job: check.job });
        break;
    }
  }
  return due;
}

/** Marks what is settled, and gives back what has to be read again with what was heard of it. */
function recordResults(
  due: readonly ReadyFailure[],
  results: readonly WriteResult[],
): ReadonlyMap<FailureCandidate, string> {
  const unanswered = new Map<FailureCandidate, string>();
  for (const [n, { failure }] of due.entries()) {
    const { item } = failure;
    const result = results[n];
    if (result === undefined) unanswered.set(failure, "the base did not answer for this record");
    else if (result.kind === "confirmed") item.applied = true;
    else if (result.kind === "refused") item.error = result.error;
    else if (result.kind === "deleted") {
      const detail = "the job was deleted right before the write";
      item.verdict = { kind: "skip", reason: "changed-meanwhile", detail };
    } else unanswered.set(failure, result.error);
  }
  return unanswered;
}

function buildFailureUpdate(
  { failure, job }: ReadyFailure,
  calibration: Calibration | null,
  run: SweepContext,
): JobUpdate {
  const { item, candidate } = failure;
  const rule = item.verdict?.reason ?? "";
  const gathered = { probes: item.probeGroups.flat(), providerReply: item.providerReply, rule };
  const at = serverNow(run);
  const since = item.job.since.kind === "at" ? item.job.since.at : at - candidate.age;
  const told = calibration === null || item.verdict?.reason === "provider-failed" ? null : calibration.detail;
  return {
    id: job.id,
    status: run.failedStatus,
    error: failureText(since, candidate.age, gathered, told, at, run.signature),
    notes: appendLine(job.notes, failedLine(gathered, at, run.signature)),
  };
}
