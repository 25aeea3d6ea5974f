import type { Duration } from "../../domain/job.ts";
import type { ResendResult } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import { effectivePolicy } from "../list/finished-jobs.ts";
import { journalJobOf } from "./journaled-writes.ts";
import { MAX_READ_AGE_MS, type ReadyWrite, type Recovery, recheck } from "./write-recoveries.ts";

/** How long the application's handler may take to complete a job after its webhook was taken, in growing steps. */
const POLL_DELAYS_MS: readonly Duration[] = [1_000, 2_000, 4_000, 8_000];

/** Whether the application's own handler is to complete the job. */
export function usesWebhook({ candidate, supersededBy }: Recovery, run: SweepContext): boolean {
  return supersededBy === null && (run.via ?? candidate.operation.completeVia) === "webhook";
}

/** Posts take their time, and each rests on a read of that moment: this often the rest is read again. */
const ROUNDS = 12;

/**
 * Sends the lost webhooks of at most 50 jobs again, so that the application's handler does what follows a success, and
 * looks whether it completed them. Gives back those that are to be written directly, since it did not.
 */
export async function resendWebhooks(recoveries: readonly Recovery[], run: SweepContext): Promise<readonly Recovery[]> {
  const awaited = new Map<Recovery, "accepted" | "unknown">();
  const left: Recovery[] = [];
  let pending = recoveries;
  for (let round = 1; pending.length > 0 && !run.limits.start.aborted; round += 1) {
    const due = await recheck(pending, run);
    if (run.dryRun) {
      for (const { recovery } of due) setDetail(recovery, "its webhook would be sent again");
      return [];
    }
    if (round > ROUNDS) {
      for (const { recovery } of due) recovery.item.error = "too slow: what was read grew old before it could be sent";
      break;
    }
    const later: Recovery[] = [];
    for (const each of due) {
      if (run.limits.start.aborted || run.clock.now() - each.readAt > MAX_READ_AGE_MS) {
        later.push(each.recovery);
        continue;
      }
      const { kind, detail } = await post(each, run);
      setDetail(each.recovery, `its webhook was ${kind === "refused" ? "not accepted" : "sent again"}: ${detail}`);
      if (kind === "refused") fallBack(each.recovery, left);
      else awaited.set(each.recovery, kind);
    }
    pending = later;
  }
  for (const recovery of await awaitCompletion([...awaited.keys()], run)) {
    // A handler that gave no answer may be at work still: what it does must not be written over.
    if (awaited.get(recovery) === "unknown") markUnchanged(recovery);
    else fallBack(recovery, left);
  }
  return left;
}

async function post({ recovery, job }: ReadyWrite, run: SweepContext): Promise<ResendResult> {
  const { candidate, output, others } = recovery;
  if (run.webhooks === null) return { kind: "refused", detail: "not configured" };
  if (job.webhookUrl === null) return { kind: "refused", detail: "the job has no webhook URL" };
  const replay = {
    webhookUrl: job.webhookUrl,
    externalId: candidate.externalId,
    outputs: [output, ...others].map(({ url }) => url),
    operation: candidate.operation,
  };
  const by = { ...run.signature, command: run.command };
  const settle = await run.journal?.announceWebhook(journalJobOf(recovery.item), by);
  const answer = await run.webhooks.post(replay, run.limits.writes);
  await settle?.(answer);
  return answer;
}

/** Those that the handler has not completed when its time is over. */
async function awaitCompletion(awaited: readonly Recovery[], run: SweepContext): Promise<readonly Recovery[]> {
  let open = awaited;
  for (const pause of POLL_DELAYS_MS) {
    if (open.length === 0 || run.limits.start.aborted) break;
    await run.clock.sleep(pause, run.limits.reads);
    const jobs = await run.store.readJobs(
      open.map(({ item }) => item.job.id),
      run.limits.reads,
    );
    open = open.filter(({ item }) => {
      const job = jobs.get(item.job.id);
      if (job !== undefined && effectivePolicy(item, run).stuckStatuses.includes(job.status)) return true;
      if (job?.status === run.completedStatus) item.applied = true;
      else {
        const detail = job === undefined ? "the job is gone" : `its status is ${JSON.stringify(job.status)} now`;
        item.verdict = { kind: "skip", reason: "changed-meanwhile", detail };
      }
      return false;
    });
  }
  return open;
}

function fallBack(recovery: Recovery, left: Recovery[]): void {
  if (recovery.candidate.operation.fallback === "direct") left.push(recovery);
  else markUnchanged(recovery);
}

function markUnchanged({ item }: Recovery): void {
  item.error = `${item.verdict?.detail ?? ""}; the job is as it was`;
}

function setDetail({ item }: Recovery, detail: string): void {
  if (item.verdict?.kind === "recover") item.verdict = { ...item.verdict, detail };
}
