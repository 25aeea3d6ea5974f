import { fileNameOf } from "../../domain/evidence.ts";
import { chunk, groupBy } from "../../domain/lists.ts";
import { appendLine, completedLine, isOwnError, refusedLine, supersededLine } from "../../domain/notes.ts";
import { storeName } from "../../domain/report.ts";
import type { AtomicWriter } from "../../ports/atomic-writer.ts";
import type { Attachment, JobUpdate, WriteLimit, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import { forEachConcurrent } from "../concurrency.ts";
import type { SweepContext } from "../context.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type StageResult } from "../ledger.ts";
import { batches, splitInHalf, WRITE_BATCH } from "./batches.ts";
import {
  type CombinedWrite,
  type TargetWrite,
  type WriteContext,
  writeJobs,
  writeTargets,
  writeTogether,
} from "./journaled-writes.ts";
import { type ReadyWrite, recheck } from "./recheck.ts";
import { fileSizes, isDelivery, MAX_READ_AGE_MS, outputFiles, type Recovery, writeLimit } from "./recovery.ts";
import { deliveryKind, jobKinds, statusKind, type WriteKind } from "./write-gate.ts";

/** Writes under way at the same time: a base that takes half a second to answer is still written at its rate limit. */
const CONCURRENT_WRITES = 3;

/** How often a batch is read and written when answers are lost; one more read finds out about the last write. */
const MAX_ATTEMPTS = 4;

const staleReadMessage = ({ kind }: SweepContext["store"]) =>
  `${storeName(kind)} was too slow: the data read was stale before it could be written; retried next run`;

/** Writes at most 50 recoveries: those that the gate admits, of a kind that is on trial one, and then the others. */
export function writeRecoveries(
  recoveries: readonly Recovery[],
  run: SweepContext,
  startNext: () => void = () => undefined,
): Promise<StageResult> {
  // In a transaction nothing is half written, and each row is refused for itself.
  if (run.atomic !== null || run.dryRun) return writeAdmitted(recoveries, run, startNext);
  return collectOutcomes(async (outcomes) => {
    await run.gate.open();
    const kindsOf = (recovery: Recovery) => writeKinds(recovery, run);
    let left = recoveries;
    while (left.length > 0 && !run.limits.start.aborted) {
      const { now, later, refused } = run.gate.admit(left, kindsOf);
      outcomes.push(...refused.map(({ recovery: { item }, why }) => ({ item, error: why })));
      if (now.length === 0) return;
      addOutcomes(outcomes, await writeAdmitted(now, run, later.length === 0 ? startNext : () => undefined));
      run.gate.endTrial(now.flatMap(kindsOf));
      left = later;
    }
  });
}

/** Returns the kinds of writes that a recovery takes. */
function writeKinds(recovery: Recovery, run: SweepContext): readonly WriteKind[] {
  const job = jobKinds(run.completedStatus, recovery.item);
  const { operation } = recovery.candidate;
  const delivers = isDelivery(recovery) && operation.targetKind !== "none";
  return delivers ? [...job, deliveryKind(operation)] : job;
}

/**
 * Writes at most 50 recoveries. Each round reads the jobs and their targets, drops what changed meanwhile, writes the
 * targets that lack their file, and then the jobs whose target is confirmed. What was left without a trustworthy
 * answer goes into the next round, where reading finds out about it; so does a job that was taken as it was listed, and
 * is not so any more. A batch that was refused for one of its records is read again and written in halves, so that one
 * bad record does not block the others. `startNext` is called when the last writes are being sent: what is read from then
 * on does not get stale behind them.
 */
function writeAdmitted(
  recoveries: readonly Recovery[],
  run: SweepContext,
  startNext: () => void,
): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    /** What is to be written, with the last error of a write that was not answered; "" where none is open. */
    let pending: ReadonlyMap<Recovery, string> = new Map(recoveries.map((each) => [each, ""]));
    /** Those whose file was sent to the base. */
    const sent = new Set<Recovery>();
    for (let round = 1; pending.size > 0; round += 1) {
      try {
        const isUnanswered = [...pending.values()].some((error) => error !== "");
        if (isUnanswered) await run.clock.sleep(250 * 2 ** round * (0.5 + run.random()), run.limits.writes);
        const checked = await recheck([...pending.keys()], run, round === 1);
        addOutcomes(outcomes, checked);
        if (run.dryRun) return;
        if (round > MAX_ATTEMPTS) {
          const errors = new Map([...pending].map(([{ item }, error]) => [item, error]));
          outcomes.push(...checked.ready.map(({ recovery: { item } }) => ({ item, error: errors.get(item) ?? "" })));
          return;
        }
        // What this run wrote itself, without hearing of it, is there by now.
        const ready = checked.ready.map((each): ReadyWrite => {
          return sent.has(each.recovery) && each.targetUpdate === null ? { ...each, ids: each.held } : each;
        });
        const written =
          run.atomic === null
            ? await write(ready, sent, run, startNext)
            : await writeAtomically(ready, run.atomic, run, startNext);
        pending = written.unconfirmed;
        addOutcomes(outcomes, written);
        for (const half of written.rejectedBatches.flatMap(splitInHalf)) {
          addOutcomes(outcomes, await writeRecoveries(half, run));
        }
      } catch (error) {
        // What was sent and not answered may have been carried out: that has to be reported.
        for (const [{ item }, unanswered] of pending) if (unanswered !== "") outcomes.push({ item, error: unanswered });
        throw error;
      }
    }
  });
}

interface WrittenBatches extends StageResult {
  /** What has to be read again, with the last error. */
  readonly unconfirmed: ReadonlyMap<Recovery, string>;
  /** The batches that were refused for one of their records. */
  readonly rejectedBatches: readonly (readonly Recovery[])[];
}

/** What has to be done again after a write. */
interface PendingWrites {
  readonly unconfirmed: Map<Recovery, string>;
  readonly rejectedBatches: (readonly Recovery[])[];
}

/** Writes what is ready, ten at a time, a job always after its target. */
async function write(
  ready: readonly ReadyWrite[],
  sent: Set<Recovery>,
  run: SweepContext,
  startNext: () => void,
): Promise<WrittenBatches> {
  const pending: PendingWrites = { unconfirmed: new Map(), rejectedBatches: [] };
  const result = await collectOutcomes(async (outcomes) => {
    const completeJobs = async (confirmed: readonly ReadyWrite[]) => {
      await forEachConcurrent(chunk(confirmed, WRITE_BATCH), CONCURRENT_WRITES, async (batch) => {
        const fresh = dropStale(dropRefused(batch, outcomes, run), pending.unconfirmed, run);
        if (fresh.length === 0) return;
        const writes = fresh.map((each) => {
          return { ...writeContext(each), job: each.job, update: buildJobUpdate(each, run) };
        });
        const kindsOf = ({ recovery }: ReadyWrite) => jobKinds(run.completedStatus, recovery.item);
        const results = await passGate(fresh, kindsOf, await writeJobs(writes, limitOf(fresh, run), run), run);
        const completed = recordResults(fresh, results, outcomes, pending);
        outcomes.push(...completed.map(({ recovery: { item } }) => ({ item, applied: true })));
      });
    };

    await completeJobs(ready.filter(({ targetUpdate }) => targetUpdate === null));
    const deliveries = ready.filter(({ targetUpdate }) => targetUpdate !== null);
    const groups = groupBy(deliveries, ({ recovery }) => recovery.candidate.operation.target.table);
    const portions = [...groups].flatMap(([table, group]) =>
      batches(group, ({ targetUpdate }) => targetUpdate?.id ?? "").map((batch) => ({ table, batch })),
    );
    const deliver = async ({ table, batch }: (typeof portions)[number]) => {
      const fresh = dropStale(dropRefused(batch, outcomes, run), pending.unconfirmed, run);
      const writes = fresh.flatMap((each): readonly TargetWrite[] => {
        const { targetUpdate: update, target: record, recovery } = each;
        if (update === null || record === null) return [];
        return [{ ...writeContext(each), record, update, sizes: sizesFor(recovery) }];
      });
      if (writes.length === 0) return;
      for (const { recovery, targetUpdate } of fresh) {
        if (targetUpdate?.fields[recovery.candidate.operation.attachment] !== undefined) sent.add(recovery);
      }
      const kindsOf = ({ recovery }: ReadyWrite) => [deliveryKind(recovery.candidate.operation)];
      const results = await passGate(fresh, kindsOf, await writeTargets(table, writes, limitOf(fresh, run), run), run);
      await completeJobs(recordResults(fresh, results, outcomes, pending));
    };
    // What was begun is finished, the jobs of delivered targets included; the rest is for the next run.
    const mayBegin = () => !run.limits.start.aborted;
    // Until the base has taken the status of a job, one batch goes ahead: were it refused, each further file would be
    // delivered for a job that cannot be completed.
    const ahead = run.gate.hasTaken(statusKind(run.completedStatus)) ? 0 : 1;
    for (const portion of portions.slice(0, ahead)) if (mayBegin()) await deliver(portion);
    const others = portions.slice(ahead);
    await forEachConcurrent(others, CONCURRENT_WRITES, async (portion, index) => {
      if (!mayBegin()) return;
      if (index >= others.length - 2) startNext();
      await deliver(portion);
    });
  });
  return { ...result, ...pending };
}

/** Writes what is ready, each job in one transaction with its target. */
async function writeAtomically(
  ready: readonly ReadyWrite[],
  atomic: AtomicWriter,
  run: SweepContext,
  startNext: () => void,
): Promise<WrittenBatches> {
  const pending: PendingWrites = { unconfirmed: new Map(), rejectedBatches: [] };
  const result = await collectOutcomes(async (outcomes) => {
    for (const batch of chunk(ready, atomic.batchSize)) {
      if (run.limits.start.aborted) return;
      startNext();
      const fresh = dropStale(batch, pending.unconfirmed, run);
      const writes = fresh.map((each): CombinedWrite => {
        const { job, target: record, targetUpdate, recovery } = each;
        const { item, evidence, verdict, calibration } = writeContext(each);
        const { table } = recovery.candidate.operation.target;
        const sizes = sizesFor(recovery);
        const target =
          targetUpdate === null || record === null
            ? null
            : { item, evidence, verdict, calibration, table, record, update: targetUpdate, sizes };
        return { job: { item, evidence, verdict, calibration, job, update: buildJobUpdate(each, run) }, target };
      });
      if (writes.length === 0) continue;
      const completed = recordResults(fresh, await writeTogether(writes, atomic, run), outcomes, pending);
      outcomes.push(...completed.map(({ recovery: { item } }) => ({ item, applied: true })));
    }
  });
  return { ...result, ...pending };
}

/** Returns until when these may be written. */
function limitOf(batch: readonly ReadyWrite[], run: SweepContext): WriteLimit {
  return writeLimit(
    batch.map(({ readAt }) => readAt),
    run.limits.writes,
  );
}

/** Leaves out, for the next round, what was read too long ago to be written. */
function dropStale(
  batch: readonly ReadyWrite[],
  unconfirmed: Map<Recovery, string>,
  run: SweepContext,
): readonly ReadyWrite[] {
  const oldest = run.clock.now() - MAX_READ_AGE_MS;
  for (const { recovery, readAt } of batch) {
    if (readAt < oldest) unconfirmed.set(recovery, staleReadMessage(run.store));
  }
  return batch.filter(({ readAt }) => readAt >= oldest);
}

/** Leaves out what the base has refused by now for all of its kind. */
function dropRefused(batch: readonly ReadyWrite[], outcomes: ItemOutcome[], run: SweepContext): readonly ReadyWrite[] {
  return batch.filter(({ recovery }) => {
    const why = run.gate.refusalOf(writeKinds(recovery, run));
    if (why !== null) outcomes.push({ item: recovery.item, error: why });
    return why === null;
  });
}

/**
 * Reports the results of a request to the gate, and returns them. A request that is refused for what all its records
 * have in common is refused for each of them: it is not written again in halves.
 */
async function passGate(
  written: readonly ReadyWrite[],
  kindsOf: (ready: ReadyWrite) => readonly WriteKind[],
  results: readonly WriteResult[],
  run: SweepContext,
): Promise<readonly WriteResult[]> {
  const isOneKind = new Set(written.map((ready) => kindsOf(ready).join("\n"))).size === 1;
  const decided = results.map((result): WriteResult => {
    const isCommon = isOneKind && result.kind === "batch-rejected" && result.scope !== undefined;
    return isCommon ? { ...result, kind: "refused" } : result;
  });
  for (const [n, ready] of written.entries()) {
    const { item } = ready.recovery;
    const result = decided[n];
    const toNote: WriteKind[] = [];
    for (const kind of kindsOf(ready)) {
      if (await run.gate.record(kind, item.job.id, result)) toNote.push(kind);
    }
    if (toNote.length > 0 && result?.kind === "refused") await noteRefusal(ready, toNote, result.error, run);
  }
  return decided;
}

/** Remembers a refusal in the notes of the job that it was found with. Where they are refused as well, nothing does. */
async function noteRefusal(
  { job, readAt }: ReadyWrite,
  kinds: readonly WriteKind[],
  error: string,
  run: SweepContext,
): Promise<void> {
  const at = serverNow(run);
  const lines = kinds.map((kind) => refusedLine(kind, error, at, run.signature));
  const update = { id: job.id, notes: lines.reduce(appendLine, job.notes) };
  await run.store.updateJobs([update], writeLimit([readAt], run.limits.writes));
}

/** Records what the base answered to each write. Returns those that it confirmed. */
function recordResults(
  written: readonly ReadyWrite[],
  results: readonly WriteResult[],
  outcomes: ItemOutcome[],
  { unconfirmed, rejectedBatches }: PendingWrites,
): readonly ReadyWrite[] {
  const confirmed: ReadyWrite[] = [];
  const rejected: Recovery[] = [];
  for (const [index, ready] of written.entries()) {
    const { recovery } = ready;
    const { item, verdict } = recovery;
    const result = results[index];
    switch (result?.kind) {
      case "confirmed":
        confirmed.push(withIds(ready, result.files));
        break;
      case "refused":
        outcomes.push({ item, error: result.error });
        break;
      case "deleted": {
        const detail = "the record was deleted right before the write";
        const { output } = verdict;
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail, output } });
        break;
      }
      case "changed": {
        // It is not as it was listed: the next round reads how it is.
        if (ready.job.version !== undefined) {
          unconfirmed.set(recovery, "");
          break;
        }
        const { output } = verdict;
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail: result.error, output } });
        break;
      }
      case "batch-rejected":
        rejected.push(recovery);
        break;
      case "unconfirmed":
      case "stale":
        unconfirmed.set(recovery, result.error);
        break;
      case undefined:
        unconfirmed.set(recovery, "the base did not answer for this record");
        break;
    }
  }
  if (rejected.length > 0) rejectedBatches.push(rejected);
  return confirmed;
}

/** Adds the ids that the base has given to the files that were just written. */
function withIds(ready: ReadyWrite, files: Readonly<Record<string, readonly Attachment[]>> = {}): ReadyWrite {
  const { candidate, verdict } = ready.recovery;
  const written = files[candidate.operation.attachment] ?? [];
  if (written.length === 0) return ready;
  const isHeld = (name: string, id: string) => ready.held.get(name) === id;
  const names = outputFiles(verdict).map(({ url }) => fileNameOf(url));
  const ids = written.flatMap(({ id, filename }) => {
    return id !== null && names.includes(filename) && !isHeld(filename, id) ? [[filename, id] as const] : [];
  });
  return ids.length === 0 ? ready : { ...ready, ids: new Map(ids) };
}

function buildJobUpdate({ recovery, job, ids }: ReadyWrite, run: SweepContext): JobUpdate {
  const { item, evidence, verdict } = recovery;
  const { output, others } = verdict;
  const files = outputFiles(verdict);
  const response = {
    output_url: output.url,
    ...(others.length === 0 ? {} : { output_urls: files.map(({ url }) => url) }),
    completed_via: "polling",
    run_id: run.signature.runId,
    ...(verdict.reason === "superseded" ? { superseded_by: verdict.supersededBy } : {}),
  };
  return {
    id: job.id,
    status: run.completedStatus,
    responsePayload: JSON.stringify(response),
    // The error that stuck-jobs wrote when it failed the job does not hold any more; someone else's stays.
    ...(item.reopened && isOwnError(job.error ?? "") ? { error: null } : {}),
    ...(run.hasNotes ? { notes: appendLine(job.notes, noteLine()) } : {}),
  };

  function noteLine(): string {
    const at = serverNow(run);
    return verdict.reason === "superseded"
      ? supersededLine(verdict.supersededBy, at, run.signature)
      : completedLine(files, { ...evidence, rule: verdict.reason }, at, run.signature, ids);
  }
}

const NO_SIZES: ReadonlyMap<string, number> = new Map();

/** Returns the sizes of the files that are attached, by their names; of what goes as a URL none are recorded. */
function sizesFor({ candidate, verdict }: Recovery): ReadonlyMap<string, number> {
  return candidate.operation.deliver?.as === "attachment" ? fileSizes(outputFiles(verdict)) : NO_SIZES;
}

function writeContext({ recovery: { item, evidence, verdict } }: ReadyWrite): WriteContext {
  return { item, evidence, verdict, calibration: null };
}
