import type { Entry } from "../../domain/report.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { ItemResult } from "../ledger.ts";

const NOT_PROBED: Verdict = { kind: "wait", reason: "not-reached", detail: "left to the next run" };

/** Returns the row of the report for an item. */
export function toReportEntry({ item, evidence, verdict, target, applied, error }: ItemResult): Entry {
  const { operation, age } = item;
  const { id, externalId, type, status } = item.job;
  const { probeGroups, providerReply } = evidence;
  return {
    id,
    externalId,
    type,
    status,
    operation,
    age,
    verdict: verdict ?? NOT_PROBED,
    applied,
    target,
    probes: probeGroups.flat(),
    providerReply,
    error,
  };
}
