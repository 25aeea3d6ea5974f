import type { Duration } from "../../../core/domain/job.ts";
import type { DurationStats } from "../../../core/stats/durations.ts";
import type { RecoveryTimes } from "../../../core/stats/stats.ts";
import type { ToJson } from "../../terminal/terminal.ts";
import { VERSION } from "../../version.ts";
import type { StatsReport } from "./report.ts";

/** For scripts: `stuck-jobs/stats@1` (docs/stats.md). */
export function renderStatsJson(
  { stats, journalPath, truncated, requests, monthly, recordUrl }: StatsReport,
  toJson: ToJson,
): string {
  const { since, until, operations, open, recovery, journal, incidents, needsPerson, ...rest } = stats;
  const document = {
    schema: "stuck-jobs/stats@1",
    version: VERSION,
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    truncated,
    requests,
    journal: journal === null ? null : { path: journalPath, ...journal },
    ...rest,
    recovery: recoveryObject(recovery),
    operations: operations.map((each) => ({
      ...each,
      recovery: recoveryObject(each.recovery),
      pace: paceObject(each.pace),
    })),
    incidents: incidents.map(({ from, to, ...each }) => ({
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      ...each,
    })),
    needsPerson: needsPerson.map(({ age, ...each }) => ({
      ...each,
      ageSeconds: seconds(age),
      url: recordUrl?.(each.id) ?? null,
    })),
    monthlyRequests: { airtable: monthly },
    open: open.map(({ id, operation, age, stuck }) => ({ id, operation, ageSeconds: seconds(age), stuck })),
  };
  return `${toJson(document, 2)}\n`;
}

function recoveryObject({ durations, p50, p95 }: RecoveryTimes) {
  return { jobs: durations.length, p50Seconds: seconds(p50), p95Seconds: seconds(p95) };
}

function paceObject(pace: DurationStats | null) {
  if (pace === null) return null;
  const { samples, p50, p99, suggestedThresholds } = pace;
  return {
    samples,
    p50Seconds: seconds(p50),
    p99Seconds: seconds(p99),
    proposal: suggestedThresholds && {
      stuckAfterSeconds: seconds(suggestedThresholds.stuckAfter),
      failAfterSeconds: seconds(suggestedThresholds.failAfter),
    },
  };
}

function seconds(duration: Duration | null): number | null {
  return duration === null ? null : Math.round(duration / 1000);
}
