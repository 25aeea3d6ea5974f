import type { MonitoringSettings } from "../config/resolve/monitoring.ts";
import { pingBodyOfAll } from "./messages.ts";
import { notify, pingEnd, pingStart, type Start, type Surroundings, writeMetrics } from "./notify-run.ts";
import type { RunResult } from "./run-result.ts";

/** What came of one base. */
export interface BaseResult {
  readonly monitoring: MonitoringSettings;
  readonly result: RunResult;
  /** In one line. */
  readonly summary: string;
  /** Whether the body of the ping is to tell of it. */
  readonly isTold: boolean;
}

/** Those who watch the sweeps of several bases. */
export interface WatchAll {
  /** The first base is being swept; told as often as one likes. */
  begun(): void;
  /** Tells them what came of all; `total` is one line. Never throws: monitoring must not make a run fail. */
  finished(results: readonly BaseResult[], total: string, exitCode: number): Promise<void>;
}

/** One ping for all, the metrics of all in their files, and the changes of each base as of a run of its own. */
export function monitorRuns(pingUrl: string | null, surroundings: Surroundings): WatchAll {
  let start: Start | null = null;
  return {
    begun() {
      if (pingUrl !== null) start ??= pingStart(pingUrl, surroundings);
    },
    async finished(results, total, exitCode) {
      const told = pingBodyOfAll(
        total,
        results.filter(({ isTold }) => isTold),
      );
      await Promise.all([
        keepAllMetrics(results, surroundings),
        pingUrl === null || start === null ? null : pingEnd(pingUrl, start, exitCode, told, surroundings),
        notifyAll(results, surroundings),
      ]);
    },
  };
}

async function keepAllMetrics(results: readonly BaseResult[], surroundings: Surroundings): Promise<void> {
  const files = new Map<string, RunResult[]>();
  for (const { monitoring, result } of results) {
    if (monitoring.metricsFile === null) continue;
    files.set(monitoring.metricsFile, [...(files.get(monitoring.metricsFile) ?? []), result]);
  }
  await Promise.all([...files].map(([file, its]) => writeMetrics(file, its, surroundings)));
}

/** One after the other, as chats have limits too. Who takes nothing is not tried for the further bases: it would take minutes. */
async function notifyAll(results: readonly BaseResult[], surroundings: Surroundings): Promise<void> {
  const deaf = new Set<string>();
  for (const { monitoring, result } of results) {
    const { notifyUrl: url, failuresOver } = monitoring;
    if (url === null) continue;
    const taken = await notify(deaf.has(url) ? null : url, failuresOver, result, surroundings);
    if (!taken) deaf.add(url);
  }
}
