import type { SweepItem } from "../item.ts";

/** The cases by what is to receive their output: several may be for one field of one record. */
export class ItemsByTarget {
  /** By field, then by record; mostly there is but one. */
  readonly #cases = new Map<string, Map<string, SweepItem | SweepItem[]>>();

  /** Takes a case whose target is known; it may be one that was taken before. */
  add(item: SweepItem): void {
    const { target } = item;
    if (target === null) return;
    const field = JSON.stringify([target.table, target.field]);
    const ofField = this.#cases.get(field) ?? new Map<string, SweepItem | SweepItem[]>();
    this.#cases.set(field, ofField);
    const there = ofField.get(target.id);
    if (there === undefined) ofField.set(target.id, item);
    else if (!Array.isArray(there)) ofField.set(target.id, there === item ? item : [there, item]);
    else if (!there.includes(item)) there.push(item);
  }

  /** All for the same field of the same record, itself among them. */
  of(item: SweepItem): readonly SweepItem[] {
    const { target } = item;
    const there =
      target === null ? undefined : this.#cases.get(JSON.stringify([target.table, target.field]))?.get(target.id);
    return Array.isArray(there) ? there : [item];
  }

  /** Wherever there are several for one field of one record. */
  *groups(): Iterable<readonly SweepItem[]> {
    for (const ofField of this.#cases.values()) {
      for (const there of ofField.values()) if (Array.isArray(there)) yield there;
    }
  }
}
