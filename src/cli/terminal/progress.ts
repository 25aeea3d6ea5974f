import { pluralize } from "../../core/domain/plural.ts";
import { formatDuration } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Shorter work shows no progress line. */
const SHOW_AFTER_MS = 1_000;
const EVERY_MS = 100;

/** Counts of listed and probed jobs. */
export interface Progress {
  listed(number: number): void;
  probed(number: number): void;
}

/** Shows the progress of the probing on an interactive stderr; elsewhere nothing. */
export function startProgress(terminal: Terminal, quiet: boolean): Progress & { stop(): void } {
  const startedAt = Date.now();
  let found = 0;
  let done = 0;
  const show = () => {
    const elapsed = Date.now() - startedAt;
    if (elapsed >= SHOW_AFTER_MS) terminal.progress(progressLine(done, found, elapsed));
  };
  const timer = terminal.interactive && !quiet ? setInterval(show, EVERY_MS) : null;
  timer?.unref();
  return {
    listed(number: number) {
      found = number;
    },
    probed(number: number) {
      done = number;
    },
    stop() {
      if (timer !== null) clearInterval(timer);
    },
  };
}

/** Splits one progress into parts for concurrent sweeps. */
export function splitProgress(whole: Progress): () => Progress {
  const sum = { listed: 0, probed: 0 };
  return () => {
    const own = { listed: 0, probed: 0 };
    const report = (what: keyof typeof sum) => (number: number) => {
      sum[what] += number - own[what];
      own[what] = number;
      whole[what](sum[what]);
    };
    return { listed: report("listed"), probed: report("probed") };
  };
}

/** Returns the progress line: how many jobs were probed, the rate, and the time left at that rate. `elapsed` in ms. */
export function progressLine(done: number, found: number, elapsed: number): string {
  const perSecond = done / (elapsed / 1000);
  const rate = perSecond === 0 ? [] : [`${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`];
  const left =
    done === 0 || done >= found ? [] : [`${formatDuration(Math.ceil((found - done) / perSecond) * 1000)} left`];
  return [`probed ${done} of ${pluralize(found, "stuck job")}`, ...rate, ...left].join(", ");
}
