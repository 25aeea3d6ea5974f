import type { Instant } from "../core/domain/job.ts";
import { METRICS } from "./metrics.ts";
import type { RunResult } from "./run-result.ts";

/** A value of an attribute. */
type Value = string | number | boolean;

/** What sends, and whose run it is. */
export interface Resource {
  readonly attributes: Readonly<Record<string, Value>>;
  readonly version: string;
}

/** A piece of work with its beginning and end. */
export interface Span {
  readonly id: string;
  /** Null for the first of a trace that nothing else began. */
  readonly parentId: string | null;
  readonly name: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly attributes: Readonly<Record<string, Value>>;
  /** Null where it went well. */
  readonly error: string | null;
}

const SCOPE = "stuck-jobs";

/** Numbers of OTLP's enumerations. */
const [SPAN_KIND_INTERNAL, STATUS_OK, STATUS_ERROR, DELTA] = [1, 1, 2, 1];

/** Returns an `ExportTraceServiceRequest` in OTLP's JSON form. */
export function traceRequest(traceId: string, spans: readonly Span[], resource: Resource): unknown {
  const scopeSpans = [{ scope: scopeOf(resource), spans: spans.map((span) => spanObject(traceId, span)) }];
  return { resourceSpans: [{ resource: resourceObject(resource), scopeSpans }] };
}

function spanObject(traceId: string, { id, parentId, name, startedAt, endedAt, attributes, error }: Span) {
  return {
    traceId,
    spanId: id,
    ...(parentId === null ? {} : { parentSpanId: parentId }),
    name,
    kind: SPAN_KIND_INTERNAL,
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: attributeList(attributes),
    status: error === null ? { code: STATUS_OK } : { code: STATUS_ERROR, message: error },
  };
}

/**
 * Returns an `ExportMetricsServiceRequest` in OTLP's JSON form: the metrics of docs/monitoring.md, under their names. A
 * run is a process of its own, so counters and histograms are what this run added (delta).
 */
export function metricsRequest(result: RunResult, resource: Resource): unknown {
  const metrics = METRICS.flatMap((metric) => {
    const samples = metric.samples(result);
    const { name, help: description } = metric;
    return samples.length === 0 ? [] : [{ name, description, ...seriesOf(metric.type, samples, result) }];
  });
  const scopeMetrics = [{ scope: scopeOf(resource), metrics }];
  return { resourceMetrics: [{ resource: resourceObject(resource), scopeMetrics }] };
}

type Samples = ReturnType<(typeof METRICS)[number]["samples"]>;

function seriesOf(type: (typeof METRICS)[number]["type"], samples: Samples, result: RunResult): object {
  const times = { startTimeUnixNano: nanoseconds(result.startedAt), timeUnixNano: nanoseconds(result.finishedAt) };
  const known = (labels: Readonly<Record<string, string>>) => {
    return { ...times, attributes: attributeList({ base: result.baseId, ...labels }) };
  };
  if (type === "histogram") {
    const dataPoints = histogramPoints(samples).map(({ labels, ...point }) => ({ ...known(labels), ...point }));
    return { unit: "s", histogram: { dataPoints, aggregationTemporality: DELTA } };
  }
  const dataPoints = samples.map(({ labels, value }) => {
    return { ...known(labels), ...(Number.isInteger(value) ? { asInt: String(value) } : { asDouble: value }) };
  });
  if (type === "gauge") return { gauge: { dataPoints } };
  return { sum: { dataPoints, aggregationTemporality: DELTA, isMonotonic: true } };
}

/** Prometheus counts all up to a bound, OTLP what is between two. */
function histogramPoints(samples: Samples) {
  const groups = new Map<string, { labels: Record<string, string>; sum: number; upTo: [number, number][] }>();
  for (const { labels: all, value, suffix } of samples) {
    const { le, ...labels } = all;
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? { labels, sum: 0, upTo: [] };
    groups.set(key, group);
    if (suffix === "_sum") group.sum = value;
    if (suffix === "_bucket" && le !== undefined) group.upTo.push([Number(le.replace("+Inf", "Infinity")), value]);
  }
  return [...groups.values()].map(({ labels, sum, upTo }) => {
    const sorted = upTo.toSorted(([a], [b]) => a - b);
    return {
      labels,
      count: String(sorted.at(-1)?.[1] ?? 0),
      sum,
      bucketCounts: sorted.map(([, value], n) => String(value - (sorted[n - 1]?.[1] ?? 0))),
      explicitBounds: sorted.map(([bound]) => bound).filter(Number.isFinite),
    };
  });
}

function scopeOf({ version }: Resource) {
  return { name: SCOPE, version };
}

function resourceObject({ attributes }: Resource) {
  return { attributes: attributeList(attributes) };
}

function attributeList(attributes: Readonly<Record<string, Value>>) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueObject(value) }));
}

function valueObject(value: Value) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** A number of nanoseconds is more than a JavaScript number holds. */
function nanoseconds(at: Instant): string {
  return `${Math.round(at)}000000`;
}
