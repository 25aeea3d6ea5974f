import type { Operation } from "../../../core/domain/operation.ts";
import { pluralize } from "../../../core/domain/plural.ts";
import type { RequestCounts } from "../../../core/domain/report.ts";
import type { MonthlyRequests } from "../../../core/stats/monthly-requests.ts";
import type { Stats } from "../../../core/stats/stats.ts";

/** The result of `stats`. */
export interface StatsReport {
  readonly stats: Stats;
  /** The path of the journal that was read; null where none was. */
  readonly journalPath: string | null;
  /** Whether there were more jobs than were read. */
  readonly truncated: boolean;
  /** Requests that reached the base. */
  readonly requests: Pick<RequestCounts, "airtable" | "postgres">;
  /** What sweeps cost in 30 days, against the plan's quota; null for a database, which has none. */
  readonly monthly: MonthlyRequests | null;
  /** The address of a record of the jobs table; null where the table is configured by name. */
  readonly recordUrl: ((id: string) => string) | null;
  /** As configured: their thresholds are shown beside the suggested ones. */
  readonly operations: readonly Operation[];
  /** The field with the time at which a job was completed; null where none is configured. */
  readonly completedAt: string | null;
}

/** Describes the sources: the number of jobs from the base, and what only the journal knows. */
export function sources({ stats: { total, journal } }: StatsReport): readonly [string, ...string[]] {
  if (journal === null) return ["the base alone: no journal was read"];
  const { runs, completedByPolling, viaWebhook, failedByPolling, lateOutputs, moments } = journal;
  const { gone, undone, unconfirmed, unchecked } = journal;
  const said = (number: number, what: string) => (number === 0 ? [] : [`${number} ${what}`]);
  const details = [
    ...said(completedByPolling, "completed by polling, no longer visible in the record"),
    ...said(viaWebhook, "completed by a webhook that was sent again (counted by polling)"),
    ...said(failedByPolling, "failed by polling, no longer visible in the record"),
    ...said(lateOutputs, "failed by polling before"),
    ...said(moments, "with a time of recovery that only the journal has"),
    ...said(gone, "deleted from the base since"),
    ...said(undone, "reverted by undo (not counted as done)"),
    ...said(unconfirmed, "deleted and never confirmed (not counted)"),
    ...said(unchecked, "not read: see --max-pages (not counted)"),
  ];
  const base = `${pluralize(total.jobs - gone, "job")} from the base`;
  const adds = details.length === 0 ? "adds nothing" : "adds";
  return [`${base}; the journal (${pluralize(runs, "run")}) ${adds}`, ...details];
}

/** A share from 0 to 1 as people read it: "12.5 %"; "–" where there is none. */
export function inPercent(share: number | null): string {
  if (share === null) return "–";
  const percent = share * 100;
  return `${Number.isInteger(percent) || percent >= 10 ? Math.round(percent) : percent.toFixed(1)} %`;
}

/** Returns why typical durations are not known; null where they are. */
export function noPace({ stats, completedAt }: StatsReport): string | null {
  if (stats.operations.some(({ pace }) => pace !== null)) return null;
  return completedAt === null
    ? "not known: the base has no time at which a webhook completed a job. Set jobs.fields.completedAt to a date or last-modified field"
    : `not known: no job that its webhook completed has a time in "${completedAt}"`;
}

/** Describes what sweeps cost in 30 days. */
export function monthlyInWords({ estimate, quota, runs, perRun, source }: MonthlyRequests): string {
  const rate =
    source === "metrics" ? `${perRun.toFixed(2)} each on average so far` : "1 each where none finds anything";
  return `about ${grouped(estimate)} of ${grouped(quota)} in 30 days (${inPercent(estimate / quota)}): ${grouped(runs)} runs, ${rate}`;
}

/** A number with its thousands apart. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

const DIRECTIONS = {
  rising: "rising",
  falling: "falling",
  steady: "steady: no more than chance would make it differ",
  unclear: "too few completed jobs for a trend",
} as const;

/** The trend of lost webhooks in a sentence. */
export function trendInWords({ first, last, direction }: StatsReport["stats"]["trend"]): string {
  return `${inPercent(first)} in the first half, ${inPercent(last)} in the last: ${DIRECTIONS[direction]}`;
}

/** Upper ends of the classes that times are counted in, in milliseconds, with their names. */
const CLASSES: readonly (readonly [number, string])[] = [
  [5 * 60_000, "≤ 5m"],
  [10 * 60_000, "≤ 10m"],
  [15 * 60_000, "≤ 15m"],
  [30 * 60_000, "≤ 30m"],
  [3_600_000, "≤ 1h"],
  [2 * 3_600_000, "≤ 2h"],
  [6 * 3_600_000, "≤ 6h"],
  [12 * 3_600_000, "≤ 12h"],
  [24 * 3_600_000, "≤ 1d"],
  [Number.POSITIVE_INFINITY, "> 1d"],
];

/** How many of the times fall into each class: the classes are those of docs/stats.md, whatever the times. */
export function classed(durations: readonly number[]): readonly { readonly name: string; readonly count: number }[] {
  return CLASSES.map(([end, name], n) => {
    const start = CLASSES[n - 1]?.[0] ?? Number.NEGATIVE_INFINITY;
    return { name, count: durations.filter((duration) => duration > start && duration <= end).length };
  });
}
