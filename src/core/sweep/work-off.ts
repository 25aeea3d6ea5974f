import type { Calibration } from "../domain/evidence.ts";
import type { Instant, Job } from "../domain/job.ts";
import type { BlockedOperation } from "../domain/report.ts";
import { isUpstreamFailure, type UpstreamFailure } from "../ports/errors.ts";
import { failExpiredJobs } from "./apply/fail.ts";
import { type Probing, recover } from "./apply/recover.ts";
import { verifyDeliveries } from "./apply/verify-deliveries.ts";
import type { SweepContext } from "./context.ts";
import type { SweepItem } from "./item.ts";

/** What a complete listing found, beside the cases. */
export interface Listing {
  readonly now: Instant;
  /** Whether the clocks are too far apart to fail a job by its age. */
  readonly skewed: boolean;
  readonly truncated: boolean;
  /** Jobs that this tool completed in the last hour. */
  readonly deliveries: readonly Job[];
  /** How many jobs of each operation polling has failed within `maxAge`. */
  readonly failedBefore: ReadonlyMap<string, number>;
}

/** What came of acting on the cases. `fault` is what cut it short. */
export interface ApplyResult {
  readonly truncated: boolean;
  readonly brake: readonly BlockedOperation[];
  readonly calibration: Calibration | null;
  readonly fault: UpstreamFailure | null;
}

/**
 * Recovers while the probing goes on; when all is probed, looks after earlier deliveries, and fails what is due. Adds to
 * the cases those of deliveries, and takes out jobs that polling failed and whose output has not turned up since.
 */
export async function workOff(
  cases: SweepItem[],
  listing: Listing,
  probing: Probing & { readonly end: Promise<void> },
  run: SweepContext,
): Promise<ApplyResult> {
  let fault: UpstreamFailure | null = null;
  try {
    try {
      fault = await recover(cases, probing, run);
    } finally {
      await probing.end;
      dropUnchanged(cases);
    }
    if (run.command === "recover") cases.push(...(await verifyDeliveries(listing.deliveries, cases, run)));
    const { held: brake, calibration, truncated } = await failExpiredJobs(cases, listing, run);
    return { truncated: listing.truncated || truncated, brake, calibration, fault };
  } catch (error) {
    if (isUpstreamFailure(error)) fault = error;
    else if (!run.limits.start.aborted && !run.limits.writes.aborted) throw error;
    return { truncated: true, brake: [], calibration: null, fault };
  }
}

/** A job that polling failed is a case again only if its output has turned up; else it stays as it is, and unsaid. */
function dropUnchanged(cases: SweepItem[]): void {
  const kept = cases.flatMap((item): readonly SweepItem[] => {
    const turnedUp = item.kind === "recover" || item.applied || item.error !== null;
    return item.reopened && !turnedUp ? [] : [item];
  });
  cases.splice(0, cases.length, ...kept);
}
