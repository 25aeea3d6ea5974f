import { Signal } from "./bell.ts";
import type { SweepItem } from "./item.ts";

/**
 * The cases that wait for their probe. They are drawn in turn from the oldest and at random: the oldest should be
 * helped first, but jobs whose probe hangs run after run must not starve the others when the time is short.
 */
export class ProbeQueue {
  readonly #random: () => number;
  readonly #cases: SweepItem[] = [];
  #closed = false;
  #takeOldestNext = true;
  readonly #bell = new Signal();

  constructor(random: () => number) {
    this.#random = random;
  }

  add(cases: readonly SweepItem[]): void {
    // Kept youngest first, so that the oldest is taken off the end.
    this.#cases.push(...cases);
    this.#cases.sort((a, b) => (a.age ?? 0) - (b.age ?? 0));
    this.#bell.notify();
  }

  /** No more will come. */
  close(): void {
    this.#closed = true;
    this.#bell.notify();
  }

  /** Waits for the first case; false when none will come. */
  async waitForFirst(): Promise<boolean> {
    while (this.#cases.length === 0 && !this.#closed) await this.#bell.wait();
    return this.#cases.length > 0;
  }

  /** The next case; null when there is none and none will come. */
  async next(): Promise<SweepItem | null> {
    while (this.#cases.length === 0) {
      if (this.#closed) return null;
      await this.#bell.wait();
    }
    const oldest = this.#takeOldestNext;
    this.#takeOldestNext = !oldest;
    if (oldest) return this.#cases.pop() ?? null;
    const [drawn] = this.#cases.splice(Math.floor(this.#random() * this.#cases.length), 1);
    return drawn ?? null;
  }
}
