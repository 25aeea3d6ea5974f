import type { Clock } from "../../src/core/ports/ports.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Many times what the busiest history takes: one that takes more goes round in circles. */
const MOST_TURNS = 30_000;

/** A history that goes round in circles. */
export class Endless extends Error {}

/** The world's time. It moves only when nothing is left to do at the present moment. */
export class SimClock {
  #now: number;
  /** Kept with the next one last. */
  #timers: Timer[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Runs something later; gives back how to call it off. */
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), run };
    const index = this.#timers.findLastIndex(({ at }) => at > timer.at);
    this.#timers.splice(index + 1, 0, timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      });
      signal?.addEventListener("abort", stop, { once: true });
    });
  }

  /** The clock as a machine has it that is `skew` ms ahead. */
  seenBy(skew: number): Clock {
    return { now: () => this.#now + skew, sleep: (ms, signal) => this.sleep(ms, signal) };
  }

  /** Lets time pass until `done`, or until there is nothing to wait for. */
  async run(done: () => boolean): Promise<void> {
    for (let turns = 0; ; turns += 1) {
      if (turns > MOST_TURNS) throw new Endless(`nothing came to its end in ${MOST_TURNS} turns`);
      await settled();
      if (done()) return;
      const next = this.#timers.pop();
      if (next === undefined) return;
      this.#now = next.at;
      next.run();
    }
  }
}

/** All that can happen without time passing has happened: the world does no real input or output. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
