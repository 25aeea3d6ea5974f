import type { Job } from "../domain/job.ts";
import { Bulk, type Embodied, type Spill } from "./bulk.ts";
import type { SweepItemData } from "./item.ts";

/** Holds what sweeps find; several may share it. */
export interface Room {
  readonly cases: Bulk<SweepItemData>;
  readonly jobs: Bulk<Job>;
}

/**
 * Room in memory for what is looked at, and in the spill for the rest; without one all is in memory.
 *
 * @param missed is told once, where the spill takes no more
 * @param most as many are in memory of each, and up to as many again; mostly left as it is
 */
export function roomIn(spill: Spill | null, missed: (error: unknown) => void = () => undefined, most?: number): Room {
  let told = false;
  const once = (error: unknown) => {
    if (!told) missed(error);
    told = true;
  };
  return { cases: new Bulk(spill, once, most), jobs: new Bulk(spill, once, most) };
}

/** A job that was listed, to be looked at later. */
export class CachedJob implements Embodied {
  place: number | null = null;
  readonly #bulk: Bulk<Job>;

  constructor(bulk: Bulk<Job>, job: Job) {
    this.#bulk = bulk;
    bulk.add(this, job);
  }

  get job(): Job {
    return this.#bulk.of(this);
  }
}
