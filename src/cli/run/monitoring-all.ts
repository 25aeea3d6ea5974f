import type { Settings } from "../../config/settings.ts";
import type { BaseResult } from "../../monitoring/notify-runs.ts";
import { systemClock } from "../../system/clock.ts";
import { EXIT, exitCodeOfAll } from "../exit-codes.ts";
import type { Invocation } from "../invocation.ts";
import type { BaseOutcome, CombinedOutcome } from "../outcome.ts";
import { summaryLine } from "../render/line.ts";
import { totalLine } from "../render/total.ts";
import { crashOutcome, resultOf } from "./monitoring.ts";
import type { Shutdown } from "./signals.ts";

/** Those who watch, as the sweeps of several bases tell them. */
export interface WatchingAll {
  /** A base is being swept. */
  begun(): void;
  finished(total: CombinedOutcome): Promise<void>;
}

/** Null where nobody watches. What tells them is loaded only where somebody does. */
export async function startMonitoringAll(
  { command, env, terminal }: Invocation,
  bases: readonly [Settings, ...Settings[]],
  stop: Shutdown,
): Promise<WatchingAll | null> {
  const { pingUrl } = bases[0].monitoring;
  const isWatched = bases.some(({ monitoring }) => monitoring.metricsFile !== null || monitoring.notifyUrl !== null);
  if (pingUrl === null && !isWatched) return null;
  const { monitorRuns: watchAll } = await import("../../monitoring/notify-runs.ts");
  const watch = watchAll(pingUrl, {
    env,
    clock: systemClock,
    signal: stop.signal,
    redact: (text) => terminal.redact(text),
    warn: (message) => terminal.log(message, "warn"),
  });
  return {
    begun: watch.begun,
    async finished(total) {
      // A base that another run is at is that run's to tell of.
      const ended = total.ended.filter(({ code }) => code !== EXIT.locked);
      const results = ended.map((each): BaseResult => {
        const outcome = each.outcome ?? crashOutcome(total.startedAt, total.finishedAt);
        const { report } = outcome;
        const name = each.base.name;
        return {
          monitoring: each.settings.monitoring,
          result: resultOf(outcome, each.settings, stop),
          summary:
            report === null ? `stuck-jobs ${command}: ${name}: ${each.fault}` : `${name}: ${summaryLine(report)}`,
          isTold: isTold(each),
        };
      });
      const code = exitCodeOfAll(ended.map((each) => each.code));
      await watch.finished(results, `${totalLine(total)}, exit code ${code}`, code);
    },
  };
}

function isTold({ outcome, fault }: BaseOutcome): boolean {
  return fault !== null || (outcome?.report?.entries.length ?? 0) > 0;
}
