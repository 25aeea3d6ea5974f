import { pluralize } from "../../core/domain/plural.ts";
import type { Entry, Report, Summary } from "../../core/domain/report.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { type GroupName, nameOf } from "./groups.ts";

/**
 * Renders the one plain line for cron and pipes, or nothing where there was nothing to do: cron mails whatever is
 * printed, so only a change or a failure gets a line. A scan reports that jobs are stuck.
 */
export function renderLine(report: Report): string {
  return isWorthALine(report) ? `${summaryLine(report)}\n` : "";
}

/** Returns whether a report has a change or a failure. */
export function isWorthALine({ summary, command, dryRun, brake, truncated }: Report): boolean {
  const { stuck, recovered, failed, errors } = summary;
  const done = recovered + failed + errors > 0 || brake !== null || truncated;
  return command === "scan" || dryRun ? stuck > 0 : done;
}

/** Renders a report in one line. */
export function summaryLine(report: Report): string {
  return `stuck-jobs ${report.command}: ${outcomeLine(report)}`;
}

/** The same without the program's name. */
export function outcomeLine(report: Report): string {
  const { truncated, brake } = report;
  const held = brake === null ? [] : [`brake held ${brake.map(({ operation }) => operation).join(", ")}`];
  const rest = truncated ? ["truncated: the rest is for the next run"] : [];
  return makeVisible(
    `${[countsInWords([report], report.summary, report), ...held, ...rest].join(", ")} (run ${report.runId})`,
  );
}

/**
 * Counts the jobs of one or several reports by outcome, and those that are left by reason: "25 stuck jobs: 10 recovered,
 * 2 failed, 11 skipped (6 target-missing, 5 beyond-max-age)".
 */
export function countsInWords(
  reports: readonly Report[],
  { stuck, recovered, failed, errors, ...left }: Summary,
  { command, dryRun }: Pick<Report, "command" | "dryRun">,
): string {
  const would = command === "scan" || dryRun ? "would be " : "";
  const reasons = countReasons(reports);
  const groups = [
    [left.waiting, "waiting", "wait"],
    [left.skipped, "skipped", "skip"],
    [left.unknown, "unknown", "unknown"],
  ] as const;
  const counts = [
    `${recovered} ${would}recovered`,
    `${failed} ${would}failed`,
    ...groups.flatMap(([number, word, group]) => (number > 0 ? [`${number} ${word} (${reasons(group)})`] : [])),
    ...(errors > 0 ? [pluralize(errors, "error")] : []),
  ];
  return `${pluralize(stuck, "stuck job")}: ${counts.join(", ")}`;
}

/** Counts the entries of each group by reason, the most frequent first. */
function countReasons(reports: readonly Report[]): (group: GroupName) => string {
  const counts = new Map<GroupName, Map<Entry["verdict"]["reason"], number>>();
  for (const { entries } of reports) {
    for (const entry of entries) {
      const ofGroup = counts.get(nameOf(entry)) ?? new Map();
      counts.set(nameOf(entry), ofGroup.set(entry.verdict.reason, (ofGroup.get(entry.verdict.reason) ?? 0) + 1));
    }
  }
  return (group) =>
    [...(counts.get(group) ?? [])]
      .toSorted(([, a], [, b]) => b - a)
      .map(([reason, number]) => `${number} ${reason}`)
      .join(", ");
}
