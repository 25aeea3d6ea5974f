/**
 * Works on the items in their order, `width` of them at a time. After a failure no further one is begun; those under
 * way are seen to their end before it is thrown.
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

/** Work that follows on work: each is begun when the one before is nearly done, so that two are under way at most. */
export interface Pipeline {
  /**
   * Begins `work`, and resolves when the next may be begun: when `work` calls `nearlyDone`, at the latest when it is
   * done, and never before the one before it is. Throws what any of them threw, when none is under way any more.
   */
  begin(work: (startNext: () => void) => Promise<void>): Promise<void>;
  /** Resolves when all is done. Throws what any of them threw. */
  done(): Promise<void>;
}

/** Nothing is under way at first. */
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
