import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import { toReportEntry } from "../report/entries.ts";

/** Asks a person about each, where one is to be asked. What is declined is settled; "quit" ends the run's writing. */
export async function askBeforeWrite<T extends { readonly item: SweepItem }>(
  items: readonly T[],
  run: SweepContext,
): Promise<readonly T[]> {
  const { confirm } = run;
  if (confirm === null || run.dryRun) return items;
  const agreed: T[] = [];
  for (const each of items) {
    if (run.limits.start.aborted) break;
    const answer = await confirm(toReportEntry(each.item));
    if (answer === "yes") agreed.push(each);
    else each.item.verdict = { kind: "skip", reason: "not-confirmed", detail: "" };
  }
  return agreed;
}
