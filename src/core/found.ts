import type { Instant, Job } from "./job.ts";
import { factsOf } from "./judged.ts";
import { asItCounts, completedByPolling, isFailedByPolling, policyOf, standsFailedByPolling } from "./revisit.ts";
import type { Case, Run } from "./run.ts";
import { operationOf } from "./target.ts";
import { triage } from "./verdict.ts";

/** What a page of the listing comes to. */
export interface Found {
  readonly cases: readonly Case[];
  /** Jobs that this tool completed in the last hour. */
  readonly deliveries: readonly Job[];
  /** The operation of each job that polling has failed within `maxAge`. */
  readonly failedBefore: readonly string[];
}

/** Sorts what was listed at `now`. */
export function takePage(page: readonly Job[], run: Run, now: Instant): Found {
  return {
    cases: page.flatMap((job) => caseOf(job, run, now)),
    deliveries: page.filter((job) => completedByPolling(job, run, now) !== null),
    failedBefore: page.flatMap((job) => {
      const lookup = standsFailedByPolling(job, run, now) ? operationOf(job, run.policy.operations) : null;
      return lookup?.kind === "known" ? [lookup.operation.name] : [];
    }),
  };
}

function caseOf(listed: Job, run: Run, now: Instant): readonly Case[] {
  const late = isFailedByPolling(listed, run, now);
  const job = asItCounts(listed, { late });
  const found = triage(job, policyOf({ late }, run), now);
  if (found.kind === "not-stuck" || (late && found.kind === "settled")) return [];
  const { id, externalId, type, status, since } = job;
  const base = {
    job: { id, externalId, type, status, since },
    facts: factsOf(job, run),
    late,
    looks: [],
    consultation: null,
    probedAt: null,
    applied: false,
    error: null,
  };
  const operation = found.kind === "settled" ? found.operation : found.candidate.operation.name;
  if (run.only !== null && (operation === null || !run.only.includes(operation))) return [];
  if (found.kind === "settled") {
    return [{ ...base, operation, age: found.age, candidate: null, verdict: found.verdict, target: null }];
  }
  const { candidate } = found;
  const { table } = candidate.operation.target;
  const { attachment: field } = candidate.operation;
  const target = candidate.targetId === null ? null : { table, id: candidate.targetId, field };
  return [{ ...base, operation, age: candidate.age, candidate, verdict: null, target }];
}
