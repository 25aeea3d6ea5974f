import type { Calibration } from "../domain/evidence.ts";
import { combine } from "../domain/evidence.ts";
import { type Instant, isExternalId, isRecordId, type Job, toSummary } from "../domain/job.ts";
import type { Thresholds } from "../domain/operation.ts";
import { outputNames } from "../domain/output-names.ts";
import type { Entry } from "../domain/report.ts";
import { resolveOperation, resolveTarget } from "../domain/target.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { Attachment, Listing } from "../ports/ports.ts";
import { writeRecoveries } from "../sweep/apply/write-recoveries.ts";
import { serverNow } from "../sweep/clock-skew.ts";
import type { SweepContext } from "../sweep/context.ts";
import { type Candidate, triage } from "../sweep/decide/triage.ts";
import { SweepItem } from "../sweep/item.ts";
import { effectivePolicy, isReopenable, withEffectiveStart } from "../sweep/list/finished-jobs.ts";
import { askProvider } from "../sweep/probe/ask-provider.ts";
import { calibrate, findNewestCompleted, inSameBucket } from "../sweep/probe/calibrate.ts";
import { findUnderOtherName } from "../sweep/probe/other-names.ts";
import { decideItem, probeOutputs } from "../sweep/probe/probe-outputs.ts";
import { toReportEntry } from "../sweep/report/entries.ts";

/** All that is known of one job. */
export interface Explanation {
  readonly job: Job;
  /** What a sweep would make of it now; null where it is not stuck, and `notStuck` says why. */
  readonly verdict: Verdict | null;
  readonly notStuck: string | null;
  /** Whether it is no stuck job at any age, as its status is. */
  readonly closed: boolean;
  /** The evidence, gathered whether or not it is stuck; `probes` hold every name, also those after the first hit. */
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
export async function explain(name: string, run: SweepContext): Promise<readonly Explanation[]> {
  const jobs = isRecordId(name)
    ? [...(await run.store.readJobs([name], run.limits.reads)).values()]
    : await run.store.findJobs([name], run.limits.reads);
  const newestFirst = [...jobs].sort((a, b) => dateOf(b) - dateOf(a));
  const explanations: Explanation[] = [];
  for (const job of newestFirst) explanations.push(await explainJob(job, run));
  return explanations;
}

async function explainJob(read: Job, run: SweepContext): Promise<Explanation> {
  const now = serverNow(run);
  const reopened = isReopenable(read, run, now);
  const job = withEffectiveStart(read, { reopened });
  const policy = effectivePolicy({ reopened }, run);
  const found = triage(job, policy, now);
  const candidate = found.kind === "candidate" ? found.candidate : candidateOf(job, run, now);
  const item = caseOf(job, candidate, reopened, run, now);
  const gathered = candidate === null ? null : await gatherEvidence(item, candidate, now, run);
  const attachments = item.target === null ? null : await attachmentsOf(item.target, run);
  const judged = await verdictFor(item, found, candidate, gathered?.calibration ?? null, run);
  // A sweep takes a fail of polling's back, or leaves it as it is.
  const staysFailed = reopened && judged?.kind !== "recover";
  const verdict = staysFailed ? null : judged;
  const stuckStatuses = effectivePolicy({ reopened: false }, run).stuckStatuses;
  return {
    job,
    verdict,
    notStuck: staysFailed
      ? whyStillFailed(judged)
      : found.kind === "not-stuck"
        ? describeNotStuck(job, stuckStatuses)
        : null,
    closed: verdict === null && !stuckStatuses.includes(job.status),
    entry: toReportEntry(item),
    thresholds: candidate?.operation.thresholds ?? run.policy.thresholds,
    calibration: gathered?.calibration ?? null,
    listing: gathered?.listing ?? null,
    attachments,
    now,
  };
}

/** A job that is not stuck has evidence too. Null where there is no name to look for. */
function candidateOf(job: Job, run: SweepContext, now: Instant): Candidate | null {
  const lookup = resolveOperation(job, run.policy.operations);
  if (lookup.kind === "unknown" || job.externalId === null || !isExternalId(job.externalId)) return null;
  const names = outputNames(lookup.operation, job);
  if (names.kind === "incomplete") return null;
  const target = resolveTarget(job, lookup.operation);
  const age = job.since.kind === "at" ? now - job.since.at : 0;
  const targetId = target.kind === "named" ? target.id : null;
  return { operation: lookup.operation, targetId, externalId: job.externalId, names: names.sets, age };
}

function caseOf(job: Job, candidate: Candidate | null, reopened: boolean, run: SweepContext, now: Instant): SweepItem {
  const lookup = resolveOperation(job, run.policy.operations);
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
  return new SweepItem({
    job: toSummary(job),
    operation,
    age,
    reopened,
    candidate,
    verdict: null,
    target,
  });
}

interface Gathered {
  readonly calibration: Calibration;
  readonly listing: Listing;
}

async function gatherEvidence(
  item: SweepItem,
  candidate: Candidate,
  now: Instant,
  run: SweepContext,
): Promise<Gathered> {
  const { reads } = run.limits;
  item.probedAt = run.clock.now();
  item.probeGroups = await probeOutputs(candidate, run, "each");
  item.providerReply = await askProvider(candidate, combine(item.probeGroups, null), run);
  const { operation } = candidate;
  const seen = item.probeGroups.flat().find(({ result }) => result === "present")?.url ?? null;
  const known = async () => {
    if (seen !== null) return [seen];
    const newest = await findNewestCompleted(run.store, run.probe, run.policy.operations, [operation.name], now, reads);
    return inSameBucket(newest, operation.name, run.probe);
  };
  const { calibration } = await calibrate(run.probe, candidate, run.random, known, reads);
  return { calibration, listing: await run.probe.list(candidate.externalId, reads) };
}

/** As a sweep would have it: with calibration and objections, and with the guard read of a dry run. */
async function verdictFor(
  item: SweepItem,
  found: ReturnType<typeof triage>,
  candidate: Candidate | null,
  calibration: Calibration | null,
  run: SweepContext,
): Promise<Verdict | null> {
  if (found.kind === "not-stuck") return null;
  if (found.kind === "settled" || candidate === null || calibration === null) {
    return found.kind === "settled" ? found.verdict : null;
  }
  item.verdict = decideItem(item, candidate, calibration, run);
  if (item.verdict.reason === "output-absent") {
    item.verdict = (await findUnderOtherName({ item, candidate }, calibration, run)) ?? item.verdict;
  }
  if (item.verdict.kind === "recover") {
    const { output, others } = item.verdict;
    await writeRecoveries([{ item, candidate, output, others, supersededBy: null }], { ...run, dryRun: true });
  }
  return item.verdict;
}

async function attachmentsOf(
  { table, id, field }: NonNullable<SweepItem["target"]>,
  run: SweepContext,
): Promise<readonly Attachment[] | null> {
  const records = await run.store.readTargets(table, [id], { attachments: [field], cells: [] }, run.limits.reads);
  const record = records.get(id);
  return record === undefined ? null : (record.attachments[field] ?? []);
}

function describeNotStuck(job: Job, stuckStatuses: readonly string[]): string {
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
