import { type Instant, type Job, toSummary } from "../../domain/job.ts";
import { resolveOperation, type Target } from "../../domain/target.ts";
import type { SweepContext } from "../context.ts";
import { type Candidate, type Policy, triage } from "../decide/triage.ts";
import { SweepItem } from "../item.ts";
import {
  completedByPolling,
  effectivePolicy,
  isReopenable,
  wasFailedByUs,
  withEffectiveStart,
} from "./finished-jobs.ts";

/** What a page of the listing comes to. */
export interface ClassifiedPage {
  readonly cases: readonly SweepItem[];
  /** Jobs that this tool completed in the last hour. */
  readonly deliveries: readonly Job[];
  /** The operation of each job that polling has failed within `maxAge`. */
  readonly failedBefore: readonly string[];
}

/** Sorts what was listed at `now`. */
export function classifyPage(page: readonly Job[], run: SweepContext, now: Instant): ClassifiedPage {
  const policies: Policies = { late: effectivePolicy({ reopened: true }, run), stuck: run.policy };
  return {
    cases: page.flatMap((job) => createItem(job, policies, run, now)),
    deliveries: page.filter((job) => completedByPolling(job, run, now) !== null),
    failedBefore: page.flatMap((job) => {
      const lookup = wasFailedByUs(job, run, now) ? resolveOperation(job, run.policy.operations) : null;
      return lookup?.kind === "known" ? [lookup.operation.name] : [];
    }),
  };
}

interface Policies {
  readonly late: Policy;
  readonly stuck: Policy;
}

function createItem(listed: Job, policies: Policies, run: SweepContext, now: Instant): readonly SweepItem[] {
  const reopened = isReopenable(listed, run, now);
  const job = withEffectiveStart(listed, { reopened });
  const found = triage(job, reopened ? policies.late : policies.stuck, now);
  if (found.kind === "not-stuck" || (reopened && found.kind === "settled")) return [];
  const operation = found.kind === "settled" ? found.operation : found.candidate.operation.name;
  if (run.only !== null && (operation === null || !run.only.includes(operation))) return [];
  const candidate = found.kind === "settled" ? null : found.candidate;
  return [
    new SweepItem({
      job: toSummary(job),
      operation,
      age: found.kind === "settled" ? found.age : found.candidate.age,
      reopened,
      candidate,
      verdict: found.kind === "settled" ? found.verdict : null,
      target: candidate === null ? null : itemTarget(candidate),
    }),
  ];
}

function itemTarget({ targetId, operation }: Candidate): Target | null {
  return targetId === null ? null : { table: operation.target.table, id: targetId, field: operation.attachment };
}
