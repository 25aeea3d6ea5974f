import type { Report } from "../../core/domain/report.ts";
import { pluralize } from "../terminal/format.ts";
import { brakeLines } from "./brake.ts";
import { herdLine } from "./incidents.ts";
import { plain } from "./text.ts";

/** What became of how many jobs. */
export function summaryLine(report: Report): string {
  const { recovered, failed, waiting, skipped, unknown, errors } = report.summary;
  const would = report.command === "scan" || report.dryRun ? "would be " : "";
  const parts = [
    `${recovered} ${would}recovered`,
    `${failed} ${would}failed`,
    `${waiting} waiting`,
    `${skipped} skipped`,
  ];
  if (unknown > 0) parts.push(`${unknown} unknown`);
  if (errors > 0) parts.push(pluralize(errors, "error"));
  return `${pluralize(report.summary.stuck, "stuck job")}: ${parts.join(", ")}.`;
}

/** What the run cost, and its name. */
export function footer({ requests, entries, runId, startedAt, finishedAt }: Report): string {
  const seconds = ((finishedAt - startedAt) / 1000).toFixed(1);
  // A storage that lets nobody connect is sent nothing.
  const inVain = requests.storage === 0 && entries.some(({ probes }) => probes.length > 0);
  const probes = inVain ? "no probe got through" : pluralize(requests.storage, "probe");
  return `${pluralize(requests.airtable, "Airtable request")}, ${probes}, ${seconds} s, run ${runId}`;
}

/** So many errors are told in full; mostly they are all the same. */
const MOST_ERRORS = 10;

/** What is to be known besides, and what can be done next. */
export function closing(report: Report, all: boolean): readonly string[] {
  const { command, dryRun, summary, truncated } = report;
  const errors = report.entries.flatMap(({ id, error }) =>
    error === null ? [] : [plain(`${id} could not be written: ${error}`)],
  );
  const lines = errors.slice(0, all ? errors.length : MOST_ERRORS);
  if (errors.length > lines.length) {
    lines.push(`… and ${errors.length - lines.length} more could not be written: --all`);
  }
  lines.push(...report.incidents.map(herdLine).map(plain));
  lines.push(...brakeLines(report));
  if (truncated) lines.push("Truncated: the rest is left to the next run.");
  const work = summary.recovered + summary.failed;
  if (command === "scan" && work > 0)
    lines.push("Next: stuck-jobs recover --dry-run, which also reads the targets; then stuck-jobs recover");
  else if (dryRun && work > 0) lines.push(`Next: stuck-jobs ${command}`);
  if (report.entries.some(({ verdict }) => verdict.reason === "beyond-max-age")) {
    lines.push("Older than maxAge: stuck-jobs fail-old --dry-run");
  }
  return lines;
}
