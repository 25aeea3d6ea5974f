import { randomBytes } from "node:crypto";
import { type Env, readSecret, readVariable } from "../config/env/variables.ts";
import type { Problem } from "../config/problems.ts";
import type { Instant } from "../core/domain/job.ts";
import type { Stage } from "../core/sweep/context.ts";
import { metricsRequest, type Resource, type Span, traceRequest } from "./otlp.ts";
import { type Sent, send } from "./post.ts";
import type { RunResult, Surroundings } from "./run-result.ts";

/** Where OpenTelemetry is sent to; null where a signal is off. Addresses and headers may hold secrets. */
export interface TelemetryTarget {
  readonly tracesUrl: string | null;
  readonly metricsUrl: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  /** What of it could not be read. */
  readonly problems: readonly Problem[];
  /** A trace that something else began, as W3C's TRACEPARENT. */
  readonly parent: { readonly traceId: string; readonly spanId: string } | null;
}

/** A sweep that is being traced. */
export interface Telemetry {
  stage(stage: Stage, is: "begun" | "ended"): void;
  /** Sends one trace and the metrics, within a second. Never throws: it must not make a run fail. */
  finished(result: RunResult, run: { readonly command: string; readonly dryRun: boolean }): Promise<void>;
}

/** The end of a run waits for no more than this. */
const FLUSH_LIMIT = 1_000;

/** Reads OpenTelemetry's own variables; null where it is off, or where no endpoint is set. */
export function readTelemetryTarget(env: Env): TelemetryTarget | null {
  if (readVariable(env, "OTEL_SDK_DISABLED")?.toLowerCase() === "true") return null;
  const urlOf = (signal: "TRACES" | "METRICS", path: string): string | null => {
    if (readVariable(env, `OTEL_${signal}_EXPORTER`) === "none") return null;
    const own = readVariable(env, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
    if (own !== null) return own;
    const base = readVariable(env, "OTEL_EXPORTER_OTLP_ENDPOINT");
    return base === null ? null : `${base.replace(/\/+$/, "")}/${path}`;
  };
  const [tracesUrl, metricsUrl] = [urlOf("TRACES", "v1/traces"), urlOf("METRICS", "v1/metrics")];
  if (tracesUrl === null && metricsUrl === null) return null;
  const problems: Problem[] = [];
  const headers = pairsIn(readSecret(env, "OTEL_EXPORTER_OTLP_HEADERS", problems));
  const named = pairsIn(readVariable(env, "OTEL_RESOURCE_ATTRIBUTES"));
  const [, traceId, spanId] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(readVariable(env, "TRACEPARENT") ?? "") ?? [];
  return {
    tracesUrl,
    metricsUrl,
    headers,
    problems,
    resource: {
      "service.name": readVariable(env, "OTEL_SERVICE_NAME") ?? named["service.name"] ?? "stuck-jobs",
      ...rest(named),
    },
    parent: traceId === undefined || spanId === undefined ? null : { traceId, spanId },
  };
}

/** Begins to trace a sweep. */
export function startTelemetry(target: TelemetryTarget, surroundings: Surroundings): Telemetry {
  const { clock } = surroundings;
  const startedAt = clock.now();
  const begun = new Map<Stage, Instant>();
  const ended = new Map<Stage, Instant>();
  return {
    stage(stage, is) {
      (is === "begun" ? begun : ended).set(stage, clock.now());
    },
    async finished(result, run) {
      for (const { path, message } of target.problems) surroundings.warn(`${path}: ${message}`);
      const resource = resourceOf(target, result);
      const traceId = target.parent?.traceId ?? randomBytes(16).toString("hex");
      const root = rootSpan(target, startedAt, result, run);
      const stages = [...begun].map(([stage, from]) => stageSpan(stage, from, ended.get(stage), root, result));
      const failures = await Promise.all([
        post(target.tracesUrl, traceRequest(traceId, [root, ...stages], resource), target, surroundings),
        post(target.metricsUrl, metricsRequest(result, resource), target, surroundings),
      ]);
      const details = new Set(failures.flatMap((sent) => (sent?.kind === "failed" ? [sent.detail] : [])));
      for (const detail of details) surroundings.warn(`the telemetry was not taken: ${detail}`);
    },
  };
}

async function post(
  url: string | null,
  body: unknown,
  { headers }: TelemetryTarget,
  { clock, env, redact, signal }: Surroundings,
): Promise<Sent | null> {
  if (url === null) return null;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    return { kind: "failed", detail: "OTEL_EXPORTER_OTLP_ENDPOINT: expected an http or https URL" };
  }
  const message = { method: "POST", url, body: redact(JSON.stringify(body)), contentType: "application/json" } as const;
  return await send({ ...message, headers }, { clock, env, signal, limit: FLUSH_LIMIT, pauses: [] });
}

function resourceOf({ resource }: TelemetryTarget, { version }: RunResult): Resource {
  return { attributes: { ...resource, "service.version": version }, version };
}

function rootSpan(
  { parent }: TelemetryTarget,
  startedAt: Instant,
  { exitCode, baseId, runId, requests, report, finishedAt }: RunResult,
  { command, dryRun }: { readonly command: string; readonly dryRun: boolean },
): Span {
  const { stuck, recovered, failed, waiting, skipped, unknown, errors } = report?.summary ?? {};
  const counts = { stuck, recovered, failed, waiting, skipped, unknown, errors };
  return {
    id: spanId(),
    parentId: parent?.spanId ?? null,
    name: `stuck-jobs ${command}`,
    startedAt,
    endedAt: finishedAt,
    attributes: {
      "stuck_jobs.base": baseId,
      "stuck_jobs.run_id": runId,
      "stuck_jobs.dry_run": dryRun,
      "stuck_jobs.exit_code": exitCode,
      ...prefixed("stuck_jobs.jobs", counts),
      ...prefixed("stuck_jobs.requests", { ...requests }),
      ...(report === null ? {} : { "stuck_jobs.truncated": report.truncated }),
    },
    error: GOOD_EXIT_CODES.includes(exitCode) ? null : `exit code ${exitCode}`,
  };
}

/** Done, and `scan --exit-code` that found stuck jobs. */
const GOOD_EXIT_CODES = [0, 10];

/** A stage that has no end was cut off by a fault, which is the run's. */
function stageSpan(stage: Stage, from: Instant, to: Instant | undefined, root: Span, { report }: RunResult): Span {
  const jobs = report?.entries ?? [];
  const attributes = {
    list: { "stuck_jobs.jobs.stuck": jobs.length },
    probe: { "stuck_jobs.jobs.probed": jobs.filter(({ probes }) => probes.length > 0).length },
    apply: { "stuck_jobs.jobs.written": jobs.filter(({ applied }) => applied).length },
  };
  return {
    id: spanId(),
    parentId: root.id,
    name: stage,
    startedAt: from,
    endedAt: to ?? root.endedAt,
    attributes: report === null ? {} : attributes[stage],
    error: to === undefined ? (root.error ?? "cut short") : null,
  };
}

function spanId(): string {
  return randomBytes(8).toString("hex");
}

function prefixed(prefix: string, values: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[`${prefix}.${name}`, value]])),
  );
}

function rest({ "service.name": _, ...others }: Readonly<Record<string, string>>): Record<string, string> {
  return others;
}

/** `key=value,key=value`, percent-encoded. What is no such pair is left out. */
function pairsIn(text: string | null): Readonly<Record<string, string>> {
  const pairs = (text ?? "").split(",").flatMap((pair): [string, string][] => {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    return key === undefined || value === undefined ? [] : [[key, decoded(value)]];
  });
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}
