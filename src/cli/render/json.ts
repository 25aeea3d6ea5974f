import type { BaseRef } from "../../config/settings.ts";
import type { ProviderReply } from "../../core/domain/evidence.ts";
import { type Entry, outputOf, type Report } from "../../core/domain/report.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import type { JobKey } from "../options.ts";
import type { ToJson } from "../terminal/terminal.ts";
import { brakeHint } from "./summary.ts";

/**
 * The report as the contract gives it: `stuck-jobs/report@1`, one document, in parts that are to be written one after
 * the other: whole it might be larger than memory should be. `base` is null where there is but one.
 */
export function* renderJson(
  report: Report,
  typical: TypicalDurations,
  base: BaseRef | null,
  toJson: ToJson,
): Iterable<string> {
  yield* document(report, typical, base, "", toJson);
  yield "\n";
}

/** Renders several reports as the key `reports` of another document, between its other keys. */
export function* renderJsonOfSeveral(
  before: object,
  reports: readonly { readonly report: Report; readonly typical: TypicalDurations; readonly base: BaseRef | null }[],
  after: object,
  toJson: ToJson,
): Iterable<string> {
  yield opened(before, "", toJson);
  yield reports.length === 0 ? ',\n  "reports": [' : ',\n  "reports": [\n    ';
  for (const [n, { report, typical, base }] of reports.entries()) {
    if (n > 0) yield ",\n    ";
    yield* document(report, typical, base, "    ", toJson);
  }
  yield `${reports.length === 0 ? "" : "\n  "}],\n${indented(after, "", toJson).slice(2)}\n`;
}

/** As `JSON.stringify` prints it with an indent of two, further in by `margin`. */
function* document(
  report: Report,
  typical: TypicalDurations,
  base: BaseRef | null,
  margin: string,
  toJson: ToJson,
): Iterable<string> {
  yield opened(head(report, base), margin, toJson);
  yield `,\n${margin}  "jobs": [`;
  const inner = `${margin}    `;
  let first = true;
  for (const entry of report.entries) {
    yield `${first ? "" : ","}\n${inner}${indented({ ...jobObject(entry), ...typicalOf(entry, typical) }, inner, toJson)}`;
    first = false;
  }
  yield first ? `]\n${margin}}` : `\n${margin}  ]\n${margin}}`;
}

/** An object with keys, without the line that closes it. */
function opened(value: object, margin: string, toJson: ToJson): string {
  return indented(value, margin, toJson).slice(0, -(margin.length + 2));
}

function indented(value: object, margin: string, toJson: ToJson): string {
  return toJson(value, 2).replaceAll("\n", `\n${margin}`);
}

/** The jobs as an array of objects that have these keys. */
export function* renderKeys(entries: readonly Entry[], keys: readonly JobKey[], toJson: ToJson): Iterable<string> {
  for (const [n, entry] of entries.entries()) {
    const job = jobObject(entry);
    const selected = Object.fromEntries(keys.map((key) => [key, job[key]]));
    yield `${n === 0 ? "[\n  " : ",\n  "}${indented(selected, "  ", toJson)}`;
  }
  yield entries.length === 0 ? "[]\n" : "\n]\n";
}

/** One job as a line of ndjson. */
export function renderNdjsonJob(entry: Entry, typical: TypicalDurations, base: BaseRef | null, toJson: ToJson): string {
  return `${toJson({ ...ofBase(base), ...jobObject(entry), ...typicalOf(entry, typical) })}\n`;
}

/** The typical duration of its operation; no key where it was not learned. */
function typicalOf({ operation }: Entry, typical: TypicalDurations) {
  const pace = typical.get(operation ?? "");
  if (pace === undefined) return {};
  const seconds = (duration: number) => Math.round(duration / 1000);
  return { usual: { p50Seconds: seconds(pace.p50), p99Seconds: seconds(pace.p99), from: pace.samples } };
}

/** The last line of ndjson: the report without its jobs. */
export function renderNdjsonSummary(report: Report, base: BaseRef | null, toJson: ToJson): string {
  return `${toJson(head(report, base))}\n`;
}

/** The key that names the base; none where there is only one. */
export function ofBase(base: BaseRef | null) {
  return base === null ? {} : { base: { name: base.name, id: base.id } };
}

function head(report: Report, base: BaseRef | null) {
  return {
    schema: "stuck-jobs/report@1",
    ...ofBase(base),
    command: report.command,
    dryRun: report.dryRun,
    runId: report.runId,
    version: report.version,
    startedAt: new Date(report.startedAt).toISOString(),
    finishedAt: new Date(report.finishedAt).toISOString(),
    durationMs: report.finishedAt - report.startedAt,
    truncated: report.truncated,
    summary: report.summary,
    requests: report.requests,
    brake: report.brake === null ? null : { operations: report.brake, hint: brakeHint(report.brake) },
    incidents: report.incidents.map((incident) => ({
      ...incident,
      since: incident.since === null ? null : new Date(incident.since).toISOString(),
    })),
  };
}

/** One job of a report. */
export function jobObject(entry: Entry): Readonly<Record<JobKey, unknown>> {
  const output = outputOf(entry);
  const { url, bytes, contentType, lastModified } = output ?? {};
  return {
    id: entry.id,
    externalId: entry.externalId,
    type: entry.type,
    operation: entry.operation,
    status: entry.status,
    ageSeconds: entry.age === null ? null : Math.floor(entry.age / 1000),
    verdict: entry.verdict.kind,
    reason: entry.verdict.reason,
    detail: entry.verdict.detail,
    applied: entry.applied,
    output: output === null ? null : { url, bytes, contentType, lastModified },
    target: entry.target,
    evidence: evidenceOf(entry),
    error: entry.error,
  };
}

function evidenceOf({ probes, providerReply }: Entry) {
  const bySource =
    (source: string) =>
    ({ url, result, detail }: Entry["probes"][number]) => {
      return { source, url, result, detail };
    };
  if (providerReply === null) return probes.map(bySource("storage"));
  const { provider, url, answer, probes: outputs } = providerReply;
  const said = { source: provider, url, result: RESULT[answer.kind], detail: answer.detail };
  return [...probes.map(bySource("storage")), said, ...outputs.map(bySource(provider))];
}

/** What a provider's answer means for the output. */
const RESULT: Readonly<Record<ProviderReply["answer"]["kind"], "present" | "absent" | "unknown">> = {
  succeeded: "present",
  failed: "absent",
  running: "unknown",
  forgotten: "unknown",
  unknown: "unknown",
};
