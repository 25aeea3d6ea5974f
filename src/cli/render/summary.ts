import type { ProbeResult } from "../../core/domain/evidence.ts";
import { pluralize } from "../../core/domain/plural.ts";
import {
  type BlockedOperation,
  type Entry,
  type Incident,
  outputOf,
  type Report,
  type RequestCounts,
} from "../../core/domain/report.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import { formatDuration } from "../terminal/format.ts";
import { countsInWords } from "./line.ts";

/** Counts the jobs by outcome, in a sentence. */
export function countsLine(report: Report): string {
  return `${countsInWords([report], report.summary, report)}.`;
}

/** The requests and time of the run, and its id. */
export function footer({ requests, entries, runId, startedAt, finishedAt }: Report): string {
  const seconds = ((finishedAt - startedAt) / 1000).toFixed(1);
  // A storage that refuses connections receives no request.
  const inVain = requests.storage === 0 && entries.some(({ probes }) => probes.length > 0);
  const probes = inVain ? "no probe got through" : pluralize(requests.storage, "probe");
  return `${storeRequests(requests)}, ${probes}, ${seconds} s, run ${runId}`;
}

/** Counts the requests to the store: "3 Airtable requests", or "5 PostgreSQL statements", or both of several bases. */
export function storeRequests({ airtable, postgres }: Pick<RequestCounts, "airtable" | "postgres">): string {
  const parts = postgres === undefined ? [] : [pluralize(postgres, "PostgreSQL statement")];
  return [...(parts.length > 0 && airtable === 0 ? [] : [pluralize(airtable, "Airtable request")]), ...parts].join(
    ", ",
  );
}

/** So many errors are shown in full: mostly they are all the same. */
const MOST_ERRORS = 10;

/** Returns the lines below the table: errors, incidents, the brake, and the next command. */
export function footerLines(
  report: Report,
  { all, isPlan }: { readonly all: boolean; readonly isPlan: boolean },
): readonly string[] {
  const { command, dryRun, summary, truncated } = report;
  const errors = report.entries.flatMap(({ id, error }) =>
    error === null ? [] : [`${id} could not be written: ${error}`],
  );
  const lines = errors.slice(0, all ? errors.length : MOST_ERRORS);
  if (errors.length > lines.length) {
    lines.push(`… and ${errors.length - lines.length} more could not be written: --all`);
  }
  lines.push(...report.incidents.map(incidentLine), ...brakeLines(report), ...unseenLines(report));
  if (truncated) lines.push("Truncated: the rest is left to the next run.");
  const work = summary.recovered + summary.failed;
  if (command === "scan" && work > 0)
    lines.push("Next: stuck-jobs recover --dry-run, which also reads the targets; then stuck-jobs recover");
  else if (dryRun && work > 0 && !isPlan) lines.push("Next: the same without --dry-run");
  if (report.entries.some(({ verdict }) => verdict.reason === "beyond-max-age")) {
    lines.push(
      "Older than maxAge: stuck-jobs recover --max-age none completes those whose output exists; then stuck-jobs fail-old --dry-run",
    );
  }
  if (report.entries.some(({ verdict }) => verdict.reason === "output-exists")) {
    lines.push("Their output exists: stuck-jobs recover --max-age none");
  }
  return lines.map(makeVisible);
}

/** Returns what a person can do about jobs that the brake kept from being failed. */
export function brakeHint(brake: readonly BlockedOperation[]): string {
  const isElsewhere = brake.some(({ reason }) => reason === "configuration-suspect");
  const correct = "If outputs moved: correct storage.baseUrl, or the operation's outputs. ";
  return `${isElsewhere ? correct : ""}If the jobs really failed: --force, or fail-old --job <id…> for the ones you know.`;
}

/** Renders a line for each operation that the brake blocked, and the hint. */
export function brakeLines({ brake }: Report): readonly string[] {
  return brake === null ? [] : [...brake.map(heldLine), `       ${brakeHint(brake)}`];
}

function heldLine({ operation, wouldFail, stuck, limit, reason, detail }: BlockedOperation): string {
  const held = `Brake: ${wouldFail} of ${stuck} stuck ${operation} jobs would be failed`;
  if (reason === "configuration-suspect") return `${held}, but the configuration is suspect: ${detail}.`;
  return `${held}, at most ${limit} without proof: ${detail}.`;
}

/** Fewer jobs of an operation than this may all be at work still. */
const MIN_UNSEEN = 3;

/**
 * Returns a line for each operation of which no probed job has an output, where nothing else in the report says so: until
 * jobs are past `failAfter`, a wrong place looks like jobs that are at work.
 */
export function unseenLines({ entries, incidents, brake }: Report): readonly string[] {
  const probed = new Map<string, Entry[]>();
  for (const entry of entries) {
    const { operation, probes } = entry;
    if (operation === null || probes.length === 0) continue;
    const jobs = probed.get(operation);
    if (jobs === undefined) probed.set(operation, [entry]);
    else jobs.push(entry);
  }
  const reported = new Set([
    ...incidents.flatMap(({ cause, name }) => (cause === "operation-without-output" ? [name] : [])),
    ...(brake ?? []).map(({ operation }) => operation),
  ]);
  return [...probed].flatMap(([operation, jobs]) => {
    const isUnseen = jobs.length >= MIN_UNSEEN && jobs.every(hasNoOutput);
    const example = jobs[0]?.probes[0]?.url ?? "";
    if (!isUnseen || reported.has(operation)) return [];
    return [
      makeVisible(
        `No output of ${operation} was found for any of ${jobs.length} probed jobs, for example at ${example}. If the files are elsewhere, correct storage.baseUrl or operations.${operation}.outputs; stuck-jobs doctor probes a known output.`,
      ),
    ];
  });
}

function hasNoOutput(entry: Entry): boolean {
  const isMissing = (probe: ProbeResult) =>
    probe.result === "absent" || (probe.result === "unknown" && probe.cause === "forbidden");
  return outputOf(entry) === null && entry.probes.every(isMissing);
}

/** One line on several jobs that share a cause: "17 jobs since 14:02, same worker: 12 have files, 5 do not". */
export function incidentLine({ cause, name, since, jobs, withOutput, withoutOutput, undecided }: Incident): string {
  const from = since === null ? "" : ` since ${new Date(since).toISOString().slice(11, 16)} UTC`;
  switch (cause) {
    case "same-worker":
      return `${pluralize(jobs, "job")}${from}, same worker: ${files(withOutput, withoutOutput, undecided)}`;
    case "same-minute":
      return `${pluralize(jobs, "job")}${from}, made in the same minute: ${files(withOutput, withoutOutput, undecided)}`;
    case "operation-without-output":
      return `Not one of ${pluralize(jobs, `stuck ${name} job`)}${from} has an output: the worker died, or its output names changed`;
    case "provider-silent":
      return `${name} gave no answer for ${pluralize(jobs, "job")}`;
  }
}

function files(withOutput: number, withoutOutput: number, undecided: number): string {
  const parts = [`${withOutput} have files`, `${withoutOutput} do not`];
  return undecided === 0 ? parts.join(", ") : [...parts, `${undecided} are not known`].join(", ");
}

/** Renders the typical duration of each operation beside the age of its stuck jobs. */
export function typicalLines({ entries }: Report, typical: TypicalDurations): readonly string[] {
  return [...typical].flatMap(([operation, { p50 }]) => {
    const ages = entries.flatMap((entry) => (entry.operation === operation && entry.age !== null ? [entry.age] : []));
    if (ages.length === 0) return [];
    const [least, most] = [ages.reduce((a, b) => Math.min(a, b)), ages.reduce((a, b) => Math.max(a, b))].map(
      formatDuration,
    );
    return [
      `${makeVisible(operation)}: usually ${formatDuration(p50)}, now ${least === most ? most : `${least} to ${most}`}`,
    ];
  });
}
