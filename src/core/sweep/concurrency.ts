/**
 * Calls `work` for each item in order, for `width` of them at a time. After an error no further one is started; those
 * under way are awaited before it is thrown.
 */
export async function forEachConcurrent<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const rest = items.entries();
  const failures: unknown[] = [];
  const worker = async () => {
    for (const [index, item] of rest) {
      try {
        await work(item, index);
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failures.length > 0) throw failures[0];
}

/** Runs tasks in sequence, each started when the one before is nearly done: two are under way at most. */
export interface Pipeline {
  /**
   * Starts `work`, and resolves when the next may be started: when `work` calls `startNext`, at the latest when it is
   * done, and never before the previous one is. Throws the first error of any of them, when none is under way any more.
   */
  begin(work: (startNext: () => void) => Promise<void>): Promise<void>;
  /** Resolves when all are done. Throws the first error of any of them. */
  done(): Promise<void>;
}

/** Creates a pipeline with nothing under way. */
export function createPipeline(): Pipeline {
  const failures: unknown[] = [];
  let before: Promise<void> = Promise.resolve();
  const done = async () => {
    await before;
    if (failures.length > 0) throw failures[0];
  };
  return {
    async begin(work) {
      if (failures.length > 0) await done();
      const earlier = before;
      await new Promise<void>((resolve) => {
        before = work(resolve)
          .catch((error: unknown) => void failures.push(error))
          .finally(resolve);
      });
      await earlier;
      if (failures.length > 0) await done();
    },
    done,
  };
}

/** A reusable signal: `notify` resolves every pending `wait`. */
export class Signal {
  #pending: (() => void)[] = [];

  notify(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const resolve of pending) resolve();
  }

  wait(): Promise<void> {
    return new Promise((resolve) => this.#pending.push(resolve));
  }
}
