import { type DatedJob, isNewer } from "../../domain/job.ts";
import { type Target, targetKey } from "../../domain/target.ts";
import type { Reason } from "../../domain/verdict.ts";
import type { SweepItem } from "../item.ts";
import type { ItemResult } from "../ledger.ts";
import type { CompetingJob } from "../list/competing-jobs.ts";
import type { OtherSet } from "./recovery.ts";

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
    return [...this.#items.values()];
  }
}

/** Returns a text that is the same for the same record. */
export function recordKey({ table, id }: Target): string {
  return `${table.length} ${table}${id}`;
}

/**
 * Returns the jobs of other operations that this sweep delivers, or has delivered, to the same record: the newer job's
 * values of `set` are to stand, whichever of the two is written first.
 *
 * @param sharing all items for the same record
 */
export function findOtherSets(own: ItemResult, sharing: readonly ItemResult[]): readonly OtherSet[] {
  return sharing.flatMap((each): readonly OtherSet[] => {
    const { item, verdict, error, applied, target } = each;
    const delivers = verdict?.kind === "recover" && verdict.reason !== "superseded" && error === null;
    if (each === own || !delivers || target?.field === own.target?.field) return [];
    const fields = Object.keys(item.candidate?.operation.set ?? {});
    return [{ jobId: item.job.id, fields, isNewer: isNewer(datedJob(each), datedJob(own)), applied }];
  });
}

/** Returns the newer of the jobs for one target whose output has no space beside what is there; null where there is none. */
export function findNewerWithoutSpace(own: ItemResult, group: readonly ItemResult[]): string | null {
  const newer = group.find((each) => {
    const isOccupied = each.verdict?.kind === "skip" && each.verdict.reason === "target-occupied";
    return isOccupied && isNewer(datedJob(each), datedJob(own));
  });
  return newer?.item.job.id ?? null;
}

/** What is to be done about the jobs for one field of one record. */
export interface SameTargetResult {
  /** The newest with an output, whose output is delivered; null where there is none, or it is blocked. */
  readonly newest: SweepItem | null;
  /** Older ones with an output, to be closed after the newest. */
  readonly superseded: readonly ItemResult[];
  /** Those with an output that have to wait, since the job `by`, which is newer, may turn out to have one. */
  readonly blocked: { readonly items: readonly SweepItem[]; readonly by: string } | null;
}

/** What holds older jobs back in this sweep: a job that someone has changed, or whose output waits for its place. */
const IN_THIS_SWEEP: readonly Reason[] = ["changed-meanwhile", "place-unverified"];

/**
 * Decides which of the jobs for one target and field is delivered: the newest with an output. The others are closed
 * after it, without their file being written. While a still newer one may have an output, the older ones wait, but none
 * of them beyond its own `failAfter`: then the newest that has an output is delivered. One that is not probed yet, that
 * someone has changed during this sweep, or whose output is there and its place not verified, holds all older ones back
 * in this sweep.
 *
 * @param group all items that share the target
 * @param competing jobs for the target that are not among the items of this sweep
 */
export function resolveSameTarget(group: readonly ItemResult[], competing: readonly CompetingJob[]): SameTargetResult {
  const found = group.filter(({ verdict }) => verdict?.kind === "recover");
  const newest = found.reduce<ItemResult | null>(
    (one, other) => (one && isNewer(datedJob(one), datedJob(other)) ? one : other),
    null,
  );
  if (newest === null) return { newest: null, superseded: [], blocked: null };
  const inThisSweep = group.filter(({ verdict }) => verdict === null || IN_THIS_SWEEP.includes(verdict.reason));
  const open = found.some(isDue) ? [] : [...group.filter(mayHaveOutput).map(datedJob), ...competing];
  const by = [...inThisSweep.map(datedJob), ...open].find((job) => isNewer(job, datedJob(newest)));
  if (by !== undefined) {
    return { newest: null, superseded: [], blocked: { items: found.map(({ item }) => item), by: by.id } };
  }
  return { newest: newest.item, superseded: found.filter((each) => each !== newest), blocked: null };
}

/** Returns an item's job with its own date: an undo makes all jobs that it restores equally young. */
function datedJob({ item: { job, candidate } }: ItemResult): DatedJob {
  const began = candidate?.began ?? null;
  return { id: job.id, since: began === null ? { kind: "missing" } : { kind: "at", at: began } };
}

/** Whether a job has an output that waits for a newer job's. */
export function mayBeHeldBack(result: ItemResult): boolean {
  return result.verdict?.kind === "recover" && result.item.candidate?.operation.deliver !== null && !isDue(result);
}

/** Whether an output may still come: none was found yet, and the job is not past its `failAfter`. */
function mayHaveOutput(result: ItemResult): boolean {
  const { item, verdict } = result;
  const isOpen = verdict?.kind === "wait" || verdict?.kind === "unknown";
  // A job that stuck-jobs had failed counts only if its output is there.
  return isOpen && !item.reopened && !isDue(result);
}

/** Whether a job is past its own `failAfter`. */
function isDue({ item: { age, candidate } }: ItemResult): boolean {
  return age === null || candidate === null || age > candidate.operation.thresholds.failAfter;
}
