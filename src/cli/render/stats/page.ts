import { pluralize } from "../../../core/domain/plural.ts";
import type { Counts } from "../../../core/stats/stats.ts";
import { formatDuration } from "../../terminal/format.ts";
import { VERSION } from "../../version.ts";
import { storeRequests } from "../summary.ts";
import { chart, PATTERNS } from "./chart.ts";
import { hourTable } from "./hours.ts";
import { escapeHtml, STYLE, table } from "./html.ts";
import { FILTER_SCRIPT, personList } from "./person-list.ts";
import {
  classed,
  grouped,
  inPercent,
  monthlyInWords,
  noPace,
  type StatsReport,
  sources,
  trendInWords,
} from "./report.ts";
import { timeline } from "./timeline.ts";

/** Renders the statistics as one self-contained HTML page. */
export function renderStatsPage(report: StatsReport): string {
  const { stats, truncated, requests } = report;
  const title = "Job statistics";
  const window = `${pluralize(stats.total.jobs, "job")} created from ${moment(stats.since)} to ${moment(stats.until)} UTC`;
  const hasList = stats.needsPerson.length > 0;
  const more = truncated ? ", not all jobs: see --max-pages" : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'${hasList ? `; script-src ${FILTER_SCRIPT.source}` : ""}">
<title>${title}: stuck-jobs</title>
<style>${STYLE}</style>
</head>
<body>
${PATTERNS}
<main>
<h1>${title}</h1>
<p class="soft">${escapeHtml(`${window}${more}. stuck-jobs ${VERSION}, ${storeRequests(requests)}.`)}</p>
${cards(report)}
<p><strong>Trend of lost webhooks.</strong> ${escapeHtml(trendInWords(stats.trend))}.</p>
<p><strong>Sources.</strong> ${escapeHtml(sourcesInWords(report))}.</p>
${personList(stats.needsPerson, report.recordUrl)}
${byDay(report)}
${timeline(stats.incidents, stats.since, stats.until)}
${hourTable(stats.hours)}
${[timeToRecovery(report), openByAge(report)].join("\n")}
${monthlyRequests(report)}
${sections(report)}
</main>
${hasList ? FILTER_SCRIPT.element : ""}
</body>
</html>
`;
}

function sourcesInWords(report: StatsReport): string {
  const [base, ...details] = sources(report);
  return `${base}${details.length === 0 ? "" : ` ${details.join(", ")}`}`;
}

function cards({ stats }: StatsReport): string {
  const { total, recovery, lateOutputs } = stats;
  const recovered = recovery.durations.length === 0 ? "–" : formatDuration(recovery.p50);
  const facts: readonly (readonly [string, string, string])[] = [
    [
      "Webhooks lost",
      inPercent(total.lost),
      `${total.byPolling} of ${total.byWebhook + total.byPolling} completed jobs`,
    ],
    [
      "Median recovery",
      recovered,
      recovery.p95 === null ? "no times known" : `95 % within ${formatDuration(recovery.p95)}`,
    ],
    ["Failed", String(total.failedByPolling + total.failedByOthers), `${total.failedByPolling} by polling`],
    ["Stuck now", String(total.stuck), `${total.working} still running`],
    ["Late outputs", String(lateOutputs), "completed after polling had failed them"],
  ];
  const shown = facts.map(
    ([name, value, more]) =>
      `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}<small>${escapeHtml(more)}</small></dd></div>`,
  );
  return `<dl class="cards">${shown.join("")}</dl>`;
}

function byDay({ stats }: StatsReport): string {
  return chart({
    id: "by-day",
    title: "Completed by webhook or by polling, by day",
    about:
      "By the UTC day on which the job was created. Above each day: the share of its completed jobs whose webhook was lost.",
    axis: "day",
    extra: "lost",
    series: [
      { name: "by webhook", fill: "webhook" },
      { name: "by polling", fill: "polling" },
      { name: "failed", fill: "failed" },
      { name: "not finished", fill: "open" },
    ],
    bars: stats.days.map((day) => ({
      name: day.day.slice(5),
      values: [day.byWebhook, day.byPolling, day.failedByPolling + day.failedByOthers, day.working + day.stuck],
      extra: inPercent(day.lost),
    })),
  });
}

function timeToRecovery({ stats }: StatsReport): string {
  return chart({
    id: "recovery",
    title: "Time to recovery",
    about: "From the job's creation to its completion by polling.",
    axis: "within",
    extra: null,
    series: [{ name: "by polling", fill: "polling" }],
    bars: classed(stats.recovery.durations).map(({ name, count }) => ({ name, values: [count], extra: "" })),
  });
}

function openByAge({ stats: { open } }: StatsReport): string {
  const ages = (stuck: boolean) => classed(open.filter((job) => job.stuck === stuck).map(({ age }) => age));
  const stuck = ages(true);
  return chart({
    id: "open",
    title: "Jobs that are not finished, by age",
    about: "Stuck jobs are those that scan lists: older than stuckAfter.",
    axis: "age",
    extra: null,
    series: [
      { name: "running", fill: "open" },
      { name: "stuck", fill: "stuck" },
    ],
    bars: ages(false).map(({ name, count }, n) => ({ name, values: [count, stuck[n]?.count ?? 0], extra: "" })),
  });
}

function monthlyRequests(report: StatsReport): string {
  if (report.monthly === null) return "";
  const { estimate, quota } = report.monthly;
  const label = `${grouped(estimate)} of ${grouped(quota)} requests`;
  const width = Math.min(100, (estimate / quota) * 100).toFixed(1);
  const meter = `<div class="meter" role="img" aria-label="${label}"><div class="${estimate > quota ? "over" : "within"}" style="width: ${width}%"></div></div>`;
  return section(
    "requests",
    "Airtable requests in 30 days",
    `${meter}<p>Sweeps take ${escapeHtml(monthlyInWords(report.monthly))}. The quota is the plan's, for the whole workspace: --quota.</p>`,
  );
}

function sections(report: StatsReport): string {
  const { operations, failures, otherStatuses } = report.stats;
  const work = operations.map((each) =>
    [each.operation, ...cells(each), formatDuration(each.recovery.p50), formatDuration(each.recovery.p95)].map(
      (cell) => (cell === "?" ? "–" : cell),
    ),
  );
  const failed = failures.map(({ reason, by, jobs }) => [reason, by, String(jobs)]);
  const others = otherStatuses.map(({ status, jobs }) => [status || "(blank)", String(jobs)]);
  return [
    section("operations", "By operation", table("Jobs of each operation", OPERATION_HEAD, work)),
    section(
      "failures",
      "Why jobs failed",
      failed.length === 0 ? NONE : table("Failed jobs by reason", ["reason", "by", "jobs"], failed),
    ),
    others.length === 0 ? "" : section("others", "Other statuses", table("Jobs by status", ["status", "jobs"], others)),
    section("pace", "Typical duration, and suggested thresholds", pace(report)),
  ].join("\n");
}

const NONE = `<p class="none">None.</p>`;

const OPERATION_HEAD = [
  "operation",
  "jobs",
  "by webhook",
  "by polling",
  "lost",
  "failed",
  "stuck",
  "running",
  "other",
  "recovery p50",
  "p95",
];

function cells({ jobs, byWebhook, byPolling, lost, failedByPolling, failedByOthers, stuck, working, other }: Counts) {
  return [jobs, byWebhook, byPolling, inPercent(lost), failedByPolling + failedByOthers, stuck, working, other].map(
    String,
  );
}

function pace(report: StatsReport): string {
  const why = noPace(report);
  if (why !== null) return `<p class="none">${escapeHtml(why)}.</p>`;
  const rows = report.stats.operations.flatMap(({ operation, pace }) => {
    if (pace === null) return [];
    const { samples, p50, p99, suggestedThresholds } = pace;
    const suggested =
      suggestedThresholds === null
        ? ["–", "–"]
        : [formatDuration(suggestedThresholds.stuckAfter), formatDuration(suggestedThresholds.failAfter)];
    return [[operation, String(samples), formatDuration(p50), formatDuration(p99), ...suggested]];
  });
  const head = ["operation", "jobs", "p50", "p99", "suggested stuckAfter", "suggested failAfter"];
  return table("Jobs completed by their webhook; thresholds are suggested from 20 jobs on", head, rows);
}

function section(id: string, title: string, body: string): string {
  return `<section aria-labelledby="${id}"><h2 id="${id}">${escapeHtml(title)}</h2>${body}</section>`;
}

function moment(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace("T", " ");
}
