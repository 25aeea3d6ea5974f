import type { Duration } from "../../domain/job.ts";
import type { Target } from "../../domain/target.ts";
import type { SweepItem } from "../item.ts";
import type { ItemResult } from "../ledger.ts";

/** The items by the field, or by the record, that receives their output: several may be for one of them. */
export class ItemsByTarget {
  readonly #items = new Map<string, SweepItem[]>();
  readonly #keyOf: (target: Target) => string;

  constructor(keyOf: (target: Target) => string = targetKey) {
    this.#keyOf = keyOf;
  }

  /** Adds an item whose target is known; one that was added before stays. */
  add(item: SweepItem, target: Target | null): void {
    if (target === null) return;
    const key = this.#keyOf(target);
    const group = this.#items.get(key);
    if (group === undefined) this.#items.set(key, [item]);
    else if (!group.includes(item)) group.push(item);
  }

  /** Returns the item and all others that share its target. */
  sharing(item: SweepItem, target: Target | null): readonly SweepItem[] {
    return (target === null ? undefined : this.#items.get(this.#keyOf(target))) ?? [item];
  }

  /** Returns the groups of items that share a target. */
  groups(): readonly (readonly SweepItem[])[] {
    return [...this.#items.values()].filter(({ length }) => length > 1);
  }
}

/** Returns a text that is the same for the same field of the same record. */
export function targetKey({ table, id, field }: Target): string {
  return JSON.stringify([table, id, field]);
}

/** Returns a text that is the same for the same record. */
export function recordKey({ table, id }: Target): string {
  return JSON.stringify([table, id]);
}

/**
 * Returns the fields of `set` that a newer job of another operation writes to the same record in this sweep: the newer
 * job's value is to stand, whichever of the two is written first.
 *
 * @param sharing all items for the same record
 */
export function fieldsLeftToNewer(own: ItemResult, sharing: readonly ItemResult[]): ReadonlySet<string> {
  const newer = sharing.filter((each) => {
    const delivers = each.verdict?.kind === "recover" && each.verdict.reason !== "superseded" && each.error === null;
    return each !== own && delivers && each.target?.field !== own.target?.field && newerOf(own, each) === each;
  });
  return new Set(newer.flatMap(({ item }) => Object.keys(item.candidate?.operation.set ?? {})));
}

/** What is to be done about the jobs for one field of one record. */
export interface SameTargetResult {
  /** The newest with an output, whose output is delivered; null where there is none, or it is blocked. */
  readonly newest: SweepItem | null;
  /** Older ones with an output, to be closed after the newest. */
  readonly superseded: readonly ItemResult[];
  /** Those with an output that have to wait, since `by`, which is newer, may turn out to have one. */
  readonly blocked: { readonly items: readonly SweepItem[]; readonly by: SweepItem } | null;
}

/**
 * Decides which of the jobs for one target and field is delivered: the newest with an output. The others are closed
 * after it, without their file being written. While it is unknown whether a still newer one has an output, the older
 * ones wait: a file that is delivered now could not be replaced afterwards.
 *
 * @param group all that share the target
 */
export function resolveSameTarget(group: readonly ItemResult[]): SameTargetResult {
  const found = group.filter(({ verdict }) => verdict?.kind === "recover");
  const newest = found.reduce<ItemResult | null>(newerOf, null);
  const undecided = group.filter(isUndecided).reduce<ItemResult | null>(newerOf, null);
  if (newest !== null && undecided !== null && newerOf(newest, undecided) === undecided) {
    return { newest: null, superseded: [], blocked: { items: found.map(({ item }) => item), by: undecided.item } };
  }
  return { newest: newest?.item ?? null, superseded: found.filter((each) => each !== newest), blocked: null };
}

/**
 * Whether an output may still turn up: not probed yet, or the answer was inconclusive, be it an empty file or an error
 * page. Missing or private (403) is what a job looks like that has no output yet, and blocks nobody. A job that
 * stuck-jobs had failed counts only if its output is there.
 */
function isUndecided({ item, verdict }: ItemResult): boolean {
  if (verdict === null) return true;
  return verdict.kind === "unknown" && verdict.reason !== "absence-unproven" && !item.reopened;
}

/** Returns the newer by date; of two of the same instant the one with the greater id, so that every run picks the same. */
function newerOf(one: ItemResult | null, other: ItemResult): ItemResult {
  if (one === null) return other;
  const [first, second] = [ageOrOldest(one), ageOrOldest(other)];
  if (first === second) return one.item.job.id > other.item.job.id ? one : other;
  return first < second ? one : other;
}

/** Without a date a job counts as older than all others. */
function ageOrOldest({ item }: ItemResult): Duration {
  return item.age ?? Number.POSITIVE_INFINITY;
}
