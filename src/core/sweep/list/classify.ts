import { factsOf, type Instant, type Job, type Target } from "../../domain/job.ts";
import { operationOf } from "../../domain/target.ts";
import { type Candidate, type Policy, triage } from "../../domain/verdict.ts";
import type { Run } from "../context.ts";
import { Case } from "../item.ts";
import { ListedJob } from "../room.ts";
import { asItCounts, completedByPolling, isFailedByPolling, policyOf, standsFailedByPolling } from "./finished-jobs.ts";

/** What a page of the listing comes to. */
export interface Found {
  readonly cases: readonly Case[];
  /** Jobs that this tool completed in the last hour. */
  readonly deliveries: readonly ListedJob[];
  /** The operation of each job that polling has failed within `maxAge`. */
  readonly failedBefore: readonly string[];
}

/** Sorts what was listed at `now`. */
export function takePage(page: readonly Job[], run: Run, now: Instant): Found {
  const policies: Policies = { late: policyOf({ late: true }, run), stuck: run.policy };
  return {
    cases: page.flatMap((job) => caseOf(job, policies, run, now)),
    deliveries: page
      .filter((job) => completedByPolling(job, run, now) !== null)
      .map((job) => new ListedJob(run.room.jobs, job)),
    failedBefore: page.flatMap((job) => {
      const lookup = standsFailedByPolling(job, run, now) ? operationOf(job, run.policy.operations) : null;
      return lookup?.kind === "known" ? [lookup.operation.name] : [];
    }),
  };
}

interface Policies {
  readonly late: Policy;
  readonly stuck: Policy;
}

function caseOf(listed: Job, policies: Policies, run: Run, now: Instant): readonly Case[] {
  const late = isFailedByPolling(listed, run, now);
  const job = asItCounts(listed, { late });
  const found = triage(job, late ? policies.late : policies.stuck, now);
  if (found.kind === "not-stuck" || (late && found.kind === "settled")) return [];
  const operation = found.kind === "settled" ? found.operation : found.candidate.operation.name;
  if (run.only !== null && (operation === null || !run.only.includes(operation))) return [];
  const candidate = found.kind === "settled" ? null : found.candidate;
  return [
    new Case(run.room.cases, {
      job: factsOf(job),
      operation,
      age: found.kind === "settled" ? found.age : found.candidate.age,
      late,
      candidate,
      verdict: found.kind === "settled" ? found.verdict : null,
      target: candidate === null ? null : targetOfCase(candidate),
    }),
  ];
}

function targetOfCase({ targetId, operation }: Candidate): Target | null {
  return targetId === null ? null : { table: operation.target.table, id: targetId, field: operation.attachment };
}
