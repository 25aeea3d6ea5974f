import type { Duration, Instant, Job } from "../domain/job.ts";
import { resolveOperation } from "../domain/target.ts";
import type { FinishedJob } from "../ports/ports.ts";
import { type Policy, triage } from "../sweep/decide/triage.ts";
import { withEffectiveStart } from "../sweep/list/finished-jobs.ts";
import { type DurationStats, durationStats } from "./durations.ts";
import { type JournalContribution, type JournaledOutcome, mergeWithJournal } from "./journal-outcomes.ts";
import { type FromJournal, goneJobs, journalTotals, type StatsJournal } from "./journal-totals.ts";
import { classifyOutcome, durationOf, type JobOutcome, type Statuses } from "./outcome.ts";
import { percentile } from "./percentile.ts";

/** How many jobs ended how. */
export interface Counts {
  readonly jobs: number;
  readonly byWebhook: number;
  readonly byPolling: number;
  readonly failedByPolling: number;
  readonly failedByOthers: number;
  /** At work, and not stuck yet. */
  readonly working: number;
  readonly stuck: number;
  /** Of another status. */
  readonly other: number;
  /** The part of the completed jobs whose webhook was lost: by polling / completed. Null where none is completed. */
  readonly lost: number | null;
}

/** Times from where a job's age counts to its completion by polling. */
export interface RecoveryTimes {
  readonly durations: readonly Duration[];
  readonly p50: Duration | null;
  readonly p95: Duration | null;
}

/** How the share of lost webhooks changed from the first half of the window to the last. */
export interface Trend {
  readonly first: number | null;
  readonly last: number | null;
  /** "unclear": too few jobs. "steady": no more than chance would make it differ. */
  readonly direction: "rising" | "falling" | "steady" | "unclear";
}

/** One kind of work. Its pace is null where no completion time is known. */
export interface OperationStats extends Counts {
  readonly operation: string;
  readonly recovery: RecoveryTimes;
  readonly pace: DurationStats | null;
}

/** What was done, and was it needed. */
export interface Stats {
  readonly since: Instant;
  readonly until: Instant;
  readonly total: Counts;
  /** Completed after polling had failed them: outputs that came late. */
  readonly lateOutputs: number;
  readonly recovery: RecoveryTimes;
  readonly trend: Trend;
  readonly failures: readonly { readonly by: "polling" | "others"; readonly reason: string; readonly jobs: number }[];
  readonly otherStatuses: readonly { readonly status: string; readonly jobs: number }[];
  readonly operations: readonly OperationStats[];
  /** By the UTC day on which a job began, without gaps: `YYYY-MM-DD`. */
  readonly days: readonly (Counts & { readonly day: string })[];
  /** What of it the journal told, and not the base; null without a journal. */
  readonly journal: FromJournal | null;
  /** Jobs that are not finished, the oldest first. */
  readonly open: readonly {
    readonly id: string;
    readonly operation: string;
    readonly age: Duration;
    readonly stuck: boolean;
  }[];
}

/** What a job's history is judged by. */
export interface StatsPolicy extends Statuses {
  readonly policy: Policy;
  readonly since: Instant;
  readonly now: Instant;
}

type Dated = Pick<Job, "id" | "since">;

/** A job with its end. */
interface CountedJob {
  readonly job: Dated;
  readonly operation: string;
  readonly ending: JobOutcome;
  /** Meaningful of an open job only. */
  readonly stuck: boolean;
  readonly byJournal: readonly JournalContribution[];
}

const DAY = 86_400_000;

/**
 * Counts what became of jobs. Pure: the same jobs give the same numbers, in whatever order they come. Each job counts
 * once, by what the base says of it; `journal` tells what the base does not.
 */
export function statsOf(jobs: readonly FinishedJob[], by: StatsPolicy, journal: StatsJournal | null = null): Stats {
  const listed = jobs.map((past) => classify(past, by, journal?.rescues.get(past.job.id)));
  const gone = journal === null ? [] : goneJobs(journal).map((job) => ({ ...job, stuck: false, byJournal: [] }));
  const told = [...listed, ...gone];
  const operations = groupBy(told, ({ operation }) => operation);
  const days = groupBy(told, ({ job }) => dayOf(startOf(job, by)));
  const failures = told.flatMap(({ ending }) =>
    ending.kind === "failed" ? [`${ending.by === "polling" ? "polling" : "others"} ${ending.reason}`] : [],
  );
  return {
    since: by.since,
    until: by.now,
    total: countsOf(told),
    lateOutputs: told.filter(({ ending }) => ending.kind === "completed" && ending.late).length,
    recovery: recoveryOf(told),
    trend: trendOf(told, by),
    failures: tally(failures).map(([text, count]) => {
      const by = text.startsWith("polling ") ? "polling" : "others";
      return { by, reason: text.slice(by.length + 1), jobs: count };
    }),
    otherStatuses: tally(told.flatMap(({ ending }) => (ending.kind === "other" ? [ending.status] : []))).map(
      ([status, count]) => ({ status, jobs: count }),
    ),
    operations: [...operations]
      .map(([operation, own]) => ({
        operation,
        ...countsOf(own),
        recovery: recoveryOf(own),
        pace: durationStats(own.flatMap(usualDuration)),
      }))
      .sort((a, b) => b.jobs - a.jobs || (a.operation < b.operation ? -1 : 1)),
    days: daysBetween(by.since, by.now).map((day) => ({ day, ...countsOf(days.get(day) ?? []) })),
    journal:
      journal === null
        ? null
        : journalTotals(
            listed.map(({ job, byJournal }) => ({ id: job.id, byJournal })),
            gone.length,
            journal,
          ),
    open: told
      .filter(({ ending }) => ending.kind === "open")
      .map(({ job, operation, stuck }) => ({ id: job.id, operation, age: ageOf(job, by), stuck }))
      .sort((a, b) => b.age - a.age || (a.id < b.id ? -1 : 1)),
  };
}

function classify(past: FinishedJob, by: StatsPolicy, rescue: JournaledOutcome | undefined): CountedJob {
  const { job } = past;
  const lookup = resolveOperation(job, by.policy.operations);
  const { ending, told } = mergeWithJournal(classifyOutcome(past, by), past, rescue);
  return {
    job,
    operation: lookup.kind === "known" ? lookup.operation.name : (lookup.named ?? "(none)"),
    ending,
    stuck: triage(withEffectiveStart(job, { reopened: false }), by.policy, by.now).kind !== "not-stuck",
    byJournal: told,
  };
}

/** A job without a readable date began, for the count of days, when the window did; one of the future, now. */
function startOf({ since }: Dated, by: Pick<StatsPolicy, "since" | "now">): Instant {
  return since.kind === "at" ? Math.min(Math.max(since.at, by.since), by.now) : by.since;
}

function ageOf({ since }: Dated, by: Pick<StatsPolicy, "since" | "now">): Duration {
  return Math.max(0, by.now - (since.kind === "at" ? since.at : by.since));
}

function countsOf(told: readonly CountedJob[]): Counts {
  const count = (is: (ending: JobOutcome, stuck: boolean) => boolean) =>
    told.filter(({ ending, stuck }) => is(ending, stuck)).length;
  const byWebhook = count((ending) => ending.kind === "completed" && ending.by === "webhook");
  const byPolling = count((ending) => ending.kind === "completed" && ending.by === "polling");
  return {
    jobs: told.length,
    byWebhook,
    byPolling,
    failedByPolling: count((ending) => ending.kind === "failed" && ending.by === "polling"),
    failedByOthers: count((ending) => ending.kind === "failed" && ending.by === "webhook"),
    working: count(({ kind }, stuck) => kind === "open" && !stuck),
    stuck: count(({ kind }, stuck) => kind === "open" && stuck),
    other: count(({ kind }) => kind === "other"),
    lost: byWebhook + byPolling === 0 ? null : byPolling / (byWebhook + byPolling),
  };
}

function recoveryOf(told: readonly CountedJob[]): RecoveryTimes {
  const durations = told.flatMap(({ job, ending }) => {
    const known = ending.kind === "completed" && ending.by === "polling" ? durationOf(job, ending.at) : null;
    return known === null ? [] : [known];
  });
  return {
    durations: durations.toSorted((a, b) => a - b),
    p50: percentile(durations, 0.5),
    p95: percentile(durations, 0.95),
  };
}

/**
 * How long a job took whose webhook came. A polled one tells nothing of that: it was found when it was looked for, and
 * thresholds that learn from what they themselves delay would grow without end.
 */
function usualDuration({ job, ending }: CountedJob): readonly Duration[] {
  if (ending.kind !== "completed" || ending.by !== "webhook" || ending.late) return [];
  const duration = durationOf(job, ending.at);
  return duration === null ? [] : [duration];
}

/** Fewer completed jobs than this in a half tell of no trend. */
const LEAST_FOR_TREND = 10;

/** What chance exceeds one time in twenty, in standard deviations. */
const BEYOND_CHANCE = 1.96;

function trendOf(told: readonly CountedJob[], by: StatsPolicy): Trend {
  const middle = (by.since + by.now) / 2;
  const [first, last] = [true, false].map((early) =>
    countsOf(told.filter(({ job }) => startOf(job, by) < middle === early)),
  );
  const shares = { first: first?.lost ?? null, last: last?.lost ?? null };
  if (first === undefined || last === undefined || shares.first === null || shares.last === null) {
    return { ...shares, direction: "unclear" };
  }
  const [n, m] = [first.byWebhook + first.byPolling, last.byWebhook + last.byPolling];
  if (Math.min(n, m) < LEAST_FOR_TREND) return { ...shares, direction: "unclear" };
  const pooled = (first.byPolling + last.byPolling) / (n + m);
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
  const change = shares.last - shares.first;
  if (Math.abs(change) <= BEYOND_CHANCE * deviation) return { ...shares, direction: "steady" };
  return { ...shares, direction: change > 0 ? "rising" : "falling" };
}

function dayOf(at: Instant): string {
  return new Date(at).toISOString().slice(0, 10);
}

function daysBetween(from: Instant, to: Instant): readonly string[] {
  const first = Math.floor(from / DAY);
  return Array.from({ length: Math.floor(to / DAY) - first + 1 }, (_, n) => dayOf((first + n) * DAY));
}

/** How often each text stands there, the most frequent first. */
function tally(texts: readonly string[]): readonly (readonly [string, number])[] {
  return [...groupBy(texts, (text) => text)]
    .map(([text, same]) => [text, same.length] as const)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
