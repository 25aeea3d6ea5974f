import type { Report } from "../../core/report.ts";
import { count } from "../words.ts";

/**
 * The one plain line for cron and pipes, or nothing when there was nothing to do: cron mails whatever is printed, so
 * only a change or trouble is worth a line. A scan tells that jobs are stuck.
 */
export function renderLine(report: Report): string {
  const { summary, command, dryRun, brake, truncated } = report;
  const { stuck, recovered, failed, errors } = summary;
  const done = recovered + failed + errors > 0 || brake !== null || truncated;
  const worthALine = command === "scan" || dryRun ? stuck > 0 : done;
  return worthALine ? `${summaryLine(report)}\n` : "";
}

/** A report in one line, whatever it tells. */
export function summaryLine(report: Report): string {
  const { summary, command, dryRun, truncated, brake } = report;
  const { stuck, recovered, failed, waiting, skipped, unknown, errors } = summary;
  const would = command === "scan" || dryRun ? "would be " : "";
  const parts = [
    `${recovered} ${would}recovered`,
    `${failed} ${would}failed`,
    ...[
      [waiting, "waiting"] as const,
      [skipped, "skipped"] as const,
      [unknown, "unknown"] as const,
      [errors, errors === 1 ? "error" : "errors"] as const,
    ].flatMap(([number, word]) => (number > 0 ? [`${number} ${word}`] : [])),
  ];
  const held = brake === null ? [] : [`brake held ${brake.map(({ operation }) => operation).join(", ")}`];
  const rest = truncated ? ["truncated: the rest is for the next run"] : [];
  return `stuck-jobs ${command}: ${count(stuck, "stuck job")}: ${[...parts, ...held, ...rest].join(", ")} (run ${report.runId})`;
}
