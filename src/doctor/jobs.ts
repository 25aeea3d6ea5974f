import type { Settings } from "../config/settings.ts";
import { FUTURE_TOLERANCE, type Instant, type Job } from "../core/domain/job.ts";
import { COMPLETED_PREFIX, FAILED_PREFIX, OLD_POLLER_PREFIX } from "../core/domain/notes.ts";
import { pluralize } from "../core/domain/plural.ts";
import type { StoreKind } from "../core/domain/report.ts";
import { resolveOperation } from "../core/domain/resolve-operation.ts";
import { makeVisible } from "../core/domain/visible.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import type { JobStore } from "../core/ports/ports.ts";
import { type CheckResult, fail } from "./check-result.ts";
import { unreachable } from "./token.ts";

/** The jobs of a listing like a sweep's: those that are stuck now, and those that polling finished in the last day. */
export interface Seen {
  readonly stuck: readonly Job[];
  readonly finished: readonly Job[];
  /** Whether the listing was complete. */
  readonly whole: boolean;
}

export const DAY = 86_400_000;

/** More pages of 100 jobs would add nothing. */
const MOST_PAGES = 5;

/** Lists the jobs: one request for each 100, at most five. */
export async function readJobs(
  store: JobStore,
  { jobs, operations, thresholds }: Settings,
  now: Instant,
  signal: AbortSignal,
): Promise<Seen | UpstreamError> {
  const stuckAfter = Math.min(thresholds.stuckAfter, ...operations.map((each) => each.thresholds.stuckAfter));
  const days = [now - DAY, now].map((at) => new Date(at).toISOString().slice(0, 10));
  const query = {
    statuses: jobs.stuckStatuses,
    before: now - stuckAfter,
    future: now + FUTURE_TOLERANCE,
    revisit: {
      completed: { status: jobs.completedStatus, notes: days.map((day) => COMPLETED_PREFIX + day) },
      failed: {
        status: jobs.failedStatus,
        notes: days.map((day) => FAILED_PREFIX + day),
        undated: { notes: [OLD_POLLER_PREFIX], after: now - 2 * DAY },
      },
    },
  };
  const found: Job[] = [];
  let pages = 0;
  let whole = true;
  try {
    for await (const page of store.list(query, signal)) {
      found.push(...page);
      pages += 1;
      whole = pages < MOST_PAGES || page.length === 0;
      if (!whole) break;
    }
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
  const isStuck = ({ status }: Job) => jobs.stuckStatuses.includes(status);
  return { stuck: found.filter(isStuck), finished: found.filter((job) => !isStuck(job)), whole };
}

/** Checks that the configured operations fit the jobs that are stuck now: at least one of them is of an operation. */
export function checkOperations({ stuck }: Seen, { operations }: Settings): readonly CheckResult[] {
  const lookups = stuck.map((job) => resolveOperation(job, operations));
  if (operations.length === 0 || lookups.length === 0 || lookups.some(({ kind }) => kind === "known")) return [];
  const named = lookups.flatMap((lookup) => (lookup.kind === "unknown" ? [lookup.named ?? "nothing"] : []));
  const found = [...new Set(named)].slice(0, MOST_NAMES).map(makeVisible);
  const configured = operations.map(({ name }) => name).join(", ");
  return [
    fail(
      "configuration",
      "jobs",
      "operations",
      `none of ${pluralize(stuck.length, "stuck job")} is of a configured operation: found ${found.join(", ")}; configured: ${configured}`,
      "Add what was found to the types of an operation, or run stuck-jobs init.",
    ),
  ];
}

/** How many names a result lists at most. */
const MOST_NAMES = 5;

/** Returns the result where the jobs could not be listed. */
export function checkListing(error: UpstreamError, store: StoreKind = "airtable"): readonly CheckResult[] {
  const { code, message, hint } = error;
  const [id, title] = ["jobs", "jobs"] as const;
  switch (code) {
    case "unavailable":
      return [unreachable(id, title, error, store)];
    case "auth":
      return [fail("token", id, title, message, hint ?? "Check the token's scopes and its access list.")];
    case "config":
      return [fail("configuration", id, title, message, hint ?? "Check jobs.table and jobs.fields.")];
  }
}
