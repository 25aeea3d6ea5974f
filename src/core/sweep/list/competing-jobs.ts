import { type Duration, FUTURE_TOLERANCE, getAge, type Instant, isExternalId, type Job } from "../../domain/job.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { resolveTarget, type Target } from "../../domain/target.ts";
import type { SweepContext } from "../context.ts";
import { withEffectiveStart } from "./finished-jobs.ts";

/** A job of a stuck status that this sweep does not work on, and whose output may yet come. */
export interface CompetingJob {
  readonly id: string;
  readonly age: Duration;
  readonly since: Job["since"];
  readonly target: Target;
}

/**
 * Returns those of the jobs that may yet have an output for a target: of a stuck status, with an external id, and no
 * older than their own `failAfter`. What is skipped, for want of a target or an operation, competes with nobody.
 */
export function findCompetingJobs(jobs: readonly Job[], run: SweepContext, now: Instant): readonly CompetingJob[] {
  const { stuckStatuses, operations } = run.policy;
  return jobs.flatMap((job): readonly CompetingJob[] => {
    if (!stuckStatuses.includes(job.status) || job.externalId === null || !isExternalId(job.externalId)) return [];
    const lookup = resolveOperation(job, operations);
    if (lookup.kind === "unknown") return [];
    const { operation } = lookup;
    const age = getAge(withEffectiveStart(job, { reopened: false }), now);
    if (age === null || age < -FUTURE_TOLERANCE || age > operation.thresholds.failAfter) return [];
    const target = resolveTarget(job, operation);
    if (target.kind !== "named") return [];
    return [
      {
        id: job.id,
        age,
        since: job.since,
        target: { table: operation.target.table, id: target.id, field: operation.attachment },
      },
    ];
  });
}
