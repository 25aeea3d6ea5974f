import type { Settings } from "../config/settings.ts";
import type { Duration, Instant } from "../core/domain/job.ts";
import { groupBy } from "../core/domain/lists.ts";
import { pluralize } from "../core/domain/plural.ts";
import { resolveOperation } from "../core/domain/resolve-operation.ts";
import { READ_BATCH, WRITE_BATCH } from "../core/sweep/apply/batches.ts";
import { type CheckResult, pass, warn } from "./check-result.ts";
import { DAY, type Seen } from "./jobs.ts";
import type { PollerNote } from "./other-pollers.ts";

/** The length of the average month. */
const DAYS_A_MONTH = 30.4;

/** Airtable's monthly API calls per workspace, which all its bases and clients share (its plans; null: no limit). */
const PLANS: readonly { readonly name: string; readonly calls: number | null }[] = [
  { name: "Free", calls: 1_000 },
  { name: "Team", calls: 100_000 },
  { name: "Business", calls: null },
];

/** How many of Team's calls a schedule should use at most: the application itself needs the rest. */
const RECOMMENDED_MAX_CALLS = 50_000;

/** How long after the completion of a job each run checks whether its file arrived. */
const DELIVERY_WINDOW: Duration = 3_600_000;

/** The requests of a month, rounded. */
export interface MonthlyCalls {
  /** Runs of the schedule; each lists the stuck jobs at least once. */
  readonly runs: number;
  /** Requests of one listing, as many jobs as are stuck now. */
  readonly perListing: number;
  /** Requests of the last day's recoveries and failures, and of checking their deliveries, times 30.4. */
  readonly sweeps: number;
  readonly total: number;
}

/** Estimates the monthly requests of a schedule from the jobs that are stuck now and those of the last day. */
export function monthlyCalls(
  interval: Duration,
  seen: Seen | null,
  traces: readonly PollerNote[],
  settings: Settings,
  now: Instant,
): MonthlyCalls {
  const runs = (DAYS_A_MONTH * DAY) / interval;
  const perListing = Math.max(1, Math.ceil((seen?.stuck.length ?? 0) / 100));
  const own = traces.filter(({ runId }) => runId !== null);
  const sweeps = DAYS_A_MONTH * (writes(own, settings) + deliveries(own, interval, settings, now));
  return {
    runs: Math.round(runs),
    perListing,
    sweeps: Math.round(sweeps),
    total: Math.round(runs * perListing + sweeps),
  };
}

/** Counts the requests that the runs of the last day read and wrote records with. */
function writes(traces: readonly PollerNote[], settings: Settings): number {
  let calls = 0;
  for (const ofRun of groupBy(traces, ({ runId }) => runId ?? "").values()) {
    const completed = ofRun.filter(({ kind }) => kind === "completed");
    const failed = ofRun.length - completed.length;
    for (const ofTable of groupBy(completed, (trace) => tableOf(trace, settings)).values()) {
      calls += 2 * Math.ceil(ofTable.length / READ_BATCH) + 2 * Math.ceil(ofTable.length / WRITE_BATCH);
    }
    // Failed jobs are read and written by tens, after one listing for calibration.
    if (failed > 0) calls += 1 + 2 * Math.ceil(failed / WRITE_BATCH);
  }
  return calls;
}

/** Counts the requests that check deliveries: each run within an hour of a completion reads job and target again. */
function deliveries(traces: readonly PollerNote[], interval: Duration, settings: Settings, now: Instant): number {
  const completed = traces.filter(({ kind }) => kind === "completed");
  let calls = 0;
  for (let at = now - DAY; at < now + DELIVERY_WINDOW; at += interval) {
    const recent = completed.filter((trace) => trace.at <= at && at - trace.at < DELIVERY_WINDOW);
    if (recent.length === 0) continue;
    const tables = new Set(recent.map((trace) => tableOf(trace, settings))).size;
    calls += (1 + tables) * Math.ceil(recent.length / READ_BATCH);
  }
  return calls;
}

function tableOf({ job }: PollerNote, { operations }: Settings): string {
  const lookup = resolveOperation(job, operations);
  return lookup.kind === "known" ? lookup.operation.target.table : "";
}

/** Checks how much of each plan the schedule uses. `seen` is null where the jobs could not be listed. */
export function checkCalls(
  interval: Duration,
  seen: Seen | null,
  traces: readonly PollerNote[],
  settings: Settings,
  now: Instant,
): readonly CheckResult[] {
  const calls = monthlyCalls(interval, seen, traces, settings, now);
  const minutes = interval / 60_000;
  const bases = settings.base?.all.length ?? 1;
  const total = bases * calls.total;
  const ofAll = bases === 1 ? "" : `, ${number(total)} for all ${bases} bases if they are alike`;
  const detail = `${formatQuota(calls, minutes, seen, traces)}${ofAll}: ${PLANS.map((plan) => shareOf(plan, total)).join(", ")}; the workspace's other clients use the same quota`;
  if (total <= RECOMMENDED_MAX_CALLS) return [pass("calls", "monthly calls", detail)];
  const slower = Math.ceil((minutes * total) / RECOMMENDED_MAX_CALLS);
  const next = `Run less often: POLLING_INTERVAL_MINUTES=${slower}, and the same interval in the schedule, take about half of Team's quota.`;
  return [warn("calls", "monthly calls", detail, next)];
}

function formatQuota(calls: MonthlyCalls, minutes: number, seen: Seen | null, traces: readonly PollerNote[]): string {
  const stuck = seen === null ? "" : `, ${seen.whole ? "" : "at least "}${seen.stuck.length} stuck now`;
  const listings = `every ${minutes === 1 ? "minute" : `${number(minutes)} minutes`} ${count(calls.perListing, "listing")}${stuck}`;
  const written = new Set(traces.filter(({ runId }) => runId !== null).map(({ job }) => job.id)).size;
  const sweeps =
    written === 0 ? "" : `, ${number(calls.sweeps)} of them for ${count(written, "job")} a day that sweeps write`;
  return `${number(calls.total)} requests (${listings}${sweeps})`;
}

function shareOf({ name, calls }: (typeof PLANS)[number], total: number): string {
  if (calls === null) return `${name} has no limit`;
  if (total > calls) return `more than ${name}'s ${number(calls)}`;
  return `${Math.ceil((100 * total) / calls)} % of ${name}'s ${number(calls)}`;
}

function count(n: number, noun: string): string {
  return pluralize(n, noun, number(n));
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}
