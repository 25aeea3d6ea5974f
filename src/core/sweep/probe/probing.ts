import { Signal } from "../concurrency.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import type { ItemOutcome } from "../ledger.ts";
import type { ProbeQueue } from "../probe-queue.ts";

/** The probing of a sweep, which goes on while the listing and the writing do. */
export interface Probing {
  /** Notifies after each item, and at the end. */
  readonly progress: Signal;
  isOver(): boolean;
  /** Returns the outcomes since the last call. */
  takeCompleted(): readonly ItemOutcome[];
  /** Returns all outcomes so far. */
  outcomes(): readonly ItemOutcome[];
  /** Resolves when the queue is closed and empty; rejects with the error that stopped the probing. */
  readonly end: Promise<void>;
}

/** Starts to probe the items of the queue, `concurrency` of them at a time. `probe` returns null to skip an item. */
export function startProbing(
  queue: ProbeQueue,
  probe: (item: SweepItem) => Promise<ItemOutcome | null>,
  run: SweepContext,
): Probing {
  const progress = new Signal();
  const completed: ItemOutcome[] = [];
  let taken = 0;
  let over = false;
  const work = async () => {
    for (let item = await queue.next(); item !== null; item = await queue.next()) {
      const outcome = await probe(item);
      if (outcome === null) continue;
      completed.push(outcome);
      run.observer.probed(completed.length);
      progress.notify();
    }
  };
  const end = Promise.all(Array.from({ length: run.concurrency }, work))
    .then(() => undefined)
    .finally(() => {
      over = true;
      progress.notify();
    });
  // An error of the listing takes precedence; without this one of the probing would be an unhandled rejection meanwhile.
  end.catch(() => undefined);
  return {
    progress,
    isOver: () => over,
    takeCompleted() {
      const fresh = completed.slice(taken);
      taken = completed.length;
      return fresh;
    },
    outcomes: () => completed,
    end,
  };
}
