import { formatDuration, pluralize } from "./format.ts";
import type { Terminal } from "./terminal.ts";

/** Work that is over sooner needs no progress line. */
const SHOW_AFTER_MS = 1_000;
const EVERY_MS = 100;

/** How far the probing has come. */
export interface Progress {
  listed(number: number): void;
  probed(number: number): void;
}

/** Tells on an interactive stderr how far the probing has come; elsewhere nothing. */
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

/** The parts of one progress, for sweeps side by side. */
export function splitProgress(whole: Progress): () => Progress {
  const sum = { listed: 0, probed: 0 };
  return () => {
    const own = { listed: 0, probed: 0 };
    const tell = (what: keyof typeof sum) => (number: number) => {
      sum[what] += number - own[what];
      own[what] = number;
      whole[what](sum[what]);
    };
    return { listed: tell("listed"), probed: tell("probed") };
  };
}

/** How many of the jobs found so far were probed, how fast, and how long the rest takes at that pace. `elapsed` in ms. */
export function progressLine(done: number, found: number, elapsed: number): string {
  const perSecond = done / (elapsed / 1000);
  const rate = perSecond === 0 ? [] : [`${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`];
  const left =
    done === 0 || done >= found ? [] : [`${formatDuration(Math.ceil((found - done) / perSecond) * 1000)} left`];
  return [`probed ${done} of ${pluralize(found, "stuck job")}`, ...rate, ...left].join(", ");
}
