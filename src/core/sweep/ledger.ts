import type { Target } from "../domain/target.ts";
import type { Verdict } from "../domain/verdict.ts";
import { type ItemEvidence, NO_EVIDENCE, type SweepItem } from "./item.ts";

/** All that is known of an item at some point of the sweep. */
export interface ItemResult {
  readonly item: SweepItem;
  readonly evidence: ItemEvidence;
  /** Null before it was probed. */
  readonly verdict: Verdict | null;
  /** The guard read may have found one that the listing did not show. */
  readonly target: Target | null;
  /** Whether the base was changed accordingly. */
  readonly applied: boolean;
  /** Why it could not be written, in the base's own words. */
  readonly error: string | null;
}

/** What a stage found out or did about one item. What it does not name stays as it was. */
export type ItemOutcome = Pick<ItemResult, "item"> & Partial<Omit<ItemResult, "item">>;

/** What a stage returns. `failure` is the error that stopped it; `outcomes` holds what it had done by then. */
export interface StageResult {
  readonly outcomes: readonly ItemOutcome[];
  readonly failure: { readonly error: unknown } | null;
}

/** Runs a stage that adds to `outcomes` as it goes. An error that stops it is returned with them, not thrown. */
export async function collectOutcomes(stage: (outcomes: ItemOutcome[]) => Promise<void>): Promise<StageResult> {
  const outcomes: ItemOutcome[] = [];
  try {
    await stage(outcomes);
    return { outcomes, failure: null };
  } catch (error) {
    return { outcomes, failure: { error } };
  }
}

/** Adds what a part of a stage did to the outcomes of the whole. Throws the error that stopped the part. */
export function addOutcomes(outcomes: ItemOutcome[], part: StageResult): void {
  outcomes.push(...part.outcomes);
  if (part.failure !== null) throw part.failure.error;
}

/** The items of a sweep with all that is known of them. Where two outcomes disagree, the one merged last holds. */
export class Ledger {
  readonly #results = new Map<SweepItem, ItemResult>();

  constructor(items: Iterable<SweepItem>) {
    for (const item of items) this.#results.set(item, initialResult(item));
  }

  /** Takes over what a stage did; an item that it brought along is added. */
  merge(outcomes: Iterable<ItemOutcome>): void {
    for (const outcome of outcomes) {
      const { item } = outcome;
      const { evidence, verdict, target, applied, error } = this.get(item);
      // Field by field: a sweep may hold 50,000 of these, and a spread gives each a hidden class of its own.
      this.#results.set(item, {
        item,
        evidence: outcome.evidence ?? evidence,
        verdict: outcome.verdict ?? verdict,
        target: outcome.target ?? target,
        applied: outcome.applied ?? applied,
        error: outcome.error ?? error,
      });
    }
  }

  get(item: SweepItem): ItemResult {
    return this.#results.get(item) ?? initialResult(item);
  }

  delete(item: SweepItem): void {
    this.#results.delete(item);
  }

  /** In the order of the listing. */
  results(): readonly ItemResult[] {
    return [...this.#results.values()];
  }
}

function initialResult(item: SweepItem): ItemResult {
  const { verdict, target } = item;
  return { item, evidence: NO_EVIDENCE, verdict, target, applied: false, error: null };
}
