import type { Duration, Job } from "../../domain/job.ts";
import { appendLine, resentLine, wasResent } from "../../domain/notes.ts";
import { storeName } from "../../domain/report.ts";
import { JournalError } from "../../ports/errors.ts";
import { webhookKey } from "../../ports/journal.ts";
import type { ResendResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type StageResult } from "../ledger.ts";
import { effectivePolicy } from "../list/finished-jobs.ts";
import { toJournalJob } from "./journaled-writes.ts";
import { type ReadyWrite, recheck } from "./recheck.ts";
import { isDelivery, MAX_READ_AGE_MS, type Recovery, writeLimit } from "./recovery.ts";

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
  readonly answer: "accepted" | "failed" | "unknown";
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
    const isSent = await readSent(run);
    for (let round = 1; pending.length > 0 && !run.limits.start.aborted; round += 1) {
      const checked = await recheck(pending, run);
      addOutcomes(outcomes, checked);
      // What a newer job's file has taken the place of is closed directly: its webhook would bring the older file back.
      left.push(...checked.ready.flatMap(({ recovery }) => (isDelivery(recovery) ? [] : [recovery])));
      const toSend = checked.ready.filter(({ recovery }) => isDelivery(recovery));
      if (run.dryRun) {
        const planned = toSend.map(({ recovery, job }) =>
          isSent(job) ? withDetail(recovery, ONCE_ONLY) : withDetail(recovery, "its webhook would be sent again"),
        );
        outcomes.push(...planned.map(({ item, verdict }) => ({ item, verdict })));
        return;
      }
      if (round > MAX_ROUNDS) {
        const error = `${storeName(run.store.kind)} was too slow: the data read was stale before the webhook could be sent again`;
        outcomes.push(...toSend.map(({ recovery: { item } }) => ({ item, error })));
        break;
      }
      const stale: Recovery[] = [];
      for (const ready of toSend) {
        if (run.limits.start.aborted || run.clock.now() - ready.readAt > MAX_READ_AGE_MS) {
          stale.push(ready.recovery);
          continue;
        }
        if (isSent(ready.job)) {
          const recovery = withDetail(ready.recovery, ONCE_ONLY);
          outcomes.push({ item: recovery.item, verdict: recovery.verdict });
          fallBack(recovery, left, outcomes);
          continue;
        }
        const answer = await post(ready, run);
        if (answer === "stale") {
          stale.push(ready.recovery);
          continue;
        }
        const { kind, detail } = answer;
        const recovery = withDetail(ready.recovery, `its webhook was ${OUTCOMES[kind]}: ${detail}`);
        outcomes.push({ item: recovery.item, verdict: recovery.verdict });
        if (kind === "refused" || kind === "not-sent") fallBack(recovery, left, outcomes);
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

const ONCE_ONLY = "its webhook was sent again before, and is not sent twice";

const OUTCOMES: Readonly<Record<ResendResult["kind"], string>> = {
  accepted: "sent again",
  unknown: "sent again",
  failed: "sent again",
  refused: "not accepted",
  "not-sent": "not sent",
};

/** Whether a person asks for webhooks that were sent again before: they name the jobs. */
function repeatsWebhooks({ named, force }: SweepContext): boolean {
  return named !== null && force;
}

/**
 * Reads which webhooks were sent again before, by the journal. Returns whether a job's was, by that or by its notes. It is
 * read for each batch: a run of another host may have sent one since this sweep began, and none is to be sent twice.
 */
async function readSent(run: SweepContext): Promise<(job: Job) => boolean> {
  if (repeatsWebhooks(run)) return () => false;
  // One that cannot be written, as on a full disk, is read all the same.
  const sent = await run.past.readWebhooksAgain();
  return (job) => sent.has(webhookKey(job)) || (job.externalId !== null && wasResent(job.notes, job.externalId));
}

/**
 * Requires that a webhook which is sent again will be known to later runs, where any is to be sent again.
 *
 * @throws JournalError where neither journal nor notes can remember it
 */
export async function requireWebhookMemory(run: SweepContext): Promise<void> {
  const { via, policy, journal } = run;
  const isByWebhook = policy.operations.some(({ completeVia }) => (via ?? completeVia) === "webhook");
  if (run.command !== "recover" || run.dryRun || run.hasNotes || !isByWebhook) return;
  if (journal !== null && (await journal.isWritable())) return;
  throw new JournalError(
    "webhooks cannot be sent again: neither a journal nor notes can record it, so a later run would send them twice",
    "Let journal.path name a file on a volume that outlasts the run, or jobs.fields.notes a field.",
  );
}

/**
 * Sends a webhook after that was recorded: in the journal, else in the job's notes. If recording took so long that the
 * job has to be read again, it is not sent.
 */
async function post({ recovery, job, readAt }: ReadyWrite, run: SweepContext): Promise<ResendResult | "stale"> {
  const { item, candidate, verdict } = recovery;
  if (run.webhooks === null) return { kind: "not-sent", detail: "not configured" };
  if (job.webhookUrl === null) return { kind: "not-sent", detail: "the job has no webhook URL" };
  const resend = {
    webhookUrl: job.webhookUrl,
    externalId: candidate.externalId,
    outputs: [verdict.output, ...verdict.others].map(({ url }) => url),
    operation: candidate.operation,
  };
  const by = { ...run.signature, command: run.command };
  const limit = writeLimit([readAt], run.limits.writes);
  const isLate = () => run.clock.now() > limit.notAfter;
  if (run.journal !== null && (await run.journal.isWritable())) {
    const complete = await run.journal.recordWebhookIntent(toJournalJob(item), by);
    // A disk that is full shows only when the line is written.
    if (await run.journal.isWritable()) {
      if (isLate()) {
        await complete(NOT_IN_TIME);
        return "stale";
      }
      const answer = await run.webhooks.post(resend, run.limits.writes);
      await complete(answer);
      return answer;
    }
  }
  const notes = appendLine(job.notes, resentLine(candidate.externalId, serverNow(run), run.signature));
  // A cell that is full of what people wrote takes no line of ours.
  if (!run.hasNotes || !wasResent(notes, candidate.externalId)) return NOT_RECORDED;
  const [noted] = await run.store.updateJobs([{ id: job.id, notes }], limit);
  if (noted?.kind === "confirmed" && isLate()) return NOT_IN_TIME;
  return noted?.kind === "confirmed" ? await run.webhooks.post(resend, run.limits.writes) : NOT_RECORDED;
}

const NOT_IN_TIME: ResendResult = {
  kind: "not-sent",
  detail: "recording it took so long that the data read was stale",
};

const NOT_RECORDED: ResendResult = {
  kind: "not-sent",
  detail: "it could not be recorded in a journal, nor noted in the job",
};

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
