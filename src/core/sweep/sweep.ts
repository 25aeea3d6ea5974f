import type { Calibration } from "../domain/evidence.ts";
import type { BlockedOperation, Report } from "../domain/report.ts";
import {
  isUpstreamFailure,
  JournalError,
  StorageConfigError,
  TableRefused,
  UpstreamError,
  type UpstreamFailure,
} from "../ports/errors.ts";
import { Competition } from "./apply/competition.ts";
import { failExpiredJobs } from "./apply/fail.ts";
import { recover } from "./apply/recover.ts";
import { requireWebhookMemory } from "./apply/resend-webhooks.ts";
import { verifyDeliveries } from "./apply/verify-deliveries.ts";
import type { SweepContext } from "./context.ts";
import { decideItem } from "./decide/decide.ts";
import type { SweepItem } from "./item.ts";
import { type ItemOutcome, type ItemResult, Ledger, type StageResult } from "./ledger.ts";
import { type Listing, listJobs } from "./list/list-jobs.ts";
import { gatherEvidence } from "./probe/probe-outputs.ts";
import { type Probing, startProbing } from "./probe/probing.ts";
import { type PlaceProbes, verifyPlace } from "./probe/verify-place.ts";
import { ProbeQueue } from "./probe-queue.ts";
import { buildReport } from "./report/build-report.ts";
import { toReportEntry } from "./report/entries.ts";
import { journalVerdicts } from "./report/verdict-records.ts";

/** The result of a sweep. `fault` is what cut its writing short: the report holds what was done before. */
export interface SweepResult {
  readonly report: Report;
  readonly fault: UpstreamFailure | null;
}

/**
 * Runs one pass: list, probe, decide, apply, report. Probing begins with the first page of the listing, writing when
 * the listing is complete; both then go on side by side. Failing comes last, when everything is probed.
 *
 * @throws UpstreamError when the listing could not be finished, StorageConfigError when the storage refuses our
 * credentials, JournalError when the journal cannot be written: then nothing was written.
 */
export async function sweep(run: SweepContext): Promise<SweepResult> {
  const startedAt = run.clock.now();
  const { observer } = run;
  await requireWebhookMemory(run);
  const queue = new ProbeQueue(run.random);
  observer.stage("list", "begun");
  observer.stage("probe", "begun");
  const places: PlaceProbes = new Map();
  const probing = startProbing(queue, (item) => probeAndDecide(item, places, run), run);
  const listing = await listJobs(queue, run).finally(() => queue.close());
  observer.stage("list", "ended");

  const ledger = new Ledger(listing.items);
  observer.stage("apply", "begun");
  const { brake, calibrations, failedBefore, fault, complete } = await applyVerdicts(listing, probing, ledger, run);
  observer.stage("apply", "ended");
  const refused = fault instanceof StorageConfigError || fault instanceof JournalError;
  if (refused && !ledger.results().some(({ applied }) => applied)) throw fault;

  const unreached = writes(run) ? ledger.results().flatMap(markNotReached) : [];
  const truncated = listing.truncated || !complete || unreached.length > 0 || wasCutShort(ledger.results(), run);
  ledger.merge(unreached);

  const results = ledger.results();
  const entries = results.map(toReportEntry);
  for (const entry of entries) await observer.jobDone(entry);
  if (writes(run)) await journalVerdicts(results, { now: listing.now, calibrations, failedBefore, brake }, run);
  return { report: buildReport(results, entries, { startedAt, truncated, brake }, run), fault };
}

/** Gathers the evidence on an item and gives it its first verdict; null where there is no time left for it. */
async function probeAndDecide(item: SweepItem, places: PlaceProbes, run: SweepContext): Promise<ItemOutcome | null> {
  if (run.limits.start.aborted || item.candidate === null) return null;
  const evidence = await gatherEvidence(item.candidate, run);
  const verdict = decideItem(item, item.candidate, evidence, null, run.policy);
  return { item, evidence, verdict: await verifyPlace(item.candidate, verdict, run, places) };
}

/** What applying the verdicts came to. `fault` is what cut it short; `complete` says whether nothing was left over. */
interface ApplyResult {
  readonly brake: readonly BlockedOperation[];
  readonly calibrations: ReadonlyMap<string, Calibration>;
  readonly failedBefore: ReadonlyMap<string, number>;
  readonly fault: UpstreamFailure | null;
  readonly complete: boolean;
}

/** Recovers while the probing goes on; when all is probed, verifies earlier deliveries and fails expired jobs. */
async function applyVerdicts(
  listing: Listing,
  probing: Probing,
  ledger: Ledger,
  run: SweepContext,
): Promise<ApplyResult> {
  let fault: UpstreamFailure | null = null;
  const competition = new Competition(listing, run);
  try {
    const recovered = await recover(listing, competition, probing, run);
    fault = recovered.refusedTable;
    await probing.end.finally(() => {
      run.observer.stage("probe", "ended");
      ledger.merge(probing.outcomes());
      ledger.merge(recovered.outcomes);
      for (const result of ledger.results()) if (isStillFailed(result)) ledger.delete(result.item);
    });
    throwFailure(recovered);
    if (run.command === "recover") {
      const verified = await verifyDeliveries(listing.deliveries, ledger.results(), competition, run);
      ledger.merge(verified.outcomes);
      // What a refused table holds up is its own jobs alone: others are failed all the same.
      if (verified.failure?.error instanceof TableRefused) fault ??= verified.failure.error;
      else throwFailure(verified);
    }
    const failed = await failExpiredJobs(ledger.results(), listing, run);
    ledger.merge(failed.outcomes);
    throwFailure(failed);
    const { brake, calibrations, failedBefore, truncated } = failed;
    fault ??= deniedEverywhere(run);
    return { brake, calibrations, failedBefore, fault, complete: !truncated };
  } catch (error) {
    if (isUpstreamFailure(error)) fault = error;
    else if (!run.limits.start.aborted && !run.limits.writes.aborted) throw error;
    return { brake: [], calibrations: new Map(), failedBefore: new Map(), fault, complete: false };
  }
}

/** Returns the failure of a token that may not write: nothing was taken, in several tables or fields. */
function deniedEverywhere({ gate }: SweepContext): UpstreamError | null {
  const error = gate.deniedEverywhere();
  return error === null ? null : new UpstreamError("auth", `no write was permitted: ${error}`);
}

function throwFailure({ failure }: StageResult): void {
  if (failure !== null) throw failure.error;
}

/** Whether stuck-jobs had failed the job and its output has not appeared since: then it is none of this sweep's. */
function isStillFailed({ item, verdict, applied, error }: ItemResult): boolean {
  return item.reopened && verdict?.kind !== "recover" && !applied && error === null;
}

function writes(run: SweepContext): boolean {
  return run.command !== "scan" && !run.dryRun;
}

/** Whether an item was not probed, or its probe was cut off by the deadline. */
function wasCutShort(results: readonly ItemResult[], run: SweepContext): boolean {
  const deadline = run.limits.reads.aborted;
  return results.some(({ verdict }) => verdict === null || (deadline && verdict.reason === "storage-unreachable"));
}

/** What was planned and not reached is left to the next run, and says so. */
function markNotReached({ item, verdict, applied, error }: ItemResult): readonly ItemOutcome[] {
  const planned = verdict?.kind === "recover" || verdict?.kind === "fail";
  if (!planned || applied || error !== null) return [];
  return [{ item, verdict: { kind: "wait", reason: "not-reached", detail: `would be: ${verdict.reason}` } }];
}
