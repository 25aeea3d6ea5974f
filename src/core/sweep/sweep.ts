import type { Calibration } from "../domain/evidence.ts";
import { FUTURE_TOLERANCE, type Instant, type Job } from "../domain/job.ts";
import type { BlockedOperation } from "../domain/report.ts";
import { type Report, summarise } from "../domain/report.ts";
import { JournalError, StorageConfigError, type UpstreamFailure } from "../ports/errors.ts";
import type { JobQuery } from "../ports/ports.ts";
import { Signal } from "./bell.ts";
import { SKEW_TOO_FAR, SKEW_WARNED, serverNow, skewWarning } from "./clock-skew.ts";
import type { SweepContext } from "./context.ts";
import type { SweepItem } from "./item.ts";
import { finishedJobsQuery } from "./list/finished-jobs.ts";
import { ProbeQueue } from "./probe-queue.ts";
import { toReportEntry } from "./report/entries.ts";
import type { ApplyResult, Listing, workOff } from "./work-off.ts";

/** What a sweep comes to. `fault` is what cut its writing short: the report holds what was done before. */
export interface SweepResult {
  readonly report: Report;
  readonly fault: UpstreamFailure | null;
}

/**
 * One pass: list, probe, decide, read again, write. Probing begins with the first page of the listing, writing when the
 * listing is complete; both then go on side by side. Failing comes last, when all is probed.
 *
 * @throws UpstreamError when the listing could not be finished, StorageConfigError when the storage refuses our
 * credentials, JournalError when the journal cannot be written: then nothing was written.
 */
export async function sweep(run: SweepContext): Promise<SweepResult> {
  const startedAt = run.clock.now();
  const deck = new ProbeQueue(run.random);
  const bell = new Signal();
  const cases: SweepItem[] = [];
  let probed = 0;
  let over = false;
  let news: SweepItem[] = [];
  const probing = startProbing(deck, run, (item) => {
    news.push(item);
    run.observer.probed(++probed);
    bell.notify();
  }).finally(() => {
    over = true;
    bell.notify();
  });
  // A fault of the listing is told first; without this, one of the probing would be told as unhandled meanwhile.
  probing.catch(() => undefined);
  let listing: Listing;
  try {
    listing = await list(cases, deck, run);
  } finally {
    deck.close();
  }

  const takeProbed = () => {
    const taken = news;
    news = [];
    return taken;
  };
  const worked = await applyVerdicts(
    cases,
    listing,
    { bell, isOver: () => over, takeCompleted: takeProbed, end: probing },
    run,
  );
  const { brake, calibration, fault } = worked;
  let { truncated } = worked;
  const refused = fault instanceof StorageConfigError || fault instanceof JournalError;
  if (refused && !cases.some(({ applied }) => applied)) throw fault;
  const cutOff = run.limits.reads.aborted;
  truncated ||= cases.some((item) => {
    return item.kind === null || (cutOff && item.kind === "unknown" && item.verdict?.reason === "storage-unreachable");
  });
  if (writes(run)) truncated = markNotReached(cases, truncated);
  const entries = cases.map(toReportEntry);
  for (const entry of entries) await run.observer.jobDone(entry);
  if (writes(run)) await journalVerdicts(cases, { ...listing, calibration, brake }, run);
  const incidents = cases.length === 0 ? [] : (await import("./report/incidents.ts")).groupIncidents(cases);
  const report = reportOf(run, { startedAt, truncated, brake, incidents, entries });
  return { report, fault };
}

// Most runs find nothing, and are not made to load what looks at what was found, decides and acts: most of the core.

async function startProbing(deck: ProbeQueue, run: SweepContext, probed: (item: SweepItem) => void): Promise<void> {
  if (!(await deck.waitForFirst())) return;
  const { probeAll } = await import("./probe/probe-outputs.ts");
  await probeAll(deck, run, probed);
}

async function applyVerdicts(
  cases: SweepItem[],
  listing: Listing,
  probing: Parameters<typeof workOff>[2],
  run: SweepContext,
): Promise<ApplyResult> {
  if (cases.length > 0 || listing.deliveries.length > 0) {
    const { workOff } = await import("./work-off.ts");
    return await workOff(cases, listing, probing, run);
  }
  await probing.end;
  return { truncated: listing.truncated, brake: [], calibration: null, fault: null };
}

async function list(cases: SweepItem[], deck: ProbeQueue, run: SweepContext): Promise<Listing> {
  const asked = run.clock.now();
  let now: Instant | null = null;
  let truncated = false;
  let toProbe = 0;
  const deliveries: Job[] = [];
  const failedBefore = new Map<string, number>();
  for await (const page of pagesFrom(asked, run)) {
    now ??= serverNow(run);
    if (page.length > 0) {
      const { classifyPage: takePage } = await import("./list/classify.ts");
      const found = takePage(page, run, now);
      for (const name of found.failedBefore) failedBefore.set(name, (failedBefore.get(name) ?? 0) + 1);
      deliveries.push(...found.deliveries);
      cases.push(...found.cases);
      const open = found.cases.filter(({ kind }) => kind === null);
      toProbe += open.length;
      run.observer.listed(toProbe);
      if (run.limit === null) deck.add(open);
    }
    if (run.limits.listing.aborted) {
      truncated = true;
      break;
    }
  }
  if (run.limit !== null) truncated = takeOldest(run.limit, cases, deck) || truncated;
  const skewed = Math.abs(run.store.clockSkewMs() ?? 0) > SKEW_TOO_FAR;
  return { now: now ?? asked, skewed, truncated, deliveries, failedBefore };
}

/**
 * The pages of the listing. The first answer tells the server's time: where ours was far off, the wrong jobs were asked
 * for, and the listing begins anew by the server's.
 */
async function* pagesFrom(asked: Instant, run: SweepContext): AsyncIterable<readonly Job[]> {
  let first = true;
  for await (const page of run.store.list(queryAt(asked, run), run.limits.reads)) {
    const skew = run.store.clockSkewMs() ?? 0;
    if (first && Math.abs(skew) > SKEW_WARNED) {
      run.observer.warn(skewWarning(skew));
      yield* run.store.list(queryAt(serverNow(run), run), run.limits.reads);
      return;
    }
    first = false;
    yield page;
  }
}

function queryAt(now: Instant, run: SweepContext): JobQuery {
  const horizons = [run.policy.thresholds, ...run.policy.operations.map(({ thresholds }) => thresholds)].map(
    ({ stuckAfter, failAfter }) => (run.policy.mode === "fail" ? failAfter : stuckAfter),
  );
  return {
    statuses: run.policy.stuckStatuses,
    before: now - Math.min(...horizons),
    future: now + FUTURE_TOLERANCE,
    ...(run.named === null ? {} : { named: run.named }),
    revisit: finishedJobsQuery(run, now),
  };
}

/**
 * Keeps the `limit` oldest of those that can be worked on, and fills up with those that cannot, and last with those
 * that polling had failed: most of them are none when they were probed.
 */
function takeOldest(limit: number, cases: SweepItem[], deck: ProbeQueue): boolean {
  const byAge = (a: SweepItem, b: SweepItem) => (b.age ?? 0) - (a.age ?? 0);
  const rank = ({ reopened, kind }: SweepItem) => (reopened ? 2 : kind === null ? 0 : 1);
  const taken = [...cases].sort((a, b) => rank(a) - rank(b) || byAge(a, b)).slice(0, limit);
  const truncated = taken.length < cases.filter(({ reopened }) => !reopened).length;
  cases.splice(0, cases.length, ...taken);
  deck.add(taken.filter(({ kind }) => kind === null));
  return truncated;
}

function writes(run: SweepContext): boolean {
  return run.command !== "scan" && !run.dryRun;
}

/** Lets the journal have what was judged, and by what: other rules can be tried on it afterwards. */
async function journalVerdicts(
  cases: readonly SweepItem[],
  {
    now,
    failedBefore,
    calibration,
    brake,
  }: Pick<Listing, "now" | "failedBefore"> & {
    readonly calibration: Calibration | null;
    readonly brake: readonly BlockedOperation[];
  },
  run: SweepContext,
): Promise<void> {
  const { journal, signature, command, force } = run;
  if (journal === null || !cases.some(({ applied, error }) => applied || error !== null)) return;
  const blocked = brake.map(({ operation }) => operation);
  const { toVerdictRecords: judgedOf } = await import("./report/verdict-records.ts");
  const restsOn = { now, calibration, failedBefore: Object.fromEntries(failedBefore), blocked, force };
  await journal.recordVerdicts(restsOn, judgedOf(cases, now, calibration, run), { ...signature, command });
}

/** What was planned and not come to is left to the next run, and says so. */
function markNotReached(cases: readonly SweepItem[], truncated: boolean): boolean {
  let left = truncated;
  for (const item of cases) {
    const planned = item.kind === "recover" || item.kind === "fail";
    if (!planned || item.applied || item.error !== null) continue;
    item.verdict = { kind: "wait", reason: "not-reached", detail: `would be: ${item.verdict?.reason}` };
    left = true;
  }
  return left;
}

function reportOf(
  run: SweepContext,
  {
    startedAt,
    brake,
    entries,
    ...rest
  }: Pick<Report, "startedAt" | "truncated" | "incidents" | "entries"> & {
    readonly brake: readonly BlockedOperation[];
  },
): Report {
  return {
    command: run.command,
    dryRun: run.dryRun,
    ...run.signature,
    startedAt,
    finishedAt: run.clock.now(),
    summary: summarise(entries),
    requests: requestsOf(run),
    brake: brake.length === 0 ? null : brake,
    entries,
    ...rest,
  };
}

/** What was asked so far. */
export function requestsOf({ store, probe, providers }: SweepContext): Report["requests"] {
  const provider = [...providers.values()].reduce((sum, each) => sum + each.requests(), 0);
  return { airtable: store.requests(), storage: probe.requests(), provider };
}
