import { pluralize } from "../../../core/domain/plural.ts";
import { makeVisible } from "../../../core/domain/visible.ts";
import type { LossIncident } from "../../../core/stats/losses.ts";
import type { Counts, PersonNeeded, RecoveryTimes } from "../../../core/stats/stats.ts";
import { formatDuration } from "../../terminal/format.ts";
import { storeRequests } from "../summary.ts";
import type { Canvas } from "../table.ts";
import { inPercent, monthlyInWords, noPace, type StatsReport, sources, trendInWords } from "./report.ts";

/** Renders the statistics as text. */
export function renderStats(report: StatsReport, { chalk }: Canvas): string {
  const { stats, truncated, requests } = report;
  const { total, operations, days, failures, otherStatuses } = stats;
  const title = (text: string) => chalk.bold(text);
  const busy = days.filter(({ jobs }) => jobs > 0);
  const blocks = [
    [
      `${pluralize(total.jobs, "job")} since ${iso(stats.since)}${truncated ? " (not all: see --max-pages)" : ""}. ${storeRequests(requests)}.`,
    ],
    facts(report),
    [
      title("By operation"),
      ...columns([HEAD, ...operations.map((each) => [each.operation, ...cells(each), words(each.recovery)])]),
    ],
    ...(busy.length === 0
      ? []
      : [
          [
            title("By day (UTC)"),
            ...columns([["day", ...HEAD.slice(1, -1)], ...busy.map((each) => [each.day, ...cells(each)])]),
          ],
        ]),
    ...(failures.length === 0
      ? []
      : [[title("Failed"), ...columns(failures.map(({ by, reason, jobs }) => [String(jobs), `by ${by}`, reason]))]]),
    ...(otherStatuses.length === 0
      ? []
      : [
          [
            title("Other statuses"),
            ...columns(otherStatuses.map(({ status, jobs }) => [String(jobs), status || "(blank)"])),
          ],
        ]),
    ...(stats.incidents.length === 0
      ? []
      : [[title("Incidents (UTC)"), ...columns(stats.incidents.map(incidentCells))]]),
    ...(stats.needsPerson.length === 0 ? [] : [[title("Needs a person"), ...personLines(stats.needsPerson)]]),
    [title("Typical duration"), ...pace(report)],
  ];
  return `${blocks.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function incidentCells({ from, to, jobs, recovered, failed, stuck, operations }: LossIncident): readonly string[] {
  return [
    `${iso(from).replace(" UTC", "")} to ${iso(to).slice(11).replace(" UTC", "")}`,
    `${pluralize(jobs, "webhook")} lost`,
    `${recovered} recovered, ${failed} failed, ${stuck} stuck`,
    operations.join(", "),
  ];
}

const MOST_PERSON_LINES = 20;

function personLines(jobs: readonly PersonNeeded[]): readonly string[] {
  const rows = jobs
    .slice(0, MOST_PERSON_LINES)
    .map(({ id, operation, age, reason, failed }) => [
      id,
      operation,
      formatDuration(age),
      failed ? `failed: ${reason}` : reason,
    ]);
  const more = jobs.length - rows.length;
  return [...columns(rows), ...(more === 0 ? [] : [`and ${more} more: see --html or -o json`])];
}

function facts(report: StatsReport): readonly string[] {
  const { total, lateOutputs, recovery, trend } = report.stats;
  const completed = total.byWebhook + total.byPolling;
  return columns([
    [
      "webhooks lost",
      `${inPercent(total.lost)}: ${total.byPolling} of ${completed} completed jobs were completed by polling`,
    ],
    ["trend", trendInWords(trend)],
    ["time to recovery", words(recovery)],
    ["failed", `${total.failedByPolling} by polling, ${total.failedByOthers} by others`],
    ["late outputs", `${lateOutputs} completed after polling had failed them`],
    ["open", `${total.stuck} stuck, ${total.working} running`],
    ...(report.monthly === null ? [] : [["requests", monthlyInWords(report.monthly)]]),
    ...sources(report).map((source, n) => [n === 0 ? "sources" : "", source]),
  ]);
}

const HEAD = [
  "operation",
  "jobs",
  "webhook",
  "polling",
  "lost",
  "failed",
  "stuck",
  "running",
  "other",
  "recovery p50/p95",
];

function cells({ jobs, byWebhook, byPolling, lost, failedByPolling, failedByOthers, stuck, working, other }: Counts) {
  const failed = failedByPolling + failedByOthers;
  return [jobs, byWebhook, byPolling, inPercent(lost), failed, stuck, working, other].map(String);
}

function words({ durations, p50, p95 }: RecoveryTimes): string {
  return durations.length === 0 ? "–" : `${formatDuration(p50)} / ${formatDuration(p95)}`;
}

function pace(report: StatsReport): readonly string[] {
  const why = noPace(report);
  if (why !== null) return [why];
  const rows = report.stats.operations.flatMap(({ operation, pace }) => {
    if (pace === null) return [];
    const now = report.operations.find(({ name }) => name === operation)?.thresholds;
    const configured = now === undefined ? "–" : `${formatDuration(now.stuckAfter)} / ${formatDuration(now.failAfter)}`;
    const { suggestedThresholds } = pace;
    const suggested =
      suggestedThresholds === null
        ? "(from 20 jobs on)"
        : `${formatDuration(suggestedThresholds.stuckAfter)} / ${formatDuration(suggestedThresholds.failAfter)}`;
    return [
      [operation, String(pace.samples), formatDuration(pace.p50), formatDuration(pace.p99), configured, suggested],
    ];
  });
  return columns([["operation", "jobs", "p50", "p99", "stuckAfter/failAfter now", "suggested"], ...rows]);
}

/** Aligns rows in columns. */
function columns(texts: readonly (readonly string[])[]): readonly string[] {
  const rows = texts.map((row) => row.map(makeVisible));
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, n) => cell.padEnd(widths[n] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function iso(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ").concat(" UTC");
}
