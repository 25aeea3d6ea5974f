import type { Duration } from "../../domain/job.ts";
import type { ResendResult } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type StageResult } from "../ledger.ts";
import { effectivePolicy } from "../list/finished-jobs.ts";
import { toJournalJob } from "./journaled-writes.ts";
import { type ReadyWrite, recheck } from "./recheck.ts";
import { isDelivery, MAX_READ_AGE_MS, type Recovery } from "./recovery.ts";

/** How long the application's handler may take to complete a job after it accepted the webhook, in growing steps. */
const POLL_DELAYS_MS: readonly Duration[] = [1_000, 2_000, 4_000, 8_000];

/** Posts take their time, and each rests on a fresh read: at most so often the rest is read again. */
const MAX_ROUNDS = 12;

/** Whether the application's own handler is to complete the job. */
export function usesWebhook(recovery: Recovery, run: SweepContext): boolean {
  return isDelivery(recovery) && (run.via ?? recovery.candidate.operation.completeVia) === "webhook";
}

/** What re-sending webhooks came to. `left` are the recoveries that the handler did not complete: to be written directly. */
export interface ResendStageResult extends StageResult {
  readonly left: readonly Recovery[];
}

/** A recovery whose webhook was sent again, with what its handler answered. */
interface Awaited {
  readonly recovery: Recovery;
  readonly answer: "accepted" | "unknown";
}

/**
 * Sends the lost webhooks of at most 50 jobs again, so that the application's handler does what follows a success, and
 * reads whether it completed them.
 */
export async function resendWebhooks(recoveries: readonly Recovery[], run: SweepContext): Promise<ResendStageResult> {
  const left: Recovery[] = [];
  const result = await collectOutcomes(async (outcomes) => {
    const awaited: Awaited[] = [];
    let pending = recoveries;
    for (let round = 1; pending.length > 0 && !run.limits.start.aborted; round += 1) {
      const checked = await recheck(pending, run);
      addOutcomes(outcomes, checked);
      if (run.dryRun) {
        const planned = checked.ready.map(({ recovery }) => withDetail(recovery, "its webhook would be sent again"));
        outcomes.push(...planned.map(({ item, verdict }) => ({ item, verdict })));
        return;
      }
      if (round > MAX_ROUNDS) {
        const error = "Airtable was too slow: the data read was stale before the webhook could be sent again";
        outcomes.push(...checked.ready.map(({ recovery: { item } }) => ({ item, error })));
        break;
      }
      const stale: Recovery[] = [];
      for (const ready of checked.ready) {
        if (run.limits.start.aborted || run.clock.now() - ready.readAt > MAX_READ_AGE_MS) {
          stale.push(ready.recovery);
          continue;
        }
        const { kind, detail } = await post(ready, run);
        const recovery = withDetail(
          ready.recovery,
          `its webhook was ${kind === "refused" ? "not accepted" : "sent again"}: ${detail}`,
        );
        outcomes.push({ item: recovery.item, verdict: recovery.verdict });
        if (kind === "refused") fallBack(recovery, left, outcomes);
        else awaited.push({ recovery, answer: kind });
      }
      pending = stale;
    }
    for (const { recovery, answer } of await awaitCompletion(awaited, outcomes, run)) {
      // A handler that gave no answer may still be working: its write must not be overwritten.
      if (answer === "unknown") outcomes.push(unchanged(recovery));
      else fallBack(recovery, left, outcomes);
    }
  });
  return { ...result, left };
}

async function post({ recovery, job }: ReadyWrite, run: SweepContext): Promise<ResendResult> {
  const { item, candidate, verdict } = recovery;
  if (run.webhooks === null) return { kind: "refused", detail: "not configured" };
  if (job.webhookUrl === null) return { kind: "refused", detail: "the job has no webhook URL" };
  const resend = {
    webhookUrl: job.webhookUrl,
    externalId: candidate.externalId,
    outputs: [verdict.output, ...verdict.others].map(({ url }) => url),
    operation: candidate.operation,
  };
  const by = { ...run.signature, command: run.command };
  const complete = await run.journal?.recordWebhookIntent(toJournalJob(item), by);
  const answer = await run.webhooks.post(resend, run.limits.writes);
  await complete?.(answer);
  return answer;
}

/** Reads the jobs until the handler completed them. Returns those that it has not completed when its time is over. */
async function awaitCompletion(
  awaited: readonly Awaited[],
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<readonly Awaited[]> {
  let open = awaited;
  for (const delay of POLL_DELAYS_MS) {
    if (open.length === 0 || run.limits.start.aborted) break;
    await run.clock.sleep(delay, run.limits.reads);
    const ids = open.map(({ recovery }) => recovery.item.job.id);
    const jobs = await run.store.readJobs(ids, run.limits.reads);
    open = open.filter(({ recovery: { item } }) => {
      const job = jobs.get(item.job.id);
      if (job !== undefined && effectivePolicy(item, run).stuckStatuses.includes(job.status)) return true;
      if (job?.status === run.completedStatus) outcomes.push({ item, applied: true });
      else {
        const detail = job === undefined ? "the job was deleted" : `its status is ${JSON.stringify(job.status)} now`;
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail } });
      }
      return false;
    });
  }
  return open;
}

/** Leaves a job that the handler did not complete to be written directly, where its operation allows that. */
function fallBack(recovery: Recovery, left: Recovery[], outcomes: ItemOutcome[]): void {
  if (recovery.candidate.operation.fallback === "direct") left.push(recovery);
  else outcomes.push(unchanged(recovery));
}

function unchanged({ item, verdict }: Recovery): ItemOutcome {
  return { item, error: `${verdict.detail}; the job was not changed` };
}

function withDetail(recovery: Recovery, detail: string): Recovery {
  return { ...recovery, verdict: { ...recovery.verdict, detail } };
}
