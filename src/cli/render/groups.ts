import type { Entry } from "../../core/report.ts";
import type { VerdictKind } from "../../core/verdict.ts";

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
  return ORDER.flatMap((name) => {
    const jobs = entries.filter((entry) => nameOf(entry) === name).sort((a, b) => (b.age ?? 0) - (a.age ?? 0));
    // A line that says "1 more" takes the place of that one.
    const shown = all || jobs.length <= MOST_SHOWN + 1 ? jobs : jobs.slice(0, MOST_SHOWN);
    return jobs.length === 0 ? [] : [{ name, shown, rest: jobs.length - shown.length }];
  });
}

/** The group that a job is in. */
export function nameOf({ verdict, error }: Entry): GroupName {
  return error === null ? verdict.kind : "error";
}
