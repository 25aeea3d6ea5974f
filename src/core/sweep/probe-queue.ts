import { Signal } from "./concurrency.ts";
import type { SweepItem } from "./item.ts";

/**
 * The queue of items to probe. Alternates between the oldest and a random item, so that old jobs whose probes keep
 * timing out cannot starve the rest.
 */
export class ProbeQueue {
  readonly #random: () => number;
  /** Oldest first; null where one was taken, since taking it out would move all that follow. */
  #items: (SweepItem | null)[] = [];
  /** The place of the oldest. */
  #first = 0;
  #left = 0;
  /** The least age that was added. */
  #youngest = Number.POSITIVE_INFINITY;
  readonly #changed = new Signal();
  #closed = false;
  #takeOldestNext = true;

  constructor(random: () => number) {
    this.#random = random;
  }

  add(items: readonly SweepItem[]): void {
    const added = items.toSorted(byAge);
    const [oldest] = added;
    // As a rule a listing goes on where its last page ended: then there is nothing to sort again.
    if (oldest !== undefined && ageOf(oldest) > this.#youngest) {
      this.#items = [...this.#waiting(), ...added].sort(byAge);
      this.#first = 0;
    } else this.#items.push(...added);
    this.#left += added.length;
    this.#youngest = added.reduce((least, item) => Math.min(least, ageOf(item)), this.#youngest);
    this.#changed.notify();
  }

  /** Declares that no more items will be added. */
  close(): void {
    this.#closed = true;
    this.#changed.notify();
  }

  /** Returns the next item, once there is one; null when the queue is closed and empty. */
  async next(): Promise<SweepItem | null> {
    while (this.#left === 0) {
      if (this.#closed) return null;
      await this.#changed.wait();
    }
    const item = this.#takeFrom(this.#takeOldestNext ? this.#first : this.#drawPlace());
    this.#takeOldestNext = !this.#takeOldestNext;
    return item;
  }

  #waiting(): readonly SweepItem[] {
    return this.#items.filter((item) => item !== null);
  }

  #drawPlace(): number {
    if (this.#items.length - this.#first > 2 * this.#left) {
      this.#items = [...this.#waiting()];
      this.#first = 0;
    }
    return this.#first + Math.floor(this.#random() * (this.#items.length - this.#first));
  }

  /** Takes the first item from a place on; behind the last the oldest follows. */
  #takeFrom(place: number): SweepItem | null {
    let at = place;
    while (this.#items[at] === null) at += 1;
    if (at >= this.#items.length) at = this.#first;
    const item = this.#items[at] ?? null;
    this.#items[at] = null;
    this.#left -= 1;
    while (this.#items[this.#first] === null) this.#first += 1;
    return item;
  }
}

function byAge(one: SweepItem, other: SweepItem): number {
  return ageOf(other) - ageOf(one);
}

function ageOf({ age }: SweepItem): number {
  return age ?? 0;
}
