import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { Report } from "../../core/domain/report.ts";
import type { Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CombinedOutcome } from "../outcome.ts";
import type { Format } from "../render/print-report.ts";
import type { Configured } from "../settings/select-bases.ts";
import type { RunStatus } from "./interval-loop.ts";
import { type RunResult, runOnce } from "./run-base.ts";
import { runMany } from "./run-bases.ts";
import type { Shutdown } from "./signals.ts";

/** The outcome of a run over one base or all. */
export interface ConfiguredRun {
  readonly code: ExitCode;
  readonly status: RunStatus;
  /** Of the bases whose listing was finished. */
  readonly reports: readonly BaseReport[];
}

/** The report of a base, with its settings. */
export interface BaseReport {
  readonly report: Report;
  readonly settings: Settings;
}

/** Runs one sweep of the configured base, or of every base of the list. */
export async function runConfigured(
  invocation: Invocation,
  { bases, isList }: Configured,
  format: Format,
  stop: Shutdown,
): Promise<ConfiguredRun> {
  const { fleet } = bases[0];
  if (fleet !== null && isPlanned(invocation)) {
    const { runFleet } = await import("./fleet/run-fleet.ts");
    return toRun(await runFleet(invocation, bases, fleet, format, stop));
  }
  if (!isList) {
    const ran = await runOnce(invocation, bases[0], format, stop);
    const report = ran === "locked" ? null : ran.report;
    return {
      code: ran === "locked" ? EXIT.locked : ran.code,
      status: statusOf(ran),
      reports: report === null ? [] : [{ report, settings: bases[0] }],
    };
  }
  if (invocation.flags.confirm) {
    throw new ConfigError([{ path: "--confirm", message: "found several bases; expected one, chosen with --base" }]);
  }
  return toRun(await runMany(invocation, bases, format, stop));
}

/**
 * Checks that a sweep of a fleet's schedule is for all bases: a host that plans a slot plans it for every host.
 *
 * @throws ConfigError where the environment of this host selects one base
 */
export function requireWholeFleet(invocation: Invocation, { bases }: Configured): void {
  const [{ fleet, base }] = bases;
  if (fleet === null || base === null || bases.length === base.all.length || !isPlanned(invocation)) return;
  const message =
    "selects one base, but the hosts of a fleet sweep all; unset it, or use --base for a run of this host alone";
  throw new ConfigError([{ path: "AIRTABLE_BASE_ID", message }]);
}

function toRun({ code, ended }: CombinedOutcome): ConfiguredRun {
  const statuses = ended.map(({ outcome }) => statusOf(outcome ?? "locked"));
  // One failing base is no reason to sweep the others less often.
  return {
    code,
    status: statuses.find((each) => each === "ok") ?? statuses.find((each) => each === "failed") ?? "skipped",
    reports: ended.flatMap(({ outcome, settings }) => {
      const report = outcome?.report ?? null;
      return report === null ? [] : [{ report, settings }];
    }),
  };
}

function statusOf(ran: RunResult): RunStatus {
  if (ran === "locked") return "skipped";
  return ran.fault !== null || ran.code === EXIT.unavailable ? "failed" : "ok";
}

/** Whether a run is a sweep of the schedule, which the hosts of a fleet share. Any flag that changes it makes it one's own. */
export function isPlanned({ command, flags, confirm }: Invocation): boolean {
  const { dryRun, force, fail, limit, job, operation, olderThan, failAfter, maxAge, base, via } = flags;
  const own = [limit, job, operation, olderThan, failAfter, maxAge, base, via, flags.concurrency, flags.journal];
  const isOwn = dryRun === true || force === true || fail === false || flags.confirm === true || confirm !== undefined;
  return command === "recover" && !isOwn && own.every((value) => value === undefined);
}
