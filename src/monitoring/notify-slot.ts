import { replaceFile } from "../system/files.ts";
import { pingBodyOfAll } from "./messages.ts";
import { renderAllMetrics } from "./metrics.ts";
import { type BaseResult, notifyAll } from "./notify-runs.ts";
import { type PingTarget, pingEnd } from "./ping.ts";
import type { StateStore, Surroundings } from "./run-result.ts";

/** How the sweeps of a slot ended, whoever did them. */
export interface SlotResult {
  readonly results: readonly BaseResult[];
  /** In one line. */
  readonly total: string;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Reports a slot: one ping, the metrics of all bases, and the changes of each. Never throws. */
export async function reportSlot(
  target: PingTarget | null,
  { results, total, exitCode, durationMs }: SlotResult,
  metrics: StateStore,
  surroundings: Surroundings,
): Promise<void> {
  const body = pingBodyOfAll(
    total,
    results.filter(({ isReported }) => isReported),
  );
  const event = { exitCode, body, durationMs };
  await Promise.all([
    keepMetrics(results, metrics, surroundings),
    // The host that planned the slot has sent its start.
    target === null ? null : pingEnd(target, { end: async () => null }, event, surroundings),
    notifyAll(results, surroundings),
  ]);
}

/** Counts on from what the fleet has counted so far, and writes the textfiles of this host. */
async function keepMetrics(
  results: readonly BaseResult[],
  metrics: StateStore,
  { warn }: Pick<Surroundings, "warn">,
): Promise<void> {
  try {
    const text = renderAllMetrics(
      results.map(({ result }) => result),
      await metrics.read(),
    );
    await metrics.write(text);
    const files = new Set(results.flatMap(({ monitoring }) => monitoring.metricsFile ?? []));
    // node_exporter runs as another user.
    for (const file of files) await replaceFile(file, text, 0o644);
  } catch (error) {
    warn(`the metrics could not be written: ${error instanceof Error ? error.message : error}`);
  }
}
