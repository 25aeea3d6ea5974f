import type { Settings } from "../../config/settings.ts";
import { pluralize } from "../../core/domain/plural.ts";
import type { Entry, Report } from "../../core/domain/report.ts";
import type { Invocation } from "../context.ts";
import type { TypicalDurations } from "../learned-durations.ts";
import { describeUndecided } from "../outcome.ts";
import type { Format } from "../render/print-report.ts";
import { brakeLines, unseenLines } from "../render/summary.ts";
import { formatDuration } from "../terminal/format.ts";
import { type Fields, linesOf } from "../terminal/log.ts";
import type { Outcome } from "./sweep-once.ts";

/** Logs the failures of a sweep. */
export function logFailures(
  { report, fault }: Outcome,
  settings: Settings,
  format: Format,
  { terminal }: Invocation,
): void {
  if (fault !== null) terminal.log(linesOf(fault), "error");
  if (report === null) return;
  // The table shows it below its rows.
  if (format !== "table" && format !== "plan") {
    for (const line of brakeLines(report)) terminal.log(line.trim(), "warn");
    for (const line of unseenLines(report)) terminal.log(line, "info");
  }
  // The line says how many; the other formats show each.
  if (format === "line") for (const line of errorLines(report)) terminal.log(line, "error");
  const undecided = fault === null ? describeUndecided(report, settings) : null;
  if (undecided !== null) terminal.log(undecided, "error");
}

/** How many different errors are logged. */
const MOST_ERRORS = 5;

/** How many of the jobs with the same error are named. */
const MOST_NAMED = 3;

/** Returns what the base said of the jobs that could not be written, with their records, the most frequent first. */
function errorLines({ entries }: Report): readonly string[] {
  const records = new Map<string, string[]>();
  for (const { id, error } of entries) {
    if (error === null) continue;
    const ids = records.get(error) ?? [];
    ids.push(id);
    records.set(error, ids);
  }
  const lines = [...records].toSorted(([, one], [, other]) => other.length - one.length);
  const shown = lines.slice(0, MOST_ERRORS).map(([error, ids]) => {
    const named = `${ids.slice(0, MOST_NAMED).join(", ")}${ids.length > MOST_NAMED ? ", …" : ""}`;
    return `${pluralize(ids.length, "job")} (${named}): ${error}`;
  });
  return lines.length > shown.length ? [...shown, `… and ${lines.length - shown.length} other errors`] : shown;
}

/** Logs the values of --job that no sweep has found. */
export function warnUnmatchedJobs(reports: readonly Report[], { flags, terminal }: Invocation): void {
  for (const name of flags.job ?? []) {
    const isFound = reports.some(({ entries }) =>
      entries.some(({ id, externalId }) => id === name || externalId === name),
    );
    if (!isFound) terminal.log(`${name} is not among the stuck jobs: see stuck-jobs explain ${name}`, "warn");
  }
}

/** The log fields of one decision with its evidence. */
export function decisionFields(entry: Entry, typical: TypicalDurations): Fields {
  const { id, externalId, operation, age, verdict, applied, error, probes } = entry;
  const pace = typical.get(operation ?? "");
  const evidence = probes.map(({ detail }) => detail).join(", ");
  return {
    job: id,
    external: externalId,
    operation,
    age: formatDuration(age),
    ...(pace === undefined ? {} : { usual: formatDuration(pace.p50) }),
    verdict: verdict.kind,
    reason: verdict.reason,
    applied,
    ...(verdict.detail === "" ? {} : { detail: verdict.detail }),
    ...(evidence === "" ? {} : { evidence }),
    ...(error === null ? {} : { error }),
  };
}
