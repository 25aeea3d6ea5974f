import { Signal } from "./concurrency.ts";
import type { SweepItem } from "./item.ts";

/**
 * The queue of items to probe. Alternates between the oldest and a random item, so that old jobs whose probes keep
 * timing out cannot starve the rest.
 */
export class ProbeQueue {
  readonly #random: () => number;
  readonly #items: SweepItem[] = [];
  readonly #changed = new Signal();
  #closed = false;
  #takeOldestNext = true;

  constructor(random: () => number) {
    this.#random = random;
  }

  add(items: readonly SweepItem[]): void {
    // Youngest first, so that the oldest is taken off the end.
    this.#items.push(...items);
    this.#items.sort((a, b) => (a.age ?? 0) - (b.age ?? 0));
    this.#changed.notify();
  }

  /** Declares that no more items will be added. */
  close(): void {
    this.#closed = true;
    this.#changed.notify();
  }

  /** Returns the next item, once there is one; null when the queue is closed and empty. */
  async next(): Promise<SweepItem | null> {
    while (this.#items.length === 0) {
      if (this.#closed) return null;
      await this.#changed.wait();
    }
    const oldest = this.#takeOldestNext;
    this.#takeOldestNext = !oldest;
    if (oldest) return this.#items.pop() ?? null;
    const [drawn] = this.#items.splice(Math.floor(this.#random() * this.#items.length), 1);
    return drawn ?? null;
  }
}
