import type { SweepItem } from "../item.ts";

/** The items that are ready to be written, by the table of their target, so that each batch costs two reads. */
export class ReadyQueue {
  readonly #batchSize: number;
  readonly #byTable = new Map<string, Set<SweepItem>>();
  readonly #taken = new Set<SweepItem>();

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** Adds an item; one that was taken out before is not added again. */
  add(item: SweepItem): void {
    const { candidate } = item;
    if (candidate === null || this.#taken.has(item)) return;
    const { table } = candidate.operation.target;
    const waiting = this.#byTable.get(table) ?? new Set();
    this.#byTable.set(table, waiting.add(item));
  }

  isEmpty(): boolean {
    return this.#byTable.size === 0;
  }

  /** Takes out a full batch or, with `partial`, what there is; null where there is none. */
  take({ partial }: { readonly partial: boolean }): readonly SweepItem[] | null {
    for (const [table, waiting] of this.#byTable) {
      if (!partial && waiting.size < this.#batchSize) continue;
      const batch: SweepItem[] = [];
      for (const item of waiting) {
        if (batch.length === this.#batchSize) break;
        batch.push(item);
        waiting.delete(item);
        this.#taken.add(item);
      }
      if (waiting.size === 0) this.#byTable.delete(table);
      return batch;
    }
    return null;
  }
}
