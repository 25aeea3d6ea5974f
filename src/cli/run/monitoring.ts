import { randomUUID } from "node:crypto";
import type { Settings } from "../../config/settings.ts";
import type { Instant } from "../../core/domain/job.ts";
import { storeName } from "../../core/domain/report.ts";
import { JournalError, UpstreamError } from "../../core/ports/errors.ts";
import { isMonitored, monitorRun } from "../../monitoring/notify-run.ts";
import { type BaseResult, monitorRuns } from "../../monitoring/notify-runs.ts";
import { pingTargetOf } from "../../monitoring/ping.ts";
import type { Outage, RunResult } from "../../monitoring/run-result.ts";
import { systemClock } from "../../system/clock.ts";
import { type Invocation, mayWrite } from "../context.ts";
import { EXIT, exitCodeOfAll, nothingDecided } from "../exit-codes.ts";
import { type CombinedOutcome, storageUrls } from "../outcome.ts";
import { summaryLine } from "../render/line.ts";
import { totalLine } from "../render/total.ts";
import { VERSION } from "../version.ts";
import type { Shutdown } from "./signals.ts";
import type { Outcome } from "./sweep-once.ts";

/** Reports one run to the configured monitoring: metrics file, pings, notifications. */
export interface RunMonitor {
  finished(outcome: Outcome): Promise<void>;
  /** Reports an internal error, which the caller throws on. */
  crashed(error: unknown): Promise<void>;
}

/** Reports that a run of one base starts; null where no monitoring is configured. */
export function startMonitoring(invocation: Invocation, settings: Settings, stop: Shutdown): RunMonitor | null {
  const { monitoring } = settings;
  if (!mayWrite(invocation) || !isMonitored(monitoring)) return null;
  const startedAt = systemClock.now();
  const monitor = monitorRun(monitoring, monitorDeps(invocation, stop));
  return {
    async finished(outcome) {
      const { report, fault, code } = outcome;
      const failure = fault === null ? `stopped, exit code ${code}` : fault.message;
      const summary = report === null ? `stuck-jobs ${invocation.command}: ${failure}` : summaryLine(report);
      await monitor.finished(resultOf(outcome, settings, stop), summary);
    },
    async crashed(error) {
      await monitor.finished(
        resultOf(crashOutcome(startedAt, systemClock.now()), settings, stop),
        `stuck-jobs ${invocation.command}: internal error: ${error}`,
      );
    },
  };
}

/** Reports a run over several bases. */
export interface RunsMonitor {
  /** Called for each base whose sweep starts. */
  begun(): void;
  finished(total: CombinedOutcome): Promise<void>;
}

/** Prepares the report of a run over several bases; null where no monitoring is configured. */
export function startMonitoringAll(
  invocation: Invocation,
  bases: readonly [Settings, ...Settings[]],
  stop: Shutdown,
): RunsMonitor | null {
  if (!mayWrite(invocation) || !bases.some(({ monitoring }) => isMonitored(monitoring))) return null;
  const monitor = monitorRuns(pingTargetOf(bases[0].monitoring), monitorDeps(invocation, stop));
  return {
    begun: monitor.begun,
    async finished(total) {
      // A base locked by another run is reported by that run.
      const ended = total.ended.filter(({ code }) => code !== EXIT.locked);
      const results = ended.map((each): BaseResult => {
        const outcome = each.outcome ?? crashOutcome(total.startedAt, total.finishedAt);
        const { report } = outcome;
        const { name } = each.base;
        return {
          monitoring: each.settings.monitoring,
          result: resultOf(outcome, each.settings, stop),
          summary:
            report === null
              ? `stuck-jobs ${invocation.command}: ${name}: ${each.fault}`
              : `${name}: ${summaryLine(report)}`,
          isReported: each.fault !== null || (report?.entries.length ?? 0) > 0,
        };
      });
      const code = exitCodeOfAll(ended.map((each) => each.code));
      await monitor.finished(results, `${totalLine(total)}, exit code ${code}`, code);
    },
  };
}

/** Returns what monitoring needs of the program around it. */
export function monitorDeps({ env, terminal }: Invocation, stop: Shutdown) {
  return {
    env,
    clock: systemClock,
    signal: stop.signal,
    redact: (text: string) => terminal.redact(text),
    warn: (message: string) => terminal.log(message, "warn"),
  };
}

/** The outcome of a run that an internal error ended. */
export function crashOutcome(startedAt: Instant, finishedAt: Instant): Outcome {
  return {
    runId: randomUUID(),
    startedAt,
    finishedAt,
    requests: { airtable: 0, storage: 0, provider: 0 },
    report: null,
    fault: null,
    code: EXIT.internalError,
  };
}

/** Returns what monitoring gets of an outcome. */
export function resultOf(outcome: Outcome, settings: Settings, stop: Shutdown): RunResult {
  const { runId, startedAt, finishedAt, requests, report, code } = outcome;
  return {
    runId,
    baseId: settings.store.baseId,
    allBases: settings.base?.all ?? [],
    version: VERSION,
    operations: settings.operations.map(({ name }) => name),
    startedAt,
    finishedAt,
    requests,
    report,
    trouble: outageOf(outcome, settings),
    stopped: stop.code() !== null,
    exitCode: code,
  };
}

function outageOf({ report, fault }: Outcome, settings: Settings): Outage | null {
  if (fault instanceof JournalError) return { need: "journal", detail: fault.message };
  if (fault instanceof UpstreamError) return { need: storeName(settings.store.kind), detail: fault.message };
  if (fault !== null) return { need: "storage", detail: fault.message };
  if (report === null || !nothingDecided(report)) return null;
  return { need: "storage", detail: `${storageUrls(settings)} gave no answer for any job` };
}
