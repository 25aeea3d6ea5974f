import type { Entry } from "../../core/domain/report.ts";
import type { VerdictKind } from "../../core/domain/verdict.ts";

/** Jobs that are shown together; a job that could not be written is that before it is anything else. */
export type GroupName = VerdictKind | "error";

export interface Group {
  readonly name: GroupName;
  readonly shown: readonly Entry[];
  /** How many more there are. */
  readonly rest: number;
}

/** What was done first, then what needs a person, then what only needs time. */
const ORDER: readonly GroupName[] = ["recover", "fail", "error", "unknown", "skip", "wait"];

/** So many of a group are read; of more, only the number matters. */
const MOST_SHOWN = 20;

/** Sorts jobs into groups, the oldest first in each, and leaves out the tail of long ones unless `all` are wanted. */
export function groupsOf(entries: readonly Entry[], all: boolean): readonly Group[] {
  const groups = new Map<GroupName, { shown: Entry[]; count: number }>();
  for (const entry of entries) {
    const group = groups.get(nameOf(entry)) ?? { shown: [], count: 0 };
    groups.set(nameOf(entry), group);
    group.count += 1;
    group.shown.push(entry);
    // So that it does not hold them all.
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

/** The group that a job is in. */
export function nameOf({ verdict, error }: Entry): GroupName {
  return error === null ? verdict.kind : "error";
}
