import type { Entry } from "../core/domain/report.ts";
import type { VerdictKind } from "../core/domain/verdict.ts";
import type { RequestCounters } from "../core/stats/monthly-requests.ts";
import type { RunResult } from "./run-result.ts";

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** What follows the metric's name in the series of a histogram. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
}

/** One metric with what Prometheus shows of it. Counters and histograms go on from what the file held before. */
interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Of this run. Null where it says nothing: then a gauge is left out, and a counter stays as it was. */
  readonly samples: (result: RunResult) => readonly Sample[];
}

const isRecovered = isDone("recover");

/** The metrics in their order; docs/monitoring.md lists them. */
export const METRICS: readonly Metric[] = [
  jobGauge("stuck_jobs_found", "Stuck jobs that the last run found.", () => true),
  jobGauge("stuck_jobs_waiting", "Jobs that the last run left for want of time or evidence.", isOf("wait")),
  jobGauge("stuck_jobs_skipped", "Jobs that the last run could or would not touch.", isOf("skip")),
  jobGauge(
    "stuck_jobs_unknown",
    "Jobs of which the last run could not tell whether they have an output.",
    isOf("unknown"),
  ),
  {
    name: "stuck_jobs_brake_held",
    type: "gauge",
    help: "Jobs that the brake kept the last run from failing.",
    samples: ({ report, operations }) => {
      if (report === null) return [];
      const held = new Map((report.brake ?? []).map(({ operation, wouldFail }) => [operation, wouldFail]));
      return perOperation(operations, (operation) => held.get(operation) ?? 0);
    },
  },
  jobCounter("stuck_jobs_recovered_total", "Jobs recovered.", isRecovered),
  jobCounter("stuck_jobs_failed_total", "Jobs failed.", isDone("fail")),
  jobCounter("stuck_jobs_errors_total", "Jobs that could not be written.", ({ error }) => error !== null),
  {
    name: "stuck_jobs_recovery_age_seconds",
    type: "histogram",
    help: "Age of jobs when they were recovered.",
    samples: recoveryAges,
  },
  {
    name: "stuck_jobs_requests_total",
    type: "counter",
    help: "Requests sent, repeated and refused ones included.",
    samples: ({ requests }) => Object.entries(requests).map(([upstream, value]) => ({ labels: { upstream }, value })),
  },
  {
    name: "stuck_jobs_runs_total",
    type: "counter",
    help: "Runs by their exit code.",
    samples: ({ exitCode }) => [{ labels: { exit_code: String(exitCode) }, value: 1 }],
  },
  single("stuck_jobs_last_run_exit_code", "Exit code of the last run.", ({ exitCode }) => exitCode),
  single("stuck_jobs_last_run_duration_seconds", "How long the last run took.", (result) => {
    return (result.finishedAt - result.startedAt) / 1000;
  }),
  single("stuck_jobs_last_run_truncated", "Whether the last run left jobs to the next one.", ({ report }) => {
    return report === null ? null : Number(report.truncated);
  }),
  single("stuck_jobs_last_run_timestamp_seconds", "When the last run ended.", ({ finishedAt }) => finishedAt / 1000),
  single("stuck_jobs_last_success_timestamp_seconds", "When the last run that exited with 0 ended.", (result) => {
    return result.exitCode === 0 ? result.finishedAt / 1000 : null;
  }),
  {
    name: "stuck_jobs_build_info",
    type: "gauge",
    help: "The version of stuck-jobs that wrote this file.",
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
];

const HISTOGRAM_SUFFIXES = ["_bucket", "_sum", "_count"] as const;

/** Upper bounds in seconds, from the default of stuckAfter to that of maxAge. */
const AGE_BUCKETS = [300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400, Number.POSITIVE_INFINITY];

/** The gauge that keeps its value where a run does not set it. */
const KEPT = "stuck_jobs_last_success_timestamp_seconds";

/**
 * Renders a Prometheus textfile after a run.
 *
 * @param before what the file held; counters go on from there, and begin at 0 where it cannot be read
 */
export function renderMetrics(result: RunResult, before: string): string {
  return renderAllMetrics([result], before);
}

/** Renders several bases in one file. The series of bases that were not swept stay as they were. */
export function renderAllMetrics(results: readonly RunResult[], before: string): string {
  const old = samplesIn(before);
  const swept = new Set(results.map(({ baseId }) => baseId));
  const lists = new Set(results.map(({ allBases }) => allBases));
  const beside = new Set([...lists].flat().filter((id) => !swept.has(id)));
  return METRICS.map((metric) => {
    const { name, type, help } = metric;
    const values = new Map<string, number>();
    const goesOn = [...(type !== "gauge" || name === KEPT ? swept : []), ...beside];
    const names = type === "histogram" ? HISTOGRAM_SUFFIXES.map((suffix) => `${name}${suffix}`) : [name];
    const starts = new Set(names.flatMap((each) => goesOn.map((id) => `${each}{base=${quoted(id)}`)));
    for (const [series, { start, value }] of old) if (starts.has(start)) values.set(series, value);
    for (const result of results) {
      for (const { labels, value, suffix = "" } of metric.samples(result)) {
        const series = seriesOf(`${name}${suffix}`, { base: result.baseId, ...labels });
        values.set(series, type === "gauge" ? value : (values.get(series) ?? 0) + value);
      }
    }
    if (values.size === 0) return "";
    const lines = [...values].map(([series, value]) => `${series} ${value}\n`);
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
  }).join("");
}

/** Returns what the runs of a base have cost in Airtable requests, by a file that they wrote; null where it has nothing. */
export function requestCounters(text: string, baseId: string): RequestCounters | null {
  let [requests, runs] = [0, 0];
  for (const [series, { start, value }] of samplesIn(text)) {
    if (series === seriesOf("stuck_jobs_requests_total", { base: baseId, upstream: "airtable" })) requests += value;
    if (start === `stuck_jobs_runs_total{base=${quoted(baseId)}`) runs += value;
  }
  return runs === 0 ? null : { requests, runs };
}

function jobGauge(name: string, help: string, isCounted: (entry: Entry) => boolean): Metric {
  return { name, help, type: "gauge", samples: (result) => countJobs(result, isCounted) };
}

function jobCounter(name: string, help: string, isCounted: (entry: Entry) => boolean): Metric {
  return { name, help, type: "counter", samples: (result) => countJobs(result, isCounted) };
}

function single(name: string, help: string, measure: (result: RunResult) => number | null): Metric {
  return {
    name,
    help,
    type: "gauge",
    samples(result) {
      const value = measure(result);
      return value === null ? [] : [{ labels: {}, value }];
    },
  };
}

/** Counts as the report's summary does: a job with an error counts as an error only. */
function isOf(kind: VerdictKind): (entry: Entry) => boolean {
  return ({ verdict, error }) => verdict.kind === kind && error === null;
}

/** Counts what was written, which a dry run is not. */
function isDone(kind: VerdictKind): (entry: Entry) => boolean {
  const isOfKind = isOf(kind);
  return (entry) => isOfKind(entry) && entry.applied;
}

/** Jobs of no known operation are counted under "none". */
function countJobs({ report, operations }: RunResult, isCounted: (entry: Entry) => boolean): readonly Sample[] {
  if (report === null) return [];
  const counts = new Map<string, number>();
  for (const entry of report.entries) {
    if (!isCounted(entry)) continue;
    const operation = entry.operation ?? "none";
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }
  const names = [...new Set([...operations, "none", ...counts.keys()])];
  return perOperation(names, (operation) => counts.get(operation) ?? 0);
}

/** The ages of the jobs that this run recovered, as increments of a histogram per operation. */
function recoveryAges({ report, operations }: RunResult): readonly Sample[] {
  if (report === null) return [];
  const ages = new Map<string, number[]>(operations.map((operation) => [operation, []]));
  for (const entry of report.entries) {
    if (entry.age === null || !isRecovered(entry)) continue;
    const operation = entry.operation ?? "none";
    const own = ages.get(operation);
    if (own === undefined) ages.set(operation, [entry.age / 1000]);
    else own.push(entry.age / 1000);
  }
  return [...ages].flatMap(([operation, seconds]): Sample[] => [
    ...AGE_BUCKETS.map((bound): Sample => {
      const le = Number.isFinite(bound) ? String(bound) : "+Inf";
      return { suffix: "_bucket", labels: { operation, le }, value: seconds.filter((each) => each <= bound).length };
    }),
    { suffix: "_sum", labels: { operation }, value: seconds.reduce((sum, each) => sum + each, 0) },
    { suffix: "_count", labels: { operation }, value: seconds.length },
  ]);
}

function perOperation(operations: readonly string[], measure: (operation: string) => number): readonly Sample[] {
  return operations.map((operation) => ({ labels: { operation }, value: measure(operation) }));
}

function seriesOf(name: string, labels: Labels): string {
  return `${name}{${Object.entries(labels)
    .map(([label, value]) => `${label}=${quoted(value)}`)
    .join(",")}}`;
}

/** Quotes a value for the text format. */
function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

/** The value of a series, and how the series starts: with the metric and the base, `stuck_jobs_found{base="app…"`. */
interface OldSample {
  readonly start: string;
  readonly value: number;
}

/** Parses the series of a file that we wrote; skips other lines. */
function samplesIn(text: string): ReadonlyMap<string, OldSample> {
  const samples = new Map<string, OldSample>();
  for (const line of text.split("\n")) {
    const [, series, value] = /^([a-z_]+\{.*\}) (\d+(?:\.\d+)?(?:e\+\d+)?)$/.exec(line) ?? [];
    const [start] = /^[a-z_]+\{base="(?:[^"\\]|\\.)*"/.exec(series ?? "") ?? [];
    if (series === undefined || start === undefined || !Number.isFinite(Number(value))) continue;
    samples.set(series, { start, value: Number(value) });
  }
  return samples;
}
