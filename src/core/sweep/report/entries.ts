import type { Entry } from "../../domain/report.ts";
import type { SweepItem } from "../item.ts";

/** The row of the report that a case has become. */
export function toReportEntry(item: SweepItem): Entry {
  const { operation, age, target, applied, providerReply, error } = item;
  const { id, externalId, type, status } = item.job;
  const verdict = item.verdict ?? { kind: "wait", reason: "not-reached", detail: "left to the next run" };
  const probes = item.probeGroups.flat();
  return { id, externalId, type, status, operation, age, verdict, applied, target, probes, providerReply, error };
}
