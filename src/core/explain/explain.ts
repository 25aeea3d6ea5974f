import type { Calibration } from "../domain/evidence.ts";
import { weigh } from "../domain/evidence.ts";
import { factsOf, type Instant, isExternalId, isRecordId, type Job, type Thresholds } from "../domain/job.ts";
import { outputNames } from "../domain/output-names.ts";
import type { Entry } from "../domain/report.ts";
import { operationOf, targetOf } from "../domain/target.ts";
import { type Candidate, triage, type Verdict } from "../domain/verdict.ts";
import type { Attachment, Listing } from "../ports/ports.ts";
import { applyRecoveries } from "../sweep/apply/write-recoveries.ts";
import { serverNow } from "../sweep/clock-skew.ts";
import type { Run } from "../sweep/context.ts";
import { Case, entryOf } from "../sweep/item.ts";
import { asItCounts, isFailedByPolling, policyOf } from "../sweep/list/finished-jobs.ts";
import { consult } from "../sweep/probe/ask-provider.ts";
import { calibrate, lyingHere, newestCompleted } from "../sweep/probe/calibrate.ts";
import { objection } from "../sweep/probe/other-names.ts";
import { lookAtAll, verdictOn } from "../sweep/probe/probe-outputs.ts";

/** All that is known of one job. */
export interface Explanation {
  readonly job: Job;
  /** What a sweep would make of it now; null where it is not stuck, and `notStuck` says why. */
  readonly verdict: Verdict | null;
  readonly notStuck: string | null;
  /** Whether it is no stuck job at any age, as its status is. */
  readonly closed: boolean;
  /** The evidence, gathered whether or not it is stuck; `sightings` hold every name, also those after the first hit. */
  readonly entry: Entry;
  readonly thresholds: Thresholds;
  /** What "missing" looks like where its outputs lie; null where nothing was looked for. */
  readonly calibration: Calibration | null;
  /** What begins with its external id; null where nothing was looked for. */
  readonly listing: Listing | null;
  /** What its target's field holds now; null where there is no such record. */
  readonly attachments: readonly Attachment[] | null;
  readonly now: Instant;
}

/**
 * Gathers all that is known of the jobs with a record id or an external id, newest first. Reads only.
 *
 * @throws UpstreamError, StorageConfigError as a sweep does
 */
export async function explain(name: string, run: Run): Promise<readonly Explanation[]> {
  const jobs = isRecordId(name)
    ? [...(await run.store.readJobs([name], run.limits.reads)).values()]
    : await run.store.findJobs([name], run.limits.reads);
  const newestFirst = [...jobs].sort((a, b) => dateOf(b) - dateOf(a));
  const explanations: Explanation[] = [];
  for (const job of newestFirst) explanations.push(await explainJob(job, run));
  return explanations;
}

async function explainJob(read: Job, run: Run): Promise<Explanation> {
  const now = serverNow(run);
  const late = isFailedByPolling(read, run, now);
  const job = asItCounts(read, { late });
  const policy = policyOf({ late }, run);
  const found = triage(job, policy, now);
  const candidate = found.kind === "candidate" ? found.candidate : candidateOf(job, run, now);
  const item = caseOf(job, candidate, late, run, now);
  const gathered = candidate === null ? null : await gather(item, candidate, now, run);
  const attachments = item.target === null ? null : await attachmentsOf(item.target, run);
  const judged = await verdictFor(item, found, candidate, gathered?.calibration ?? null, run);
  // A sweep takes a fail of polling's back, or leaves it as it is.
  const staysFailed = late && judged?.kind !== "recover";
  const verdict = staysFailed ? null : judged;
  const stuckStatuses = policyOf({ late: false }, run).stuckStatuses;
  return {
    job,
    verdict,
    notStuck: staysFailed ? whyStillFailed(judged) : found.kind === "not-stuck" ? whyNot(job, stuckStatuses) : null,
    closed: verdict === null && !stuckStatuses.includes(job.status),
    entry: entryOf(item),
    thresholds: candidate?.operation.thresholds ?? run.policy.thresholds,
    calibration: gathered?.calibration ?? null,
    listing: gathered?.listing ?? null,
    attachments,
    now,
  };
}

/** A job that is not stuck has evidence too. Null where there is no name to look for. */
function candidateOf(job: Job, run: Run, now: Instant): Candidate | null {
  const lookup = operationOf(job, run.policy.operations);
  if (lookup.kind === "unknown" || job.externalId === null || !isExternalId(job.externalId)) return null;
  const names = outputNames(lookup.operation, job);
  if (names.kind === "incomplete") return null;
  const target = targetOf(job, lookup.operation);
  const age = job.since.kind === "at" ? now - job.since.at : 0;
  const targetId = target.kind === "named" ? target.id : null;
  return { operation: lookup.operation, targetId, externalId: job.externalId, names: names.sets, age };
}

function caseOf(job: Job, candidate: Candidate | null, late: boolean, run: Run, now: Instant): Case {
  const lookup = operationOf(job, run.policy.operations);
  const operation = lookup.kind === "known" ? lookup.operation.name : null;
  const age = job.since.kind === "at" ? now - job.since.at : null;
  const target =
    candidate === null || candidate.targetId === null
      ? null
      : {
          table: candidate.operation.target.table,
          id: candidate.targetId,
          field: candidate.operation.attachment,
        };
  return new Case(run.room.cases, { job: factsOf(job), operation, age, late, candidate, verdict: null, target });
}

interface Gathered {
  readonly calibration: Calibration;
  readonly listing: Listing;
}

async function gather(item: Case, candidate: Candidate, now: Instant, run: Run): Promise<Gathered> {
  const { reads } = run.limits;
  item.probedAt = run.clock.now();
  item.looks = await lookAtAll(candidate, run, "each");
  item.consultation = await consult(candidate, weigh(item.looks, null), run);
  const { operation } = candidate;
  const seen = item.looks.flat().find(({ result }) => result === "present")?.url ?? null;
  const known = async () => {
    if (seen !== null) return [seen];
    const newest = await newestCompleted(run.store, run.probe, run.policy.operations, [operation.name], now, reads);
    return lyingHere(newest, operation.name, run.probe);
  };
  const { calibration } = await calibrate(run.probe, candidate, run.random, known, reads);
  return { calibration, listing: await run.probe.list(candidate.externalId, reads) };
}

/** As a sweep would have it: with calibration and objections, and with the guard read of a dry run. */
async function verdictFor(
  item: Case,
  found: ReturnType<typeof triage>,
  candidate: Candidate | null,
  calibration: Calibration | null,
  run: Run,
): Promise<Verdict | null> {
  if (found.kind === "not-stuck") return null;
  if (found.kind === "settled" || candidate === null || calibration === null) {
    return found.kind === "settled" ? found.verdict : null;
  }
  item.verdict = verdictOn(item, candidate, calibration, run);
  if (item.verdict.reason === "output-absent") {
    item.verdict = (await objection({ item, candidate }, calibration, run)) ?? item.verdict;
  }
  if (item.verdict.kind === "recover") {
    const { output, others } = item.verdict;
    await applyRecoveries([{ item, candidate, output, others, supersededBy: null }], { ...run, dryRun: true });
  }
  return item.verdict;
}

async function attachmentsOf(
  { table, id, field }: NonNullable<Case["target"]>,
  run: Run,
): Promise<readonly Attachment[] | null> {
  const records = await run.store.readTargets(table, [id], { attachments: [field], cells: [] }, run.limits.reads);
  const record = records.get(id);
  return record === undefined ? null : (record.attachments[field] ?? []);
}

function whyNot(job: Job, stuckStatuses: readonly string[]): string {
  if (stuckStatuses.includes(job.status)) return "it is younger than stuckAfter, or was not sent off yet";
  return `its status is ${JSON.stringify(job.status)}; stuck are ${stuckStatuses.map((each) => JSON.stringify(each)).join(", ")}`;
}

function whyStillFailed(judged: Verdict | null): string {
  const nothing = judged?.kind === "fail" || judged?.kind === "wait";
  const now = nothing ? "its output has not turned up since" : `nothing is known of its output now (${judged?.reason})`;
  return `polling has failed it, and ${now}; if it does within maxAge, recover takes that back`;
}

function dateOf({ since }: Job): Instant {
  return since.kind === "at" ? since.at : Number.NEGATIVE_INFINITY;
}
