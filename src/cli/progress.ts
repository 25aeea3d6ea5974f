import type { Terminal } from "./terminal.ts";

/** Work that is over sooner needs no progress line. */
const SHOW_AFTER_MS = 1_000;
const EVERY_MS = 100;

/** Tells on an interactive stderr how far the probing has come; elsewhere nothing. */
export function startProgress(terminal: Terminal, quiet: boolean) {
  const startedAt = Date.now();
  let found = 0;
  let done = 0;
  const show = () => {
    if (Date.now() - startedAt < SHOW_AFTER_MS) return;
    const rate = done / ((Date.now() - startedAt) / 1000);
    const left = rate > 0 && found > done ? `, ${Math.ceil((found - done) / rate)} s left` : "";
    terminal.progress(`probed ${done} of ${found} stuck jobs, ${rate.toFixed(0)}/s${left}`);
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
