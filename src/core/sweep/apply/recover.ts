import type { Duration } from "../../domain/job.ts";
import { TARGET_MISSING } from "../../domain/verdict.ts";
import { TableRefused } from "../../ports/errors.ts";
import type { Signal } from "../bell.ts";
import { createPipeline, type Pipeline } from "../concurrency.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { READ_BATCH, WRITE_BATCH } from "./batches.ts";
import { resendWebhooks, usesWebhook } from "./resend-webhooks.ts";
import { ItemsByTarget } from "./rivals.ts";
import { resolveSameTarget } from "./same-target.ts";
import { MAX_READ_AGE_MS, type Recovery, writeRecoveries } from "./write-recoveries.ts";

/** How the probing stands that goes on meanwhile. */
export interface Probing {
  /** Rung for each job that was probed, and at the end. */
  readonly bell: Signal;
  isOver(): boolean;
  /** What was probed since it was last called. */
  takeCompleted(): readonly SweepItem[];
}

/**
 * How long an output that was found waits for others to be written with. Full chunks save requests; but where the
 * storage hangs, what it did tell must not wait for what it does not.
 */
const MAX_BATCH_DELAY_MS: Duration = 3_000;

/**
 * Recovers while the probing goes on: whenever a chunk is full, and what was found is waiting for long. The listing has
 * to be complete, since only then it is known which of several jobs for one target is the newest. Gives back the first
 * table that was refused, whose jobs could not be recovered.
 */
export async function recover(
  cases: readonly SweepItem[],
  probing: Probing,
  run: SweepContext,
): Promise<TableRefused | null> {
  const rivals = new ItemsByTarget();
  for (const item of cases) rivals.add(item);
  const progress: RecoveryState = {
    open: new ReadyQueue(chunkSize(run)),
    rivals,
    refused: new Map(),
    relay: createPipeline(),
  };
  // A person is not asked while a progress line is drawn, and nothing is written in a scan.
  while (!probing.isOver() && (run.confirm !== null || run.command === "scan")) await probing.bell.wait();
  if (run.command === "scan") {
    decideSameTarget(rivals);
    // A scan spares the guard read, so a target that only a further link field could name stays unknown to it.
    for (const item of cases) if (item.kind === "recover" && item.target === null) item.verdict = TARGET_MISSING;
    return null;
  }
  const { open } = progress;
  let waitingSince = run.clock.now();
  while (!probing.isOver() && !run.limits.start.aborted) {
    enqueueReady(probing.takeCompleted(), progress);
    const now = run.clock.now();
    const late = now - waitingSince >= MAX_BATCH_DELAY_MS;
    const wasEmpty = open.isEmpty();
    const begun = await startBatches(late, progress, run);
    if (wasEmpty || begun) waitingSince = now;
    if (!begun) await waitForMore(probing, run);
  }
  while (!probing.isOver()) await probing.bell.wait();
  enqueueReady(probing.takeCompleted(), progress);
  await startBatches(true, progress, run);
  await progress.relay.done();
  await closeSuperseded(progress, run);
  const [refused = null] = progress.refused.values();
  return refused;
}

/** Waits for as many further probes as fill a chunk, for the end of the probing, or for the longest wait. */
async function waitForMore({ bell, isOver }: Probing, run: SweepContext): Promise<void> {
  const timer = new AbortController();
  let late = false;
  const wait = run.clock.sleep(MAX_BATCH_DELAY_MS, timer.signal).then(
    () => {
      late = true;
      bell.notify();
    },
    () => undefined,
  );
  for (let heard = 0; heard < chunkSize(run) && !isOver() && !late && !run.limits.start.aborted; heard += 1)
    await bell.wait();
  timer.abort();
  await wait;
}

/** What was done so far; the tables that are refused hold up nobody else. */
interface RecoveryState {
  /** What can be written and was not begun. */
  readonly open: ReadyQueue;
  readonly rivals: ItemsByTarget;
  readonly refused: Map<string, TableRefused>;
  /** The next chunk is read while the last writes of the one before it are under way. */
  readonly relay: Pipeline;
}

/** Those that wait for their turn, by the table of their target, so that each chunk costs two reads. */
class ReadyQueue {
  readonly #full: number;
  readonly #byTable = new Map<string, Set<SweepItem>>();
  readonly #begun = new Set<SweepItem>();

  /** @param full as many at most make a chunk */
  constructor(full: number) {
    this.#full = full;
  }

  add(item: SweepItem): void {
    const { candidate } = item;
    if (candidate === null || this.#begun.has(item)) return;
    const { table } = candidate.operation.target;
    const waiting = this.#byTable.get(table) ?? new Set();
    this.#byTable.set(table, waiting.add(item));
  }

  isEmpty(): boolean {
    return this.#byTable.size === 0;
  }

  /** Takes out a full chunk or, with `late`, what there is; null where there is none. */
  take(late: boolean): readonly SweepItem[] | null {
    for (const [table, waiting] of this.#byTable) {
      if (!late && waiting.size < this.#full) continue;
      const chunk: SweepItem[] = [];
      for (const item of waiting) {
        if (chunk.length === this.#full) break;
        chunk.push(item);
        waiting.delete(item);
        this.#begun.add(item);
      }
      if (waiting.size === 0) this.#byTable.delete(table);
      return chunk;
    }
    return null;
  }
}

/** Lets those wait for their turn that can be written now that these were probed. */
function enqueueReady(probed: readonly SweepItem[], { open, rivals }: RecoveryState): void {
  for (const group of new Set(probed.map((item) => rivals.of(item)))) {
    const { newest } = resolveSameTarget(group);
    if (newest !== null) open.add(newest);
  }
}

/** Whether there was any. */
async function startBatches(late: boolean, progress: RecoveryState, run: SweepContext): Promise<boolean> {
  let any = false;
  for (let chunk = progress.open.take(late); chunk !== null; chunk = progress.open.take(late)) {
    any = true;
    await begin(
      chunk.flatMap((item) => recoveryOf(item, null)),
      progress,
      run,
    );
  }
  return any;
}

function recoveryOf(item: SweepItem, supersededBy: string | null): readonly Recovery[] {
  const { candidate, verdict } = item;
  if (candidate === null || verdict?.kind !== "recover") return [];
  return [{ item, candidate, output: verdict.output, others: verdict.others, supersededBy }];
}

async function begin(chunk: readonly Recovery[], progress: RecoveryState, run: SweepContext): Promise<void> {
  if (run.limits.start.aborted) return;
  await progress.relay.begin((nearlyDone) => apply(chunk, progress, run, nearlyDone));
}

async function apply(
  chunk: readonly Recovery[],
  { refused, rivals }: RecoveryState,
  run: SweepContext,
  nearlyDone: () => void,
): Promise<void> {
  const [first] = chunk;
  const before = refused.get(first?.candidate.operation.target.table ?? "");
  try {
    if (before !== undefined) throw before;
    await applyChunk(chunk, run, nearlyDone);
  } catch (error) {
    if (!(error instanceof TableRefused)) throw error;
    refused.set(error.table, error);
    for (const { item } of chunk) if (item.kind === "recover" && !item.applied) item.error ??= error.message;
  } finally {
    // The guard read may have told the target of one that the listing could not tell it of.
    for (const { item, candidate } of chunk) if (candidate.targetId === null) rivals.add(item);
  }
}

async function applyChunk(chunk: readonly Recovery[], run: SweepContext, nearlyDone: () => void): Promise<void> {
  const agreed = await askBeforeWrite(chunk, run);
  const byWebhook = agreed.filter((each) => usesWebhook(each, run));
  const left = byWebhook.length === 0 ? [] : await resendWebhooks(byWebhook, run);
  const direct = [...agreed.filter((each) => !usesWebhook(each, run)), ...left];
  if (direct.length > 0 && !run.limits.start.aborted) await writeRecoveries(direct, run, nearlyDone);
}

/** Gives the elder jobs of a target their verdicts, now that all is probed; gives back the winner of each. */
function decideSameTarget(
  rivals: ItemsByTarget,
): readonly { readonly winner: SweepItem; readonly superseded: readonly SweepItem[] }[] {
  const settled: { winner: SweepItem; superseded: readonly SweepItem[] }[] = [];
  for (const group of rivals.groups()) {
    const { newest, superseded, blocked } = resolveSameTarget(group);
    for (const item of blocked?.items ?? []) {
      const detail = `whether ${blocked?.by.job.id}, which is newer, has an output is not known`;
      item.verdict = { kind: "wait", reason: "newer-job-undecided", detail };
    }
    if (newest === null) continue;
    for (const item of superseded) {
      if (item.verdict?.kind !== "recover") continue;
      item.verdict = { ...item.verdict, reason: "superseded", detail: `by ${newest.job.id}` };
    }
    if (superseded.length > 0) settled.push({ winner: newest, superseded });
  }
  return settled;
}

/** What is left when all is probed: the elder jobs of a target, which follow the newest. */
async function closeSuperseded({ rivals, ...progress }: RecoveryState, run: SweepContext): Promise<void> {
  const open = new ReadyQueue(chunkSize(run));
  const winners = new Map<SweepItem, string>();
  for (const { winner, superseded } of decideSameTarget(rivals)) {
    const { id } = winner.job;
    // One that turned out to be superseded itself was not delivered: the next sweep finds whose file is there.
    const reason = winner.verdict?.reason;
    const delivered = winner.kind === "recover" && reason !== "superseded" && (winner.applied || run.dryRun);
    for (const item of superseded) {
      if (!delivered) item.verdict = { kind: "wait", reason: "newer-job-undecided", detail: `${id} first` };
      else {
        winners.set(item, id);
        open.add(item);
      }
    }
  }
  for (let chunk = open.take(true); chunk !== null; chunk = open.take(true)) {
    await begin(
      chunk.flatMap((item) => recoveryOf(item, winners.get(item) ?? null)),
      { rivals, ...progress },
      run,
    );
  }
  await progress.relay.done();
}

/**
 * As many as can be written, at the pace of the base, before what was read of them is too old to be written on: else
 * they would be read again, which makes a slow base slower.
 */
function chunkSize({ requestsPerSecond }: SweepContext): number {
  const requests = Math.floor((MAX_READ_AGE_MS / 1000) * requestsPerSecond);
  // One of them reads the targets, two read for the next chunk; ten jobs take two writes.
  const tens = Math.floor((requests - 3) / 2);
  return Math.min(READ_BATCH, WRITE_BATCH * Math.max(1, tens));
}
