import { FUTURE_TOLERANCE, getAge, type Instant, isExternalId, type Job } from "../../domain/job.ts";
import type { Operation } from "../../domain/operation.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { resolveTarget, type Target } from "../../domain/target.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { NOT_SENT } from "../decide/triage.ts";
import { withEffectiveStart } from "./finished-jobs.ts";

/** A job that this sweep does not work on, and whose output for a target may yet come. */
export interface CompetingJob {
  readonly id: string;
  /** When it began, by its own date. */
  readonly since: Job["since"];
  readonly target: Target;
}

/** Lists the jobs that were created after an instant and wait to be sent. They hold no output back: they have none. */
export async function listWaitingJobs(after: Instant, run: SweepContext): Promise<readonly CompetingJob[]> {
  const { operations } = run.policy;
  const future = serverNow(run) + FUTURE_TOLERANCE;
  const found: CompetingJob[] = [];
  for await (const page of run.store.list({ statuses: [NOT_SENT], before: future, future, after }, run.limits.reads)) {
    for (const job of page) {
      const lookup = resolveOperation(job, operations);
      const target = lookup.kind === "known" ? targetIn(job, lookup.operation) : null;
      if (target !== null) found.push({ id: job.id, since: job.since, target });
    }
  }
  return found;
}

function targetIn(job: Job, operation: Operation): Target | null {
  const target = resolveTarget(job, operation);
  return target.kind === "named" ? { table: operation.target.table, id: target.id, field: operation.attachment } : null;
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
    const target = targetIn(job, operation);
    return target === null ? [] : [{ id: job.id, since: job.since, target }];
  });
}

/** Whether nothing in a job as it was listed names its target, and a further link field, which is not listed, may. */
export function isUnplaced(job: Job, { policy }: SweepContext): boolean {
  const lookup = resolveOperation(job, policy.operations);
  if (lookup.kind === "unknown" || !mayHaveFurtherLink(lookup.operation)) return false;
  return job.externalId !== null && resolveTarget(job, lookup.operation).kind === "missing";
}

/** Whether an operation has link fields that a listing leaves out: it has the first only, since a base may lack the others. */
export function mayHaveFurtherLink({ targetKind, target }: Operation): boolean {
  return targetKind === "record" && target.links.length > 1;
}
