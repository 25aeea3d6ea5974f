import type { Output, ProbeResult } from "../../src/core/domain/evidence.ts";
import type { BlockedOperation } from "../../src/core/domain/report.ts";
import { type Entry, type Report, summarise } from "../../src/core/domain/report.ts";
import { REASONS, type Verdict } from "../../src/core/domain/verdict.ts";
import type { RunResult } from "../../src/monitoring/run-result.ts";
import { HOUR, MINUTE, NOW } from "./builders.ts";

/** Any reason of the closed list; the verdict's kind follows from it, as far as one kind alone has it. */
export function verdict(reason: string, detail = ""): Verdict {
  const output = outputAt("x.mp4");
  for (const recover of REASONS.recover) {
    if (recover !== reason) continue;
    const found = { kind: "recover", output, others: [], detail } as const;
    return recover === "superseded"
      ? { ...found, reason: recover, supersededBy: "rec" }
      : { ...found, reason: recover };
  }
  for (const kind of ["fail", "wait", "skip", "unknown"] as const) {
    for (const known of REASONS[kind]) if (known === reason) return verdictOf(kind, known, detail);
  }
  throw new Error(`no reason ${reason}`);
}

/** The list's own types cannot tell that kind and reason belong together; the loop above does. */
function verdictOf(kind: string, reason: string, detail: string): Verdict {
  const all: readonly Verdict[] = [
    ...REASONS.fail.map((each) => ({ kind: "fail", reason: each, detail }) as const),
    ...REASONS.wait.map((each) => ({ kind: "wait", reason: each, detail }) as const),
    ...REASONS.skip.map((each) => ({ kind: "skip", reason: each, detail }) as const),
    ...REASONS.unknown.map((each) => ({ kind: "unknown", reason: each, detail }) as const),
  ];
  const found = all.find((each) => each.kind === kind && each.reason === reason);
  if (found === undefined) throw new Error(`no verdict ${kind}/${reason}`);
  return found;
}

export function outputAt(name: string, bytes = 8_400_000): Output {
  const url = `https://b.example/${name}`;
  return { url, bytes, contentType: "video/mp4", etag: '"1"', lastModified: new Date(NOW - HOUR).toISOString() };
}

const MISSING: ProbeResult = { result: "absent", url: "https://b.example/x.mp4", detail: "HTTP 404" };

/** A job of a report: a combine job of ten minutes, probed once. */
export function entry(n: number, changes: Partial<Entry> = {}): Entry {
  const digits = String(n).padStart(4, "0");
  return {
    id: `recJob0000000${digits}`,
    externalId: `job-${digits}`,
    type: "combine",
    operation: "combine",
    status: "processing",
    age: 10 * MINUTE,
    verdict: verdict("output-pending"),
    applied: false,
    target: { table: "Segments", id: `recSegment000${digits}`, field: "Voiceover + Video" },
    probes: [MISSING],
    providerReply: null,
    error: null,
    ...changes,
  };
}

export function reportOf(entries: readonly Entry[], changes: Partial<Report> = {}): Report {
  return {
    command: "recover",
    dryRun: false,
    runId: "00000000-0000-4000-8000-000000000001",
    version: "1.2.3",
    startedAt: NOW,
    finishedAt: NOW + 3_400,
    truncated: false,
    summary: summarise(entries),
    requests: { airtable: 14, storage: 22, provider: 1 },
    brake: null,
    incidents: [],
    entries,
    ...changes,
  };
}

export function held(operation: string, wouldFail = 9): BlockedOperation {
  return {
    operation,
    stuck: 10,
    wouldFail,
    failedBefore: 0,
    limit: 5,
    reason: "no-positive-control",
    detail: "no output of this operation was seen",
  };
}

/** A run that went well, over these jobs. */
export function resultOf(entries: readonly Entry[] = [], changes: Partial<RunResult> = {}): RunResult {
  const report = changes.report === undefined ? reportOf(entries) : changes.report;
  return {
    runId: "00000000-0000-4000-8000-000000000001",
    baseId: "appTest0000000001",
    allBases: [],
    version: "1.2.3",
    operations: ["combine", "concatenate"],
    startedAt: NOW,
    finishedAt: NOW + 3_400,
    requests: { airtable: 14, storage: 22, provider: 1 },
    trouble: null,
    stopped: false,
    exitCode: 0,
    ...changes,
    report,
  };
}
