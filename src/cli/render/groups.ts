import type { Entry } from "../../core/domain/report.ts";
import type { VerdictKind } from "../../core/domain/verdict.ts";

/** The groups of the table; a job that could not be written is in "error", whatever its verdict. */
export type GroupName = VerdictKind | "error";

export interface Group {
  readonly name: GroupName;
  readonly shown: readonly Entry[];
  /** The number of jobs that are not shown. */
  readonly rest: number;
}

/** First what was done, then what needs a person, then what only needs time. */
const ORDER: readonly GroupName[] = ["recover", "fail", "error", "unknown", "skip", "wait"];

/** So many jobs of a group are shown; of more, only the number. */
const MOST_SHOWN = 20;

/** Sorts jobs into groups, the oldest first in each, and leaves out the tail of long ones unless `all` are wanted. */
export function groupsOf(entries: readonly Entry[], all: boolean): readonly Group[] {
  const groups = new Map<GroupName, { shown: Entry[]; count: number }>();
  for (const entry of entries) {
    const group = groups.get(nameOf(entry)) ?? { shown: [], count: 0 };
    groups.set(nameOf(entry), group);
    group.count += 1;
    group.shown.push(entry);
    // Bounds the memory of a large group.
    if (!all && group.shown.length > 50 * MOST_SHOWN) group.shown = oldest(group.shown, MOST_SHOWN + 1);
  }
  return ORDER.flatMap((name) => {
    const group = groups.get(name);
    if (group === undefined) return [];
    const { shown, count } = group;
    // A line that says "1 more" takes the place of that one.
    const most = all || count <= MOST_SHOWN + 1 ? count : MOST_SHOWN;
    return [{ name, shown: oldest(shown, most), rest: count - most }];
  });
}

function oldest(entries: readonly Entry[], most: number): Entry[] {
  return entries.toSorted((a, b) => (b.age ?? 0) - (a.age ?? 0)).slice(0, most);
}

/** Returns the group of a job. */
export function nameOf({ verdict, error }: Entry): GroupName {
  return error === null ? verdict.kind : "error";
}
