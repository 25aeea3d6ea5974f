import type { Recovery } from "./apply-recoveries.ts";
import type { Instant, Target } from "./job.ts";
import type { Case } from "./run.ts";

/** What becomes of the jobs for which an output was found. */
export interface Succession {
  /** The newest of each target and field: its output is the one to deliver. */
  readonly winners: readonly Recovery[];
  /** Elder ones, to be closed after it. */
  readonly superseded: readonly (Recovery & { readonly supersededBy: string })[];
  /** Those of which `by`, which is newer, may yet turn out to have an output. */
  readonly blocked: readonly { readonly item: Case; readonly by: Case }[];
}

/**
 * Of several jobs with an output for one target and field the newest wins; the others are closed after it, without
 * their file being written. While it is unknown whether a still newer one has an output, its elders wait: a file that
 * is delivered now could not be replaced afterwards.
 */
export function supersede(found: readonly Recovery[], cases: readonly Case[]): Succession {
  const newest = new Map<string, Recovery>();
  for (const recovery of found) {
    const key = keyOf(recovery.item);
    if (key === null) continue;
    const other = newest.get(key);
    if (other === undefined || isNewer(recovery.item, other.item)) newest.set(key, recovery);
  }
  const undecided = new Map<string, Case>();
  for (const item of cases) {
    const key = isUndecided(item) ? keyOf(item) : null;
    if (key === null) continue;
    const other = undecided.get(key);
    if (other === undefined || isNewer(item, other)) undecided.set(key, item);
  }

  const winners: Recovery[] = [];
  const superseded: Succession["superseded"][number][] = [];
  const blocked: Succession["blocked"][number][] = [];
  for (const recovery of found) {
    const key = keyOf(recovery.item);
    const winner = key === null ? undefined : newest.get(key);
    const open = key === null ? undefined : undecided.get(key);
    if (winner !== undefined && open !== undefined && isNewer(open, winner.item)) {
      blocked.push({ item: recovery.item, by: open });
    } else if (winner === undefined || winner === recovery) winners.push(recovery);
    else superseded.push({ ...recovery, supersededBy: winner.item.job.id });
  }
  return { winners, superseded, blocked };
}

/**
 * Not probed yet, or seen in a way that says nothing, be it an empty file or an error page: unknown is not absent.
 * Missing or private (403) is what a job looks like that has no output yet, and holds up nobody. A job that polling had
 * failed counts only if its output is there.
 */
function isUndecided({ verdict, late }: Case): boolean {
  return verdict === null || (verdict.kind === "unknown" && verdict.reason !== "absence-unproven" && !late);
}

function keyOf({ target }: Case): string | null {
  if (target === null) return null;
  const known = KEYS.get(target);
  if (known !== undefined) return known;
  const key = JSON.stringify([target.table, target.id, target.field]);
  KEYS.set(target, key);
  return key;
}

/** This is asked for every case at every chunk: of 50,000 jobs, a thousand times each. */
const KEYS = new WeakMap<Target, string>();

/** Newer by date; of two of the same moment the one with the greater id, so that every run picks the same. */
function isNewer(a: Case, b: Case): boolean {
  const [first, second] = [dateOf(a), dateOf(b)];
  return first === second ? a.job.id > b.job.id : first > second;
}

function dateOf({ job }: Case): Instant {
  return job.since.kind === "at" ? job.since.at : Number.NEGATIVE_INFINITY;
}
