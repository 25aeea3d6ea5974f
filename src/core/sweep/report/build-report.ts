import type { BlockedOperation, Entry, Report } from "../../domain/report.ts";
import { countRequests, summarise } from "../../domain/report.ts";
import type { SweepContext } from "../context.ts";
import type { ItemResult } from "../ledger.ts";
import { allProbes } from "../places.ts";
import { groupIncidents } from "./incidents.ts";

/** Returns the report of a sweep that has just ended. `entries` are the rows of `results`. */
export function buildReport(
  results: readonly ItemResult[],
  entries: readonly Entry[],
  {
    startedAt,
    truncated,
    brake,
  }: Pick<Report, "startedAt" | "truncated"> & { readonly brake: readonly BlockedOperation[] },
  run: SweepContext,
): Report {
  return {
    command: run.command,
    dryRun: run.dryRun,
    ...run.signature,
    startedAt,
    finishedAt: run.clock.now(),
    truncated,
    summary: summarise(entries),
    requests: requestsOf(run),
    brake: brake.length === 0 ? null : brake,
    incidents: groupIncidents(results),
    entries,
  };
}

/** Returns how many requests were sent so far. */
export function requestsOf(run: SweepContext): Report["requests"] {
  const { store, providers } = run;
  const provider = [...providers.values()].reduce((sum, each) => sum + each.requests(), 0);
  const storage = allProbes(run).reduce((sum, each) => sum + each.requests(), 0);
  return { ...countRequests(store.kind, store.requests()), storage, provider };
}
