import type { SweepContext } from "../context.ts";
import type { DecidedItem } from "../item.ts";
import type { ItemOutcome } from "../ledger.ts";
import { toReportEntry } from "../report/entries.ts";

/** What a person agreed to; `outcomes` holds what they declined. */
export interface Consent<T> {
  readonly agreed: readonly T[];
  readonly outcomes: readonly ItemOutcome[];
}

/** Asks a person about each item where `--confirm` is set. No further item is asked about once the run has to end. */
export async function askBeforeWrite<T extends DecidedItem>(
  items: readonly T[],
  run: SweepContext,
): Promise<Consent<T>> {
  const { confirm } = run;
  if (confirm === null || run.dryRun) return { agreed: items, outcomes: [] };
  const agreed: T[] = [];
  const outcomes: ItemOutcome[] = [];
  for (const each of items) {
    if (run.limits.start.aborted) break;
    const { item, evidence, verdict } = each;
    const entry = toReportEntry({ item, evidence, verdict, target: item.target, applied: false, error: null });
    const answer = await confirm(entry);
    if (answer === "yes") {
      agreed.push(each);
      continue;
    }
    const detail = answer === "not-planned" ? "changed or found since the approved plan was made" : "";
    outcomes.push({ item, verdict: { kind: "skip", reason: "not-confirmed", detail } });
  }
  return { agreed, outcomes };
}
