import type { ProbeResult } from "../../core/domain/evidence.ts";
import type { Duration } from "../../core/domain/job.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import type { Explanation } from "../../core/explain/explain.ts";
import { reasonText } from "../help/reasons.ts";
import { formatDuration, sizeInWords } from "../terminal/format.ts";
import type { ToJson } from "../terminal/terminal.ts";
import { jobObject } from "./json.ts";

/** Renders everything known about one job as text. */
export function renderExplanation(explanation: Explanation): string {
  const { job, verdict, notStuck, entry, calibration, now } = explanation;
  const rows: [string, string][] = [
    ["job", `${job.id}  status ${job.status || "(blank)"}, type ${job.type ?? "(blank)"}`],
    ["external id", job.externalId ?? "(none)"],
    ["operation", entry.operation ?? "(none)"],
    [
      "since",
      job.since.kind === "at" ? `${iso(job.since.at)} (${formatDuration(now - job.since.at)} ago)` : job.since.kind,
    ],
    ["payload", payloadLine(explanation)],
    ["webhook URL", job.webhookUrl ?? "(none)"],
    ["target", targetLine(explanation)],
    ...evidenceRows(explanation),
    ...(calibration === null ? [] : [["missing here", calibration.detail] satisfies [string, string]]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const facts = rows.map(([name, text]) => `${name.padEnd(width)}  ${makeVisible(text)}`);
  return `${[...facts, "", ...conclusion(explanation, verdict, notStuck).map(makeVisible)].join("\n")}\n`;
}

/** The same as data: `stuck-jobs/explain@1`. */
export function renderExplanationJson(explanations: readonly Explanation[], toJson: ToJson): string {
  const jobs = explanations.map((explanation) => {
    const { verdict, notStuck, entry, calibration, listing, attachments, thresholds } = explanation;
    return {
      ...jobObject({ ...entry, verdict: verdict ?? entry.verdict }),
      ...(verdict === null ? { verdict: null, reason: null, detail: null } : {}),
      notStuck,
      rule: verdict === null ? null : reasonText(verdict.kind, verdict.reason).means,
      toDo: verdict === null ? null : reasonText(verdict.kind, verdict.reason).action,
      changes: changes(explanation),
      thresholds,
      calibration,
      listing,
      attachments: attachments?.map(({ filename, size }) => ({ filename, size })) ?? null,
    };
  });
  return `${toJson({ schema: "stuck-jobs/explain@1", jobs }, 2)}\n`;
}

function payloadLine({ job: { payload } }: Explanation): string {
  switch (payload.kind) {
    case "empty":
      return "(empty)";
    case "unreadable":
      return `unreadable: ${payload.reason}`;
    case "read":
      return Object.keys(payload.value).join(", ") || "(no keys)";
  }
}

function targetLine({ entry: { target }, attachments }: Explanation): string {
  if (target === null) return "(none, or more than one)";
  const files = attachments?.map(
    ({ filename, size }) => `${filename}${size === null ? "" : ` (${sizeInWords(size)})`}`,
  );
  const holds = files === undefined ? "no such record" : files.length === 0 ? "empty" : `holds ${files.join(", ")}`;
  return `${target.table} ${target.id}, ${target.field}: ${holds}`;
}

function evidenceRows({ entry: { probes, providerReply }, listing, job }: Explanation): readonly [string, string][] {
  const rows = probeLines(probes).map((line): [string, string] => ["storage", line]);
  if (listing !== null) {
    const found =
      listing.kind === "listed" ? listing.names.join(", ") || "nothing" : `${listing.kind}: ${listing.detail}`;
    rows.push([`listing`, `${job.externalId}*: ${found}`]);
  }
  if (providerReply !== null) {
    rows.push([providerReply.provider, `${providerReply.answer.kind}: ${providerReply.answer.detail}`]);
    rows.push(...providerReply.probes.map((probe): [string, string] => [providerReply.provider, probeLine(probe)]));
  }
  return rows;
}

/** So many probes in a row with the same answer are shown before the rest is counted. */
const ALIKE = 2;

function probeLines(probes: readonly ProbeResult[]): readonly string[] {
  const runs: ProbeResult[][] = [];
  for (const probe of probes) {
    const before = runs.at(-1)?.at(-1);
    const isAlike = before !== undefined && before.result === probe.result && before.detail === probe.detail;
    if (isAlike && probe.result !== "present") runs.at(-1)?.push(probe);
    else runs.push([probe]);
  }
  return runs.flatMap((alike) => {
    const [{ result, detail } = { result: "", detail: "" }] = alike;
    const rest = alike.length - ALIKE;
    if (rest < 2) return alike.map(probeLine);
    return [...alike.slice(0, ALIKE).map(probeLine), `${result.padEnd(8)} ${rest} further names  ${detail}`];
  });
}

function probeLine(probe: ProbeResult): string {
  const { result, url, detail } = probe;
  if (probe.result !== "present") return `${result.padEnd(8)} ${url}  ${detail}`;
  const { bytes, lastModified } = probe.output;
  const when = lastModified === null ? "" : `, written ${lastModified}`;
  return `${result.padEnd(8)} ${url}  ${detail}, ${sizeInWords(bytes)}${when}`;
}

function conclusion(
  explanation: Explanation,
  verdict: Explanation["verdict"],
  notStuck: string | null,
): readonly string[] {
  if (verdict === null) return [`Not stuck: ${notStuck ?? "there is nothing to do"}.`, ...changes(explanation)];
  const { means, action } = reasonText(verdict.kind, verdict.reason);
  return [
    `Verdict: ${verdict.kind}, ${verdict.reason}${verdict.detail === "" ? "" : ` (${verdict.detail})`}`,
    `Rule:    ${means}`,
    `To do:   ${action}`,
    ...changes(explanation),
  ];
}

/** Lists when the verdict may change, if all else stays. */
function changes({ job: { since }, verdict, closed, thresholds, now }: Explanation): readonly string[] {
  if (since.kind !== "at" || closed) return [];
  const at = (after: Duration | null) => (after === null ? Number.POSITIVE_INFINITY : since.at + after);
  const mayFail = verdict === null || verdict.kind === "wait" || verdict.kind === "unknown";
  const steps: [number, string][] = [
    [at(thresholds.stuckAfter), `is stuck (stuckAfter ${formatDuration(thresholds.stuckAfter)})`],
    [
      mayFail ? at(thresholds.failAfter) : 0,
      `may be failed if its output is proven absent (failAfter ${formatDuration(thresholds.failAfter)})`,
    ],
    [at(thresholds.maxAge), `is left to fail-old (maxAge ${formatDuration(thresholds.maxAge)})`],
  ];
  const open = verdict !== null || now <= at(thresholds.stuckAfter);
  return steps
    .filter(([moment]) => open && moment > now && Number.isFinite(moment))
    .map(([moment, what]) => `From ${iso(moment)} on it ${what}.`);
}

function iso(at: number): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}
