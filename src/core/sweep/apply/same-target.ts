import type { Duration } from "../../domain/job.ts";
import type { SweepItem } from "../item.ts";

/** What becomes of the jobs for one field of one record. */
export interface SameTargetResult {
  /** The newest with an output, whose output is the one to deliver; null where there is none, or it is blocked. */
  readonly newest: SweepItem | null;
  /** Elder ones with an output, to be closed after the winner. */
  readonly superseded: readonly SweepItem[];
  /** Those with an output of which `by`, which is newer, may yet turn out to have one. */
  readonly blocked: { readonly items: readonly SweepItem[]; readonly by: SweepItem } | null;
}

/**
 * Of several jobs with an output for one target and field the newest wins; the others are closed after it, without
 * their file being written. While it is unknown whether a still newer one has an output, its elders wait: a file that
 * is delivered now could not be replaced afterwards.
 *
 * @param rivals all that are for it
 */
export function resolveSameTarget(rivals: readonly SweepItem[]): SameTargetResult {
  const found = rivals.filter(({ kind }) => kind === "recover");
  const newest = found.reduce<SweepItem | null>(newerOf, null);
  const open = rivals.filter(isUndecided).reduce<SweepItem | null>(newerOf, null);
  if (newest !== null && open !== null && newerOf(newest, open) === open) {
    return { newest: null, superseded: [], blocked: { items: found, by: open } };
  }
  return { newest: newest, superseded: found.filter((item) => item !== newest), blocked: null };
}

/**
 * Not probed yet, or seen in a way that says nothing, be it an empty file or an error page: unknown is not absent.
 * Missing or private (403) is what a job looks like that has no output yet, and holds up nobody. A job that polling had
 * failed counts only if its output is there.
 */
function isUndecided({ kind, verdict, reopened }: SweepItem): boolean {
  return kind === null || (kind === "unknown" && verdict?.reason !== "absence-unproven" && !reopened);
}

/** The newer by date; of two of the same moment the one with the greater id, so that every run picks the same. */
function newerOf(one: SweepItem | null, other: SweepItem): SweepItem {
  if (one === null) return other;
  const [first, second] = [ageOf(one), ageOf(other)];
  if (first === second) return one.job.id > other.job.id ? one : other;
  return first < second ? one : other;
}

/** Without a date it counts as older than all others. */
function ageOf({ age }: SweepItem): Duration {
  return age ?? Number.POSITIVE_INFINITY;
}
