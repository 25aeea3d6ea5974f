import type { Run } from "../context.ts";
import { type Case, entryOf } from "../item.ts";

/** Asks a person about each, where one is to be asked. What is declined is settled; "quit" ends the run's writing. */
export async function withConsent<T extends { readonly item: Case }>(
  items: readonly T[],
  run: Run,
): Promise<readonly T[]> {
  const { confirm } = run;
  if (confirm === null || run.dryRun) return items;
  const agreed: T[] = [];
  for (const each of items) {
    if (run.limits.begin.aborted) break;
    const answer = await confirm(entryOf(each.item));
    if (answer === "yes") agreed.push(each);
    else each.item.verdict = { kind: "skip", reason: "declined", detail: "" };
  }
  return agreed;
}
