import type { Recovery } from "./apply-recoveries.ts";
import type { Instant } from "./job.ts";
import type { Case } from "./run.ts";

/**
 * Of several jobs with an output for one target and field the newest wins; the others are closed after it, without
 * their file being written. While it is unknown whether a still newer one has an output, its elders wait: a file that
 * is delivered now could not be replaced afterwards.
 */
export function supersede(
  found: readonly Recovery[],
  cases: readonly Case[],
): { winners: readonly Recovery[]; superseded: readonly Recovery[] } {
  const newest = new Map<string, Recovery>();
  for (const recovery of found) {
    const key = keyOf(recovery.item);
    if (key === null) continue;
    const other = newest.get(key);
    if (other === undefined || isNewer(recovery.item, other.item)) newest.set(key, recovery);
  }
  const undecided = new Map<string, Case>();
  for (const item of cases) {
    const key = keyOf(item);
    const unseen = item.verdict === null || item.verdict.reason === "storage-unreachable";
    if (key !== null && unseen) undecided.set(key, item);
  }

  const winners: Recovery[] = [];
  const superseded: Recovery[] = [];
  for (const recovery of found) {
    const key = keyOf(recovery.item);
    const winner = key === null ? undefined : newest.get(key);
    const open = key === null ? undefined : undecided.get(key);
    if (winner !== undefined && open !== undefined && isNewer(open, winner.item)) {
      const detail = `whether ${open.job.id}, which is newer, has an output is not known`;
      recovery.item.verdict = { kind: "wait", reason: "newer-undecided", detail };
    } else if (winner === undefined || winner === recovery) {
      winners.push(recovery);
    } else {
      const { id } = winner.item.job;
      const { output, others } = recovery;
      recovery.item.verdict = { kind: "recover", reason: "superseded", output, others, detail: `by ${id}` };
      superseded.push({ ...recovery, supersededBy: id });
    }
  }
  return { winners, superseded };
}

function keyOf({ target }: Case): string | null {
  return target === null ? null : JSON.stringify([target.table, target.id, target.field]);
}

/** Newer by date; of two of the same moment the one with the greater id, so that every run picks the same. */
function isNewer(a: Case, b: Case): boolean {
  const [first, second] = [dateOf(a), dateOf(b)];
  return first === second ? a.job.id > b.job.id : first > second;
}

function dateOf({ job }: Case): Instant {
  return job.since.kind === "at" ? job.since.at : Number.NEGATIVE_INFINITY;
}
