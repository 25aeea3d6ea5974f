import { type Duration, FUTURE_TOLERANCE, type Instant, type Job } from "../../domain/job.ts";
import { storeName } from "../../domain/report.ts";
import type { JobQuery } from "../../ports/ports.ts";
import { SKEW_TOO_FAR, SKEW_WARNED, serverNow, skewWarning } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import type { ProbeQueue } from "../probe-queue.ts";
import { classifyPage } from "./classify.ts";
import type { CompetingJob } from "./competing-jobs.ts";
import { finishedJobsQuery } from "./finished-jobs.ts";

/** What a complete listing found. */
export interface Listing {
  /** The server's time by which ages are counted. */
  readonly now: Instant;
  readonly items: readonly SweepItem[];
  /** Whether the clocks are too far apart to fail a job by its age. */
  readonly skewed: boolean;
  /** Whether jobs were left out for want of time, or because of `--limit`. */
  readonly truncated: boolean;
  /** Jobs that stuck-jobs completed within the last hour. */
  readonly deliveries: readonly Job[];
  /** Jobs whose output for a target may yet come, as far as they were listed: those that are too young, or left out. */
  readonly competing: readonly CompetingJob[];
  /** Jobs that were created after this were not listed. */
  readonly youngerThan: Instant;
  /** The operation of each job that stuck-jobs failed within `maxAge`, by the job's id, as far as its notes say so. */
  readonly failedBefore: ReadonlyMap<string, string>;
}

/** Lists the stuck jobs and queues those that need evidence, page by page as they come. */
export async function listJobs(queue: ProbeQueue, run: SweepContext): Promise<Listing> {
  const asked = run.clock.now();
  let now: Instant | null = null;
  let truncated = false;
  const deliveries: Job[] = [];
  const competing: CompetingJob[] = [];
  const failedBefore = new Map<string, string>();
  const listed: SweepItem[] = [];
  let toProbe = 0;
  for await (const page of readPages(asked, run)) {
    now ??= serverNow(run);
    const found = classifyPage(page, run, now);
    run.gate.readNotes(page.filter(({ status }) => run.policy.stuckStatuses.includes(status)));
    for (const [id, operation] of found.failedBefore) failedBefore.set(id, operation);
    deliveries.push(...found.deliveries);
    competing.push(...found.competing);
    listed.push(...found.items);
    const undecided = found.items.filter(isUndecided);
    toProbe += undecided.length;
    if (page.length > 0) run.observer.listed(toProbe);
    if (run.limit === null) queue.add(undecided);
    if (run.limits.listing.aborted) {
      truncated = true;
      break;
    }
  }
  const items = run.limit === null ? listed : takeOldest(listed, run.limit);
  if (run.limit !== null) {
    queue.add(items.filter(isUndecided));
    truncated ||= items.length < listed.filter(({ reopened }) => !reopened).length;
  }
  const skewed = Math.abs(run.store.clockSkewMs() ?? 0) > SKEW_TOO_FAR;
  const youngerThan = (now ?? asked) - minAge(run);
  return { now: now ?? asked, items, skewed, truncated, deliveries, competing, youngerThan, failedBefore };
}

/**
 * Yields the pages of the listing. The first answer carries the server's time: where our clock was far off, the query
 * asked for the wrong jobs, and the listing starts again with the server's time.
 */
async function* readPages(asked: Instant, run: SweepContext): AsyncIterable<readonly Job[]> {
  let first = true;
  for await (const page of run.store.list(buildQuery(asked, run), run.limits.reads)) {
    const skew = run.store.clockSkewMs() ?? 0;
    if (first && Math.abs(skew) > SKEW_WARNED) {
      run.observer.warn(skewWarning(skew, storeName(run.store.kind)));
      yield* run.store.list(buildQuery(serverNow(run), run), run.limits.reads);
      return;
    }
    first = false;
    yield page;
  }
}

function buildQuery(now: Instant, run: SweepContext): JobQuery {
  return {
    statuses: run.policy.stuckStatuses,
    before: now - minAge(run),
    future: now + FUTURE_TOLERANCE,
    ...(run.named === null ? {} : { named: run.named }),
    revisit: finishedJobsQuery(run, now),
  };
}

/** Returns the least age of the jobs that are listed. */
function minAge({ policy: { mode, thresholds, operations } }: SweepContext): Duration {
  const minAges = [thresholds, ...operations.map((operation) => operation.thresholds)].map(
    ({ stuckAfter, failAfter }) => (mode === "fail" ? failAfter : stuckAfter),
  );
  return Math.min(...minAges);
}

/**
 * Returns `limit` items: the oldest of those that need evidence, then those that were decided without, and last the
 * reopened ones, since most of these drop out when they are probed.
 */
function takeOldest(items: readonly SweepItem[], limit: number): readonly SweepItem[] {
  const rank = (item: SweepItem) => (item.reopened ? 2 : isUndecided(item) ? 0 : 1);
  return items.toSorted((a, b) => rank(a) - rank(b) || (b.age ?? 0) - (a.age ?? 0)).slice(0, limit);
}

function isUndecided({ verdict }: SweepItem): boolean {
  return verdict === null;
}
