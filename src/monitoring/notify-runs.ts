import type { MonitoringSettings } from "../config/resolve/monitoring.ts";
import { groupBy } from "../core/domain/lists.ts";
import { pingBodyOfAll } from "./messages.ts";
import { channelsOf, notify, writeMetrics } from "./notify-run.ts";
import { type PingTarget, pingEnd, pingStart, type Start } from "./ping.ts";
import type { RunResult, Surroundings } from "./run-result.ts";

/** The result of one base. */
export interface BaseResult {
  readonly monitoring: MonitoringSettings;
  readonly result: RunResult;
  /** In one line. */
  readonly summary: string;
  /** Whether the body of the ping has a part about it. */
  readonly isReported: boolean;
}

/** The monitoring of one run over several bases. */
export interface WatchAll {
  /** Called when a base is being swept; only the first call has an effect. */
  begun(): void;
  /** Reports all results; `total` is one line. Never throws: monitoring must not make a run fail. */
  finished(results: readonly BaseResult[], total: string, exitCode: number): Promise<void>;
}

/** Reports several bases: one ping for all, the metrics in their files, and the changes of each base by itself. */
export function monitorRuns(target: PingTarget | null, surroundings: Surroundings): WatchAll {
  let start: Start | null = null;
  const startedAt = surroundings.clock.now();
  return {
    begun() {
      if (target !== null) start ??= pingStart(target, surroundings);
    },
    async finished(results, total, exitCode) {
      const body = pingBodyOfAll(
        total,
        results.filter(({ isReported }) => isReported),
      );
      const event = { exitCode, body, durationMs: surroundings.clock.now() - startedAt };
      await Promise.all([
        keepAllMetrics(results, surroundings),
        target === null || start === null ? null : pingEnd(target, start, event, surroundings),
        notifyAll(results, surroundings),
      ]);
    },
  };
}

async function keepAllMetrics(results: readonly BaseResult[], surroundings: Surroundings): Promise<void> {
  const files = groupBy(results, ({ monitoring }) => monitoring.metricsFile);
  const written = [...files].map(async ([file, its]) => {
    if (file === null) return;
    await writeMetrics(
      file,
      its.map(({ result }) => result),
      surroundings,
    );
  });
  await Promise.all(written);
}

/** Notifies one after the other, as chats have rate limits. An address that failed is not tried for further bases. */
export async function notifyAll(results: readonly BaseResult[], surroundings: Surroundings): Promise<void> {
  const failing = new Set<string>();
  for (const { monitoring, result } of results) {
    const channels = channelsOf(monitoring);
    if (channels.length === 0) continue;
    for (const address of await notify(channels, failing, monitoring.failuresOver, result, surroundings))
      failing.add(address);
  }
}
