import { type Calibration, fileNameOf } from "../domain/evidence.ts";
import { getAge, getCertainAge, type Instant, isExternalId, isRecordId, type Job, toSummary } from "../domain/job.ts";
import type { DeliveryField, Thresholds } from "../domain/operation.ts";
import { namePrefixes, outputNames } from "../domain/output-names.ts";
import type { Entry } from "../domain/report.ts";
import { resolveOperation } from "../domain/resolve-operation.ts";
import { parseReportedResult } from "../domain/response-payload.ts";
import { resolveTarget, type Target } from "../domain/target.ts";
import type { Verdict } from "../domain/verdict.ts";
import type { Attachment, ObjectListing, OutputPlace } from "../ports/ports.ts";
import { failExpiredJobs } from "../sweep/apply/fail.ts";
import { writeRecoveries } from "../sweep/apply/write-recoveries.ts";
import { serverNow } from "../sweep/clock-skew.ts";
import type { SweepContext } from "../sweep/context.ts";
import { decideItem } from "../sweep/decide/decide.ts";
import { type Candidate, triage } from "../sweep/decide/triage.ts";
import type { ItemEvidence, SweepItem } from "../sweep/item.ts";
import { addOutcomes, type ItemOutcome, Ledger } from "../sweep/ledger.ts";
import { targetOf, withOwnDate } from "../sweep/list/classify.ts";
import { effectivePolicy, isReopenable, withEffectiveStart } from "../sweep/list/finished-jobs.ts";
import { placeOf } from "../sweep/places.ts";
import { askProvider } from "../sweep/probe/ask-provider.ts";
import { calibrate } from "../sweep/probe/calibrate-missing.ts";
import { createKnownOutputs } from "../sweep/probe/known-outputs.ts";
import { probeOutputs } from "../sweep/probe/probe-outputs.ts";
import { verifyPlace } from "../sweep/probe/verify-place.ts";
import { toReportEntry } from "../sweep/report/entries.ts";
import { sweep } from "../sweep/sweep.ts";

/** All that is known of one job. */
export interface Explanation {
  readonly job: Job;
  /** What a sweep would decide now; null where the job is not stuck, and `notStuck` says why. */
  readonly verdict: Verdict | null;
  readonly notStuck: string | null;
  /** Whether its status makes it no stuck job at any age. */
  readonly closed: boolean;
  /** The evidence, gathered whether or not it is stuck; `probes` hold every name, also those after the first hit. */
  readonly entry: Entry;
  readonly thresholds: Thresholds;
  /** What "missing" looks like where its outputs would be; null where nothing was probed. */
  readonly calibration: Calibration | null;
  /** The objects whose names begin with its external id; null where nothing was probed. */
  readonly listing: ObjectListing | null;
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
  const found = isRecordId(name) ? [] : await run.store.findJobs([name], run.limits.reads);
  // Any text may be an id in a database. A search leaves the links out: what it found is read whole.
  const ids = found.length > 0 ? found.map(({ id }) => id) : [name];
  const jobs = [...(await run.store.readJobs(ids, run.limits.reads)).values()];
  const now = serverNow(run);
  const ageOrOldest = (job: Job) => getAge(job, now) ?? Number.POSITIVE_INFINITY;
  const newestFirst = jobs.toSorted((a, b) => ageOrOldest(a) - ageOrOldest(b));
  let decided: ReturnType<typeof decideAll> | null = null;
  const decideOnce = () => (decided ??= decideAll(run));
  const explanations: Explanation[] = [];
  for (const job of newestFirst) explanations.push(await explainJob(job, decideOnce, run));
  return explanations;
}

/**
 * Decides about all stuck jobs, as a dry run of recover does: the others matter to a verdict, newer ones for the same
 * target, and how many would be failed without an output of their operation in sight. Returns what the sweep reports of
 * the jobs that it reached.
 */
async function decideAll(run: SweepContext): Promise<ReadonlyMap<string, Entry>> {
  const { report } = await sweep({ ...run, command: "recover", dryRun: true, named: null, only: null, limit: null });
  const reached = report.entries.filter(({ verdict }) => verdict.reason !== "not-reached");
  return new Map(reached.map((entry) => [entry.id, entry]));
}

async function explainJob(
  read: Job,
  decideOnce: () => Promise<ReadonlyMap<string, Entry>>,
  run: SweepContext,
): Promise<Explanation> {
  const now = serverNow(run);
  const reopened = isReopenable(read, run, now);
  const job = withEffectiveStart(read, { reopened });
  const triaged = triage(job, effectivePolicy({ reopened }, run), now);
  const named = triaged.kind === "candidate" ? triaged.candidate : toCandidate(job, run, now);
  const candidate = named === null ? null : withOwnDate(named, read);
  const item = createItem(job, candidate, reopened, run, now);
  const swept = triaged.kind === "candidate" ? ((await decideOnce()).get(job.id) ?? null) : null;
  const gathered = candidate === null ? null : await gatherAll(job, candidate, swept, now, run);
  const ledger = new Ledger([item]);
  if (gathered !== null) ledger.merge([{ item, evidence: gathered.evidence }]);
  const attachments =
    item.target === null
      ? null
      : await readAttachments(item.target, candidate?.operation.deliver?.as ?? "attachment", run);
  if (triaged.kind === "decided") ledger.merge([{ item, verdict: triaged.verdict }]);
  if (swept !== null) ledger.merge([{ item, verdict: swept.verdict }]);
  else if (triaged.kind === "candidate" && candidate !== null && gathered !== null) {
    ledger.merge(await decideAlone(item, candidate, gathered, now, run));
  }
  const result = ledger.get(item);
  // A sweep recovers a job that stuck-jobs had failed, or leaves it as it is.
  const staysFailed = reopened && result.verdict?.kind !== "recover";
  const verdict = staysFailed ? null : result.verdict;
  const { stuckStatuses } = run.policy;
  const notStuck = triaged.kind === "not-stuck" ? describeNotStuck(job, stuckStatuses) : null;
  return {
    job,
    verdict,
    notStuck: staysFailed ? describeStillFailed(result.verdict) : notStuck,
    closed: verdict === null && !stuckStatuses.includes(job.status),
    entry: toReportEntry(result),
    thresholds: candidate?.operation.thresholds ?? run.policy.thresholds,
    calibration: gathered?.calibration ?? null,
    listing: gathered?.listing ?? null,
    attachments,
    now,
  };
}

/** A job that is not stuck has evidence too. Returns null where there is no name to probe. */
function toCandidate(job: Job, run: SweepContext, now: Instant): Candidate | null {
  const lookup = resolveOperation(job, run.policy.operations);
  if (lookup.kind === "unknown" || job.externalId === null || !isExternalId(job.externalId)) return null;
  const { operation } = lookup;
  const names = outputNames(operation, job);
  if (names.kind === "incomplete") return null;
  const target = resolveTarget(job, operation);
  const targetId = target.kind === "named" ? target.id : null;
  return {
    operation,
    targetId,
    externalId: job.externalId,
    names: names.sets,
    age: getAge(job, now) ?? 0,
    certainAge: getCertainAge(job, now) ?? 0,
    began: job.since.kind === "at" ? job.since.at : null,
  };
}

function createItem(
  job: Job,
  candidate: Candidate | null,
  reopened: boolean,
  run: SweepContext,
  now: Instant,
): SweepItem {
  const lookup = resolveOperation(job, run.policy.operations);
  return {
    job: toSummary(job),
    version: null,
    operation: lookup.kind === "known" ? lookup.operation.name : null,
    age: getAge(job, now),
    reopened,
    candidate,
    target: candidate === null ? null : targetOf(candidate),
    reported: parseReportedResult(job.responsePayload, job.payload),
    verdict: null,
  };
}

interface GatheredAll {
  readonly evidence: ItemEvidence;
  readonly calibration: Calibration;
  readonly listing: ObjectListing;
}

/**
 * Gathers what a sweep would, and what it only needs to fail a job: calibration and a listing. What the sweep has probed
 * and asked already is not probed and asked again.
 */
async function gatherAll(
  job: Job,
  candidate: Candidate,
  swept: Entry | null,
  now: Instant,
  run: SweepContext,
): Promise<GatheredAll> {
  const { reads } = run.limits;
  const probedAt = run.clock.now();
  const named = await probeOutputs(candidate, run, { how: "each", known: swept?.probes ?? [] });
  const urls = named.flat().map(({ url }) => url);
  const otherNames = (swept?.probes ?? []).filter(({ url }) => !urls.includes(url));
  const probeGroups = otherNames.length === 0 ? named : [...named, otherNames];
  const providerReply = swept === null ? await askProvider(candidate, probeGroups, run) : swept.providerReply;
  const { operation } = candidate;
  const place = placeOf(operation, run);
  const seen = probeGroups.flat().find(({ result }) => result === "present")?.url ?? null;
  const control = seen === null ? await createKnownOutputs([], [operation], now, run).findControl(operation) : null;
  const known = control?.kind === "seen" ? control.url : seen;
  const { calibration } = await calibrate(place.probe, candidate, run.random, known === null ? [] : [known], reads);
  const listing = await listAll(namePrefixes(operation, job), place, run);
  return { evidence: { probeGroups, providerReply, probedAt }, calibration, listing };
}

/** Lists what begins with one of the prefixes; the first that cannot be listed is the answer for all. */
async function listAll(prefixes: readonly string[], { probe }: OutputPlace, run: SweepContext): Promise<ObjectListing> {
  const names = new Set<string>();
  let complete = true;
  for (const prefix of prefixes) {
    const listing = await probe.list(prefix, run.limits.reads);
    if (listing.kind !== "listed") return listing;
    for (const name of listing.names) names.add(name);
    complete &&= listing.complete;
  }
  return { kind: "listed", names: [...names], complete };
}

/** Decides as a sweep of this job alone would, with all the evidence that is gathered before a job is failed or delivered. */
async function decideAlone(
  item: SweepItem,
  candidate: Candidate,
  { evidence }: GatheredAll,
  now: Instant,
  run: SweepContext,
): Promise<readonly ItemOutcome[]> {
  const dryRun = { ...run, dryRun: true };
  const verdict = await verifyPlace(candidate, decideItem(item, candidate, evidence, null, run.policy), run);
  const outcomes: ItemOutcome[] = [{ item, verdict }];
  const results = [{ item, evidence, verdict, target: item.target, applied: false, error: null }];
  const context = { now, skewed: false, truncated: false, failedBefore: new Map<string, string>() };
  addOutcomes(outcomes, await failExpiredJobs(results, context, dryRun));
  if (verdict.kind === "recover") {
    const recovery = { item, candidate, evidence, verdict, otherSets: [], newerWithoutSpace: null };
    addOutcomes(outcomes, await writeRecoveries([recovery], dryRun));
  }
  return outcomes;
}

async function readAttachments(
  { table, id, field }: Target,
  as: DeliveryField["as"],
  run: SweepContext,
): Promise<readonly Attachment[] | null> {
  const fields = as === "url" ? { attachments: [], cells: [field] } : { attachments: [field], cells: [] };
  const record = (await run.store.readTargets(table, [id], fields, run.limits.reads)).get(id);
  if (record === undefined) return null;
  const url = record.cells[field];
  if (typeof url === "string") return [{ id: null, filename: fileNameOf(url), url, size: null }];
  return record.attachments[field] ?? [];
}

function describeNotStuck(job: Job, stuckStatuses: readonly string[]): string {
  if (stuckStatuses.includes(job.status)) return "it is younger than stuckAfter, or was not sent to its worker yet";
  return `its status is ${JSON.stringify(job.status)}; stuck are ${stuckStatuses.map((each) => JSON.stringify(each)).join(", ")}`;
}

function describeStillFailed(verdict: Verdict | null): string {
  const absent = verdict?.kind === "fail" || verdict?.kind === "wait";
  const state = absent
    ? "its output has not appeared since"
    : `nothing is known of its output now (${verdict?.reason})`;
  return `stuck-jobs has failed it, and ${state}; if it appears within maxAge, recover completes the job`;
}
