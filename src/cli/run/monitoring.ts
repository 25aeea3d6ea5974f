import type { Settings } from "../../config/settings.ts";
import type { Instant } from "../../core/domain/job.ts";
import { JournalError, UpstreamError } from "../../core/ports/errors.ts";
import type { Outage, RunResult } from "../../monitoring/run-result.ts";
import { systemClock } from "../../system/clock.ts";
import { newId } from "../../system/ids.ts";
import { EXIT, nothingDecided } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import { summaryLine } from "../render/line.ts";
import { VERSION } from "../version.ts";
import type { Shutdown } from "./signals.ts";
import type { Outcome } from "./sweep-once.ts";

/** Those who watch, as a run tells them. */
export interface Watching {
  finished(outcome: Outcome): Promise<void>;
  /** After a fault of the program, which is thrown on. */
  crashed(error: unknown): Promise<void>;
}

/** Tells those who watch that a run begins; null where nobody does. What tells them is loaded only then. */
export async function startMonitoring(
  { command, env, terminal }: Invocation,
  settings: Settings,
  stop: Shutdown,
): Promise<Watching | null> {
  const { monitoring } = settings;
  if (monitoring.metricsFile === null && monitoring.pingUrl === null && monitoring.notifyUrl === null) return null;
  const { monitorRun: watchRun } = await import("../../monitoring/notify-run.ts");
  const startedAt = systemClock.now();
  const watch = watchRun(monitoring, {
    env,
    clock: systemClock,
    signal: stop.signal,
    redact: (text) => terminal.redact(text),
    warn: (message) => terminal.log(message, "warn"),
  });
  return {
    async finished(outcome) {
      const { report, fault, code } = outcome;
      const failed = fault === null ? `stopped, exit code ${code}` : fault.message;
      const summary = report === null ? `stuck-jobs ${command}: ${failed}` : summaryLine(report);
      await watch.finished(resultOf(outcome, settings, stop), summary);
    },
    async crashed(error) {
      await watch.finished(
        resultOf(crashOutcome(startedAt, systemClock.now()), settings, stop),
        `stuck-jobs ${command}: a fault of the program: ${error}`,
      );
    },
  };
}

/** What came of a run that ended by a fault of the program. */
export function crashOutcome(startedAt: Instant, finishedAt: Instant): Outcome {
  return {
    runId: newId(),
    startedAt,
    finishedAt,
    requests: { airtable: 0, storage: 0, provider: 0 },
    report: null,
    fault: null,
    code: EXIT.fault,
  };
}

/** The run as those who watch are told of it. */
export function resultOf(outcome: Outcome, settings: Settings, stop: Shutdown): RunResult {
  const { runId, startedAt, finishedAt, requests, report, code } = outcome;
  return {
    runId,
    baseId: settings.airtable.baseId,
    otherBases: settings.base?.others ?? [],
    version: VERSION,
    operations: settings.operations.map(({ name }) => name),
    startedAt,
    finishedAt,
    requests,
    report,
    trouble: troubleOf(outcome, settings),
    stopped: stop.code() !== null,
    exitCode: code,
  };
}

function troubleOf({ report, fault }: Outcome, { storage }: Settings): Outage | null {
  if (fault instanceof JournalError) return { need: "journal", detail: fault.message };
  if (fault instanceof UpstreamError) return { need: "Airtable", detail: fault.message };
  if (fault !== null) return { need: "storage", detail: fault.message };
  if (report === null || !nothingDecided(report)) return null;
  return { need: "storage", detail: `${storage.baseUrl} gave no answer for any job` };
}
