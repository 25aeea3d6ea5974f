import { type Duration, getAge, type Instant, type Job } from "../domain/job.ts";
import { groupBy } from "../domain/lists.ts";
import { resolveOperation } from "../domain/resolve-operation.ts";
import type { FinishedJob } from "../ports/ports.ts";
import { type Policy, triage } from "../sweep/decide/triage.ts";
import { withEffectiveStart } from "../sweep/list/finished-jobs.ts";
import { type DurationStats, durationStats, percentile } from "./durations.ts";
import { type JournalContribution, type JournaledOutcome, mergeWithJournal } from "./journal-outcomes.ts";
import { deletedJobs, type JournalTotals, journalTotals, type StatsJournal } from "./journal-totals.ts";
import { type HourlyLoss, type LossIncident, lossByHour, lossIncidents, type TimedJob } from "./losses.ts";
import { classifyOutcome, durationUntil, type JobOutcome, type Statuses } from "./outcome.ts";

/** Numbers of jobs by their outcome. */
export interface Counts {
  readonly jobs: number;
  readonly byWebhook: number;
  readonly byPolling: number;
  readonly failedByPolling: number;
  readonly failedByOthers: number;
  /** In progress, and not stuck yet. */
  readonly working: number;
  readonly stuck: number;
  /** Of another status. */
  readonly other: number;
  /** The share of completed jobs whose webhook was lost: by polling / completed. Null where none is completed. */
  readonly lost: number | null;
}

/** Times from the start of jobs to their completion by polling. */
export interface RecoveryTimes {
  readonly durations: readonly Duration[];
  readonly p50: Duration | null;
  readonly p95: Duration | null;
}

/** How the share of lost webhooks changed from the first half of the window to the second. */
export interface Trend {
  readonly first: number | null;
  readonly last: number | null;
  /** "unclear": too few jobs. "steady": no more change than by chance. */
  readonly direction: "rising" | "falling" | "steady" | "unclear";
}

/** One operation. `pace` is null where no completion time is known. */
export interface OperationStats extends Counts {
  readonly operation: string;
  readonly recovery: RecoveryTimes;
  readonly pace: DurationStats | null;
}

/** What was done in the window, and whether it was needed. */
export interface Stats {
  readonly since: Instant;
  readonly until: Instant;
  readonly total: Counts;
  /** Completed after stuck-jobs had failed them: their outputs appeared late. */
  readonly lateOutputs: number;
  readonly recovery: RecoveryTimes;
  readonly trend: Trend;
  readonly failures: readonly { readonly by: "polling" | "others"; readonly reason: string; readonly jobs: number }[];
  readonly otherStatuses: readonly { readonly status: string; readonly jobs: number }[];
  readonly operations: readonly OperationStats[];
  /** By the UTC day on which a job started, without gaps: `YYYY-MM-DD`. */
  readonly days: readonly (Counts & { readonly day: string })[];
  /** Times in which most webhooks were lost, in their order. */
  readonly incidents: readonly LossIncident[];
  /** Lost webhooks by operation and hour of the day. */
  readonly hours: readonly HourlyLoss[];
  /** Jobs that no sweep will resolve, the oldest first. */
  readonly needsPerson: readonly PersonNeeded[];
  /** What of it only the journal knows, and not the base; null without a journal. */
  readonly journal: JournalTotals | null;
  /** Jobs that are not finished, the oldest first. */
  readonly open: readonly {
    readonly id: string;
    readonly operation: string;
    readonly age: Duration;
    readonly stuck: boolean;
  }[];
}

/** A job that no sweep will resolve, and why. */
export interface PersonNeeded {
  readonly id: string;
  readonly operation: string;
  readonly age: Duration;
  /** A verdict's reason; for a failed job what it was failed for. */
  readonly reason: string;
  readonly detail: string;
  readonly failed: boolean;
}

/** By what jobs are counted. */
export interface StatsPolicy extends Statuses {
  readonly policy: Policy;
  readonly since: Instant;
  readonly now: Instant;
}

type Dated = Pick<Job, "id" | "since">;

/** A job with its outcome. */
interface CountedJob {
  readonly job: Dated;
  readonly operation: string;
  readonly outcome: JobOutcome;
  /** Meaningful for an open job only. */
  readonly stuck: boolean;
  /** Why a sweep leaves an open job alone, whatever the evidence; null where it does not. */
  readonly left: { readonly reason: string; readonly detail: string } | null;
  readonly byJournal: readonly JournalContribution[];
}

const DAY = 86_400_000;

/**
 * Counts jobs by their outcomes. The same jobs give the same numbers, in whatever order they come. Each job counts once,
 * by what the base holds of it; `journal` adds what the base does not hold.
 */
export function statsOf(jobs: readonly FinishedJob[], by: StatsPolicy, journal: StatsJournal | null = null): Stats {
  const listed = jobs.map((finished) => classify(finished, by, journal?.outcomes.get(finished.job.id)));
  const deleted =
    journal === null ? [] : deletedJobs(journal).map((job) => ({ ...job, stuck: false, left: null, byJournal: [] }));
  const counted = [...listed, ...deleted];
  const timed = counted.map((each): TimedJob => {
    return { at: startOf(each.job, by), operation: each.operation, fate: fateOf(each) };
  });
  const operations = groupBy(counted, ({ operation }) => operation);
  const days = groupBy(counted, ({ job }) => dayOf(startOf(job, by)));
  return {
    since: by.since,
    until: by.now,
    total: countsOf(counted),
    lateOutputs: counted.filter(({ outcome }) => outcome.kind === "completed" && outcome.late).length,
    recovery: recoveryOf(counted),
    trend: trendOf(counted, by),
    failures: countFailures(counted),
    otherStatuses: tally(counted.flatMap(({ outcome }) => (outcome.kind === "other" ? [outcome.status] : []))).map(
      ([status, count]) => ({ status, jobs: count }),
    ),
    operations: [...operations]
      .map(([operation, own]) => ({
        operation,
        ...countsOf(own),
        recovery: recoveryOf(own),
        pace: durationStats(own.flatMap(typicalDuration)),
      }))
      .sort((a, b) => b.jobs - a.jobs || (a.operation < b.operation ? -1 : 1)),
    days: daysBetween(by.since, by.now).map((day) => ({ day, ...countsOf(days.get(day) ?? []) })),
    incidents: lossIncidents(timed),
    hours: lossByHour(timed),
    needsPerson: counted
      .flatMap((each) => personNeeded(each, ageWithin(each.job, by)))
      .sort((a, b) => b.age - a.age || (a.id < b.id ? -1 : 1)),
    journal:
      journal === null
        ? null
        : journalTotals(
            listed.map(({ job, byJournal }) => ({ id: job.id, byJournal })),
            deleted.length,
            journal,
          ),
    open: counted
      .filter(({ outcome }) => outcome.kind === "open")
      .map(({ job, operation, stuck }) => ({ id: job.id, operation, age: ageWithin(job, by), stuck }))
      .sort((a, b) => b.age - a.age || (a.id < b.id ? -1 : 1)),
  };
}

function classify(finished: FinishedJob, by: StatsPolicy, journaled: JournaledOutcome | undefined): CountedJob {
  const { job } = finished;
  const lookup = resolveOperation(job, by.policy.operations);
  const { outcome, contributions } = mergeWithJournal(classifyOutcome(finished, by), finished, journaled);
  const triaged = triage(withEffectiveStart(job, { reopened: false }), by.policy, by.now);
  return {
    job,
    operation: lookup.kind === "known" ? lookup.operation.name : (lookup.named ?? "(none)"),
    outcome,
    stuck: triaged.kind !== "not-stuck",
    left: triaged.kind === "decided" ? triaged.verdict : null,
    byJournal: contributions,
  };
}

function fateOf({ outcome, stuck }: CountedJob): TimedJob["fate"] {
  if (outcome.kind === "completed") return outcome.by === "webhook" ? "webhook" : "recovered";
  if (outcome.kind === "failed") return outcome.by === "polling" ? "failed" : "other";
  return outcome.kind === "open" && stuck ? "stuck" : "other";
}

/** Returns a stuck job that a sweep leaves alone, or one that polling failed: somebody may want to run it again. */
function personNeeded({ job, operation, outcome, stuck, left }: CountedJob, age: Duration): readonly PersonNeeded[] {
  const known = { id: job.id, operation, age };
  if (outcome.kind === "failed" && outcome.by === "polling") {
    return [{ ...known, reason: outcome.reason, detail: "", failed: true }];
  }
  if (outcome.kind !== "open" || !stuck || left === null) return [];
  return [{ ...known, reason: left.reason, detail: left.detail, failed: false }];
}

/** Returns when a job started, within the window: one without a readable date, when the window did. */
function startOf({ since }: Dated, by: Pick<StatsPolicy, "since" | "now">): Instant {
  return since.kind === "at" ? Math.min(Math.max(since.at, by.since), by.now) : by.since;
}

function ageWithin(job: Dated, { since, now }: Pick<StatsPolicy, "since" | "now">): Duration {
  return Math.max(0, getAge(job, now) ?? now - since);
}

function countsOf(counted: readonly CountedJob[]): Counts {
  const count = (is: (outcome: JobOutcome, stuck: boolean) => boolean) =>
    counted.filter(({ outcome, stuck }) => is(outcome, stuck)).length;
  const byWebhook = count((outcome) => outcome.kind === "completed" && outcome.by === "webhook");
  const byPolling = count((outcome) => outcome.kind === "completed" && outcome.by === "polling");
  return {
    jobs: counted.length,
    byWebhook,
    byPolling,
    failedByPolling: count((outcome) => outcome.kind === "failed" && outcome.by === "polling"),
    failedByOthers: count((outcome) => outcome.kind === "failed" && outcome.by === "webhook"),
    working: count(({ kind }, stuck) => kind === "open" && !stuck),
    stuck: count(({ kind }, stuck) => kind === "open" && stuck),
    other: count(({ kind }) => kind === "other"),
    lost: byWebhook + byPolling === 0 ? null : byPolling / (byWebhook + byPolling),
  };
}

function recoveryOf(counted: readonly CountedJob[]): RecoveryTimes {
  const durations = counted.flatMap(({ job, outcome }) => {
    const known = outcome.kind === "completed" && outcome.by === "polling" ? durationUntil(job, outcome.at) : null;
    return known === null ? [] : [known];
  });
  return {
    durations: durations.toSorted((a, b) => a - b),
    p50: percentile(durations, 0.5),
    p95: percentile(durations, 0.95),
  };
}

/**
 * Returns how long a job took whose webhook came. A polled one does not count: it was found when it was polled, and
 * thresholds that learn from what they themselves delay would grow without end.
 */
function typicalDuration({ job, outcome }: CountedJob): readonly Duration[] {
  if (outcome.kind !== "completed" || outcome.by !== "webhook" || outcome.late) return [];
  const duration = durationUntil(job, outcome.at);
  return duration === null ? [] : [duration];
}

/** With fewer completed jobs than this in a half, no trend can be seen. */
const MIN_FOR_TREND = 10;

/** The 95 % confidence bound, in standard deviations. */
const CONFIDENCE_95 = 1.96;

function trendOf(counted: readonly CountedJob[], by: StatsPolicy): Trend {
  const middle = (by.since + by.now) / 2;
  const [first, last] = [true, false].map((early) =>
    countsOf(counted.filter(({ job }) => startOf(job, by) < middle === early)),
  );
  const shares = { first: first?.lost ?? null, last: last?.lost ?? null };
  if (first === undefined || last === undefined || shares.first === null || shares.last === null) {
    return { ...shares, direction: "unclear" };
  }
  const [n, m] = [first.byWebhook + first.byPolling, last.byWebhook + last.byPolling];
  if (Math.min(n, m) < MIN_FOR_TREND) return { ...shares, direction: "unclear" };
  const pooled = (first.byPolling + last.byPolling) / (n + m);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
  const change = shares.last - shares.first;
  if (Math.abs(change) <= CONFIDENCE_95 * deviation) return { ...shares, direction: "steady" };
  return { ...shares, direction: change > 0 ? "rising" : "falling" };
}

function dayOf(at: Instant): string {
  return new Date(at).toISOString().slice(0, 10);
}

function daysBetween(from: Instant, to: Instant): readonly string[] {
  const first = Math.floor(from / DAY);
  return Array.from({ length: Math.floor(to / DAY) - first + 1 }, (_, n) => dayOf((first + n) * DAY));
}

/** Counts the failures of one kind together, the most frequent first. */
function countFailures(counted: readonly CountedJob[]): Stats["failures"] {
  const failures = counted.flatMap(({ outcome }) => {
    if (outcome.kind !== "failed") return [];
    return [{ by: outcome.by === "polling" ? ("polling" as const) : ("others" as const), reason: outcome.reason }];
  });
  return [...groupBy(failures, ({ by, reason }) => `${by} ${reason}`)]
    .sort(([a, some], [b, others]) => others.length - some.length || (a < b ? -1 : 1))
    .flatMap(([, same]) => same.slice(0, 1).map((failure) => ({ ...failure, jobs: same.length })));
}

/** Counts equal texts, the most frequent first. */
function tally(texts: readonly string[]): readonly (readonly [string, number])[] {
  return [...groupBy(texts, (text) => text)]
    .map(([text, same]) => [text, same.length] as const)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
