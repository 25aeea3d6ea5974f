import { fileNameOf, type Output } from "../../domain/evidence.ts";
import type { Duration, Instant, Job } from "../../domain/job.ts";
import { appendLine, completedLine, isOwnError, supersededLine } from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import { TARGET_MISSING, type Verdict } from "../../domain/verdict.ts";
import type {
  AttachmentValue,
  JobUpdate,
  TargetFields,
  TargetRecord,
  TargetUpdate,
  WriteResult,
} from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import { forEachConcurrent } from "../concurrency.ts";
import type { SweepContext } from "../context.ts";
import type { Candidate } from "../decide/triage.ts";
import type { SweepItem } from "../item.ts";
import { effectivePolicy, isReopenable, withEffectiveStart } from "../list/finished-jobs.ts";
import { batches, groupBy, splitInHalf } from "./batches.ts";
import { type TargetWrite, type WriteContext, writeJobs, writeTargets } from "./journaled-writes.ts";
import { findNewerFiles } from "./newer-files.ts";
import { checkJob, checkTarget } from "./preconditions.ts";

/** A write rests on a read that is no older than this; else the records are read again first. */
export const MAX_READ_AGE_MS: Duration = 5_000;

/** Writes under way at the same time: so a base that takes half a second to answer is kept at its pace all the same. */
const CONCURRENT_WRITES = 3;

/** How often a chunk is read and written when answers are lost; what became of the last try is read as well. */
const MAX_ATTEMPTS = 4;

/** A job whose output is to be delivered, or, with `supersededBy`, only to be closed. */
export interface Recovery {
  readonly item: SweepItem;
  readonly candidate: Candidate;
  readonly output: Output;
  /** The further files of an output that has several. */
  readonly others: readonly Output[];
  readonly supersededBy: string | null;
}

/**
 * Applies at most 50 recoveries. Each round reads the jobs and their targets, drops what changed meanwhile, writes the
 * targets that lack their file, and then the jobs whose target is confirmed. What was left without a trustworthy
 * answer goes into the next round, where reading tells what became of it. A batch that was refused for one of its
 * records is read again and written in halves, so that one bad record does not hold up the others. `nearlyDone` is
 * called when the last writes are being sent: what is read from then on does not grow old behind them.
 */
export async function writeRecoveries(
  recoveries: readonly Recovery[],
  run: SweepContext,
  nearlyDone: () => void = () => undefined,
): Promise<void> {
  let pending: ReadonlyMap<Recovery, string> = new Map(recoveries.map((each) => [each, ""]));
  for (let round = 1; pending.size > 0; round += 1) {
    let due: readonly ReadyWrite[];
    try {
      if (round > 1) await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
      due = await recheck([...pending.keys()], run, round === 1);
    } catch (error) {
      // What was sent and not answered may have been carried out: that has to be told.
      for (const [recovery, unanswered] of pending) if (unanswered !== "") recordError(recovery, unanswered);
      throw error;
    }
    if (run.dryRun) return;
    if (round > MAX_ATTEMPTS) {
      const heard = new Map([...pending].map(([{ item }, error]) => [item, error]));
      for (const { recovery } of due) recordError(recovery, heard.get(recovery.item) ?? "");
      return;
    }
    const { unconfirmed, rejectedBatches } = await write(due, run, nearlyDone);
    for (const part of rejectedBatches.flatMap(splitInHalf)) await writeRecoveries(part, run);
    pending = unconfirmed;
  }
}

/** A recovery that the fresh read allows, with what it takes. */
export interface ReadyWrite {
  readonly recovery: Recovery;
  readonly job: Job;
  /** Null when the target holds the file already, or is not to be written. */
  readonly targetUpdate: TargetUpdate | null;
  /** The target as it was read; null where it is not to be written. */
  readonly target: TargetRecord | null;
  readonly readAt: Instant;
}

/**
 * Reads jobs and targets again; settles what changed meanwhile, and gives back the rest. With `atOnce` the targets that
 * the listing told are asked for with the jobs and not after them, which saves the time of an answer; of jobs that
 * turn out to be done they are then asked for in vain.
 */
export async function recheck(
  pending: readonly Recovery[],
  run: SweepContext,
  atOnce = false,
): Promise<readonly ReadyWrite[]> {
  const ids = pending.map(({ item }) => item.job.id);
  const reading = run.store.readJobs(ids, run.limits.reads);
  const told = atOnce ? pending.filter(isDelivery) : [];
  const targets = readTargets(
    told.flatMap((recovery) => {
      const { targetId } = recovery.candidate;
      return targetId === null ? [] : [{ recovery, id: targetId }];
    }),
    run,
  );
  // It is waited for below, where its jobs are known to be as they were; a failure is told there.
  targets.catch(() => undefined);
  const jobs = await reading.catch(async (error: unknown) => {
    await targets.catch(() => undefined);
    throw error;
  });
  const readAt = run.clock.now();
  const done = { status: run.completedStatus, runId: run.signature.runId };
  const open: { recovery: Recovery; job: Job }[] = [];
  for (const recovery of pending) {
    const { item, candidate } = recovery;
    const fresh = jobs.get(item.job.id);
    if (item.reopened && fresh?.status === run.failedStatus && !isReopenable(fresh, run, serverNow(run))) {
      const detail = "another hand has failed it";
      decideItem(item, { kind: "skip", reason: "changed-meanwhile", detail, output: recovery.output });
      continue;
    }
    const check = checkJob(
      fresh && withEffectiveStart(fresh, item),
      { job: item.job, candidate },
      done,
      effectivePolicy(item, run),
    );
    switch (check.kind) {
      case "done":
        item.applied = true;
        break;
      case "changed":
        decideItem(item, { kind: "skip", reason: "changed-meanwhile", detail: check.detail, output: recovery.output });
        break;
      case "unchanged":
        if (check.targetId === null) decideItem(item, TARGET_MISSING);
        else {
          const { table } = candidate.operation.target;
          item.target = { table, id: check.targetId, field: candidate.operation.attachment };
          open.push({ recovery, job: check.job });
        }
        break;
    }
  }
  return await recheckTargets(open, readAt, targets, run);
}

interface TargetRead {
  readonly target: TargetRecord | undefined;
  readonly at: Instant;
}

async function readTargets(
  wanted: readonly { readonly recovery: Recovery; readonly id: string }[],
  run: SweepContext,
): Promise<ReadonlyMap<Recovery, TargetRead>> {
  const read = new Map<Recovery, TargetRead>();
  for (const [table, group] of groupBy(wanted, ({ recovery }) => recovery.candidate.operation.target.table)) {
    const ids = [...new Set(group.map(({ id }) => id))];
    const fields = targetFields(group.map(({ recovery }) => recovery.candidate.operation));
    const targets = await run.store.readTargets(table, ids, fields, run.limits.reads);
    const at = run.clock.now();
    for (const { recovery, id } of group) read.set(recovery, { target: targets.get(id), at });
  }
  return read;
}

async function recheckTargets(
  open: readonly { recovery: Recovery; job: Job }[],
  jobsReadAt: Instant,
  early: Promise<ReadonlyMap<Recovery, TargetRead>>,
  run: SweepContext,
): Promise<readonly ReadyWrite[]> {
  const due: ReadyWrite[] = [];
  const closing = open.filter(({ recovery }) => !isDelivery(recovery));
  due.push(
    ...closing.map(({ recovery, job }) => ({ recovery, job, targetUpdate: null, target: null, readAt: jobsReadAt })),
  );
  const delivering = open.filter(({ recovery }) => isDelivery(recovery));
  const known = await early.catch((error: unknown) => {
    if (delivering.length > 0) throw error;
    return new Map<Recovery, TargetRead>();
  });
  const others = delivering.filter(({ recovery }) => !known.has(recovery));
  const late = await readTargets(
    others.map(({ recovery }) => ({ recovery, id: recovery.item.target?.id ?? "" })),
    run,
  );
  for (const [table, group] of groupBy(delivering, ({ recovery }) => recovery.candidate.operation.target.table)) {
    const checked = group.map(({ recovery, job }) => {
      const { target, at } = known.get(recovery) ?? late.get(recovery) ?? { target: undefined, at: jobsReadAt };
      const check = checkTarget(target, recovery.candidate.operation, outputFiles(recovery));
      return { recovery, job, target: target ?? null, check, readAt: Math.min(jobsReadAt, at) };
    });
    const newer = await findNewerFiles(checked, run);
    for (const { recovery, job, target, check, readAt } of checked) {
      const { item, candidate, output, others } = recovery;
      const { operation } = candidate;
      const id = item.target?.id ?? "";
      const theirs = newer.get(recovery);
      if (theirs?.deliveredByUs) {
        const supersededBy = theirs.owner.id;
        decideItem(item, { kind: "recover", reason: "superseded", output, others, detail: `by ${supersededBy}` });
        due.push({ recovery: { ...recovery, supersededBy }, job, targetUpdate: null, target: null, readAt });
        continue;
      }
      if (theirs !== undefined && check.kind === "replace") {
        const detail = `${theirs.file} belongs to the newer job ${theirs.owner.id}`;
        decideItem(item, { kind: "skip", reason: "target-occupied", detail, output });
        continue;
      }
      switch (check.kind) {
        case "deleted":
          decideItem(item, { kind: "skip", reason: "target-missing", detail: `${table} has no record ${id}`, output });
          break;
        case "occupied":
          decideItem(item, { kind: "skip", reason: "target-occupied", detail: check.detail, output });
          break;
        case "already-attached":
          due.push({ recovery, job, targetUpdate: null, target: null, readAt });
          break;
        case "write":
        case "replace": {
          const fields = { [operation.attachment]: await withSignedUrls(check.value, run), ...operation.set };
          due.push({ recovery, job, targetUpdate: { id, fields }, target, readAt });
          break;
        }
      }
    }
  }
  return due;
}

interface PendingWrites {
  /** What has to be looked at again, with what was heard of it last. */
  readonly unconfirmed: Map<Recovery, string>;
  /** The batches that were refused for one of their records. */
  readonly rejectedBatches: (readonly Recovery[])[];
}

/** Writes what is due, ten at a time, a job always after its target; gives back what is not settled by that. */
async function write(due: readonly ReadyWrite[], run: SweepContext, nearlyDone: () => void): Promise<PendingWrites> {
  const unsettled: PendingWrites = { unconfirmed: new Map(), rejectedBatches: [] };
  const completeJobs = async (confirmed: readonly ReadyWrite[]) => {
    await forEachConcurrent(
      batches(confirmed, () => ""),
      CONCURRENT_WRITES,
      async (batch) => {
        const fresh = dropStale(batch, unsettled.unconfirmed, run);
        if (fresh.length === 0) return;
        const writes = fresh.map((each) => {
          return { ...writeContext(each), job: each.job, update: buildJobUpdate(each, run) };
        });
        recordResults(fresh, await writeJobs(writes, run), unsettled, ({ recovery }) => {
          recovery.item.applied = true;
        });
      },
    );
  };

  await completeJobs(due.filter(({ targetUpdate }) => targetUpdate === null));
  const delivering = due.filter(({ targetUpdate }) => targetUpdate !== null);
  const groups = groupBy(delivering, ({ recovery }) => recovery.candidate.operation.target.table);
  const portions = [...groups].flatMap(([table, group]) =>
    batches(group, ({ targetUpdate }) => targetUpdate?.id ?? "").map((batch) => ({ table, batch })),
  );
  await forEachConcurrent(portions, CONCURRENT_WRITES, async ({ table, batch }, index) => {
    // What was begun is finished, the jobs of delivered targets included; the rest is for the next run.
    if (run.limits.start.aborted) return;
    if (index >= portions.length - 2) nearlyDone();
    const fresh = dropStale(batch, unsettled.unconfirmed, run);
    const writes = fresh.flatMap((each): readonly TargetWrite[] => {
      const { targetUpdate: update, target: record, recovery } = each;
      if (update === null || record === null) return [];
      return [{ ...writeContext(each), record, update, sizes: fileSizes(outputFiles(recovery)) }];
    });
    if (writes.length === 0) return;
    const confirmed: ReadyWrite[] = [];
    recordResults(fresh, await writeTargets(table, writes, run), unsettled, (each) => {
      confirmed.push(each);
    });
    await completeJobs(confirmed);
  });
  return unsettled;
}

/** Leaves out, for the next round, what was read too long ago to be written on. */
function dropStale(
  batch: readonly ReadyWrite[],
  unconfirmed: Map<Recovery, string>,
  run: SweepContext,
): readonly ReadyWrite[] {
  const oldest = run.clock.now() - MAX_READ_AGE_MS;
  for (const { recovery, readAt } of batch) {
    if (readAt < oldest)
      unconfirmed.set(recovery, "the base was too slow: what was read grew old before it could be written");
  }
  return batch.filter(({ readAt }) => readAt >= oldest);
}

function recordResults(
  written: readonly ReadyWrite[],
  results: readonly WriteResult[],
  { unconfirmed, rejectedBatches }: PendingWrites,
  confirmed: (due: ReadyWrite) => void,
): void {
  const held: Recovery[] = [];
  for (const [index, due] of written.entries()) {
    const result = results[index];
    if (result === undefined) unconfirmed.set(due.recovery, "the base did not answer for this record");
    else if (result.kind === "confirmed") confirmed(due);
    else if (result.kind === "refused") recordError(due.recovery, result.error);
    else if (result.kind === "deleted") decideItem(due.recovery.item, deletedVerdict(due.recovery.output));
    else if (result.kind === "batch-rejected") held.push(due.recovery);
    else unconfirmed.set(due.recovery, result.error);
  }
  if (held.length > 0) rejectedBatches.push(held);
}

function buildJobUpdate({ recovery, job }: ReadyWrite, run: SweepContext): JobUpdate {
  const { item, output, others, supersededBy } = recovery;
  const at = serverNow(run);
  const line =
    supersededBy === null
      ? completedLine(
          outputFiles(recovery),
          { probes: item.probeGroups.flat(), providerReply: item.providerReply, rule: item.verdict?.reason ?? "" },
          at,
          run.signature,
        )
      : supersededLine(supersededBy, at, run.signature);
  const response = {
    output_url: output.url,
    ...(others.length === 0 ? {} : { output_urls: outputFiles(recovery).map(({ url }) => url) }),
    completed_via: "polling",
    run_id: run.signature.runId,
  };
  return {
    id: job.id,
    status: run.completedStatus,
    responsePayload: JSON.stringify(response),
    // What polling said of its failing does not hold any more; another's words stay.
    ...(item.reopened && isOwnError(job.error ?? "") ? { error: null } : {}),
    notes: appendLine(job.notes, line),
  };
}

/** What of a target is read before it is written. */
export function targetFields(operations: readonly Pick<Operation, "attachment" | "set">[]): TargetFields {
  return {
    attachments: [...new Set(operations.map(({ attachment }) => attachment))],
    cells: [...new Set(operations.flatMap(({ set }) => Object.keys(set)))],
  };
}

/** How large files are, by their names. */
export function fileSizes(files: readonly Output[]): ReadonlyMap<string, number> {
  return new Map(files.map(({ url, bytes }) => [fileNameOf(url), bytes]));
}

function writeContext({ recovery }: ReadyWrite): WriteContext {
  return { item: recovery.item, calibration: null };
}

function isDelivery({ supersededBy }: Recovery): boolean {
  return supersededBy === null;
}

/** All files of the output. */
function outputFiles({ output, others }: Recovery): readonly Output[] {
  return [output, ...others];
}

/** With URLs that Airtable can fetch: it has no key to a private bucket. */
export async function withSignedUrls(value: AttachmentValue, { probe }: SweepContext): Promise<AttachmentValue> {
  return await Promise.all(
    value.map(async (entry) => ("url" in entry ? { url: await probe.attachmentUrl(entry.url) } : entry)),
  );
}

/** Deleted between the read and the write. */
function deletedVerdict(output: Output): Verdict {
  return { kind: "skip", reason: "changed-meanwhile", detail: "the record was deleted right before the write", output };
}

function decideItem(item: SweepItem, verdict: Verdict): void {
  item.verdict = verdict;
}

function recordError({ item }: Recovery, error: string): void {
  item.error = error;
}
