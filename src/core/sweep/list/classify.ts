import { type Instant, type Job, toSummary } from "../../domain/job.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { parseReportedResult } from "../../domain/response-payload.ts";
import type { Target } from "../../domain/target.ts";
import type { SweepContext } from "../context.ts";
import { type Candidate, type Policy, triage } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { type CompetingJob, findCompetingJobs } from "./competing-jobs.ts";
import { effectivePolicy, isReopenable, wasFailedByUs, wasJustCompleted, withEffectiveStart } from "./finished-jobs.ts";

/** What a page of the listing holds. */
export interface ClassifiedPage {
  readonly items: readonly SweepItem[];
  /** Jobs that stuck-jobs completed within the last hour. */
  readonly deliveries: readonly Job[];
  /** Jobs whose output for a target may yet come, be they among the items or not. */
  readonly competing: readonly CompetingJob[];
  /** The operation of each job that stuck-jobs failed within `maxAge`, by the job's id. */
  readonly failedBefore: ReadonlyMap<string, string>;
}

/** Sorts the jobs of a page by what the sweep has to do about them. */
export function classifyPage(page: readonly Job[], run: SweepContext, now: Instant): ClassifiedPage {
  const policies = { reopened: effectivePolicy({ reopened: true }, run), stuck: run.policy };
  return {
    items: page.flatMap((job) => createItem(job, policies, run, now)),
    deliveries: page.filter((job) => wasJustCompleted(job, run, now)),
    competing: findCompetingJobs(page, run, now),
    failedBefore: new Map(
      page.flatMap((job) => {
        const lookup = wasFailedByUs(job, run, now) ? resolveOperation(job, run.policy.operations) : null;
        return lookup?.kind === "known" ? [[job.id, lookup.operation.name] as const] : [];
      }),
    ),
  };
}

/**
 * Whether `--job` lets a job through. The base was asked for the named ones alone, but it reads a page only when that is
 * fetched: by then someone may have corrected the external id by which the job was named.
 */
export function isNamed({ id, externalId }: Job, { named }: SweepContext): boolean {
  return named === null || named.includes(id) || (externalId !== null && named.includes(externalId));
}

function createItem(
  listed: Job,
  policies: { readonly reopened: Policy; readonly stuck: Policy },
  run: SweepContext,
  now: Instant,
): readonly SweepItem[] {
  const reopened = isReopenable(listed, run, now);
  const job = withEffectiveStart(listed, { reopened });
  const triaged = triage(job, reopened ? policies.reopened : policies.stuck, now);
  if (triaged.kind === "not-stuck" || (reopened && triaged.kind === "decided")) return [];
  const candidate = triaged.kind === "candidate" ? withOwnDate(triaged.candidate, listed) : null;
  const { operation, age } =
    triaged.kind === "decided" ? triaged : { operation: triaged.candidate.operation.name, age: triaged.candidate.age };
  if (!isNamed(listed, run) || (run.only !== null && (operation === null || !run.only.includes(operation)))) return [];
  const verdict = triaged.kind === "decided" ? triaged.verdict : null;
  const target = candidate === null ? null : targetOf(candidate);
  return [
    {
      job: toSummary(job),
      version: listed.version ?? null,
      operation,
      age,
      reopened,
      candidate,
      target,
      reported: parseReportedResult(listed.responsePayload, listed.payload),
      verdict,
    },
  ];
}

/** Returns a candidate that began when its record says: an undo or a reopening does not change that. */
export function withOwnDate(candidate: Candidate, { since }: Job): Candidate {
  return { ...candidate, began: since.kind === "at" ? since.at : null };
}

/** Returns the record and field that receive a candidate's output; null where the listing does not name it. */
export function targetOf({ targetId, operation }: Candidate): Target | null {
  return targetId === null ? null : { table: operation.target.table, id: targetId, field: operation.attachment };
}
