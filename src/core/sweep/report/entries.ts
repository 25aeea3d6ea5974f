import type { Entries, Entry } from "../../domain/report.ts";
import { type SweepItem, toReportEntry } from "../item.ts";

/** The rows that cases have become, each made when its turn comes. */
export class CaseEntries implements Entries {
  readonly #cases: readonly SweepItem[];

  constructor(cases: readonly SweepItem[]) {
    this.#cases = cases;
  }

  get length(): number {
    return this.#cases.length;
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (const item of this.#cases) yield toReportEntry(item);
  }

  some(test: (entry: Entry) => boolean): boolean {
    return this.#cases.some((item) => test(toReportEntry(item)));
  }

  find(test: (entry: Entry) => boolean): Entry | undefined {
    for (const entry of this) if (test(entry)) return entry;
    return undefined;
  }

  filter(test: (entry: Entry) => boolean): readonly Entry[] {
    return this.flatMap((entry) => (test(entry) ? [entry] : []));
  }

  map<T>(make: (entry: Entry) => T): readonly T[] {
    return this.#cases.map((item) => make(toReportEntry(item)));
  }

  flatMap<T>(make: (entry: Entry) => T | readonly T[]): readonly T[] {
    return this.#cases.flatMap((item) => make(toReportEntry(item)));
  }
}
