import { pluralize } from "../../core/domain/plural.ts";
import type { Report, Summary } from "../../core/domain/report.ts";

/**
 * Renders the one plain line for cron and pipes, or nothing where there was nothing to do: cron mails whatever is printed, so
 * only a change or a failure gets a line. A scan reports that jobs are stuck.
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
  const { summary, truncated, brake } = report;
  const held = brake === null ? [] : [`brake held ${brake.map(({ operation }) => operation).join(", ")}`];
  const rest = truncated ? ["truncated: the rest is for the next run"] : [];
  return `${pluralize(summary.stuck, "stuck job")}: ${[...countsIn(summary, report), ...held, ...rest].join(", ")} (run ${report.runId})`;
}

/** Counts the jobs by outcome. */
export function countsIn(summary: Summary, { command, dryRun }: Pick<Report, "command" | "dryRun">): readonly string[] {
  const { recovered, failed, waiting, skipped, unknown, errors } = summary;
  const would = command === "scan" || dryRun ? "would be " : "";
  return [
    `${recovered} ${would}recovered`,
    `${failed} ${would}failed`,
    ...[
      [waiting, "waiting"] as const,
      [skipped, "skipped"] as const,
      [unknown, "unknown"] as const,
      [errors, errors === 1 ? "error" : "errors"] as const,
    ].flatMap(([number, word]) => (number > 0 ? [`${number} ${word}`] : [])),
  ];
}
