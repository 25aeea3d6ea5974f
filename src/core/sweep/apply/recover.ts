import type { Duration } from "../../domain/job.ts";
import type { Target } from "../../domain/target.ts";
import { type RecoverVerdict, TARGET_MISSING } from "../../domain/verdict.ts";
import { TableRefused } from "../../ports/errors.ts";
import { createPipeline, type Pipeline } from "../concurrency.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import {
  addOutcomes,
  collectOutcomes,
  type ItemOutcome,
  type ItemResult,
  Ledger,
  type StageResult,
} from "../ledger.ts";
import type { Listing } from "../list/list-jobs.ts";
import type { Probing } from "../probe/probing.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { READ_BATCH, WRITE_BATCH } from "./batches.ts";
import type { Competition } from "./competition.ts";
import { UnfinishedWrites } from "./past-writes.ts";
import { ReadyQueue } from "./ready-queue.ts";
import { MAX_READ_AGE_MS, type Recovery } from "./recovery.ts";
import { resendWebhooks, usesWebhook } from "./resend-webhooks.ts";
import {
  findNewerWithoutSpace,
  findOtherSets,
  ItemsByTarget,
  mayBeHeldBack,
  recordKey,
  resolveSameTarget,
  type SameTargetResult,
} from "./same-target.ts";
import { writeRecoveries } from "./write-recoveries.ts";

/**
 * Maximum time a found output waits for its batch to fill. Full batches save requests, but a slow storage must not
 * delay the results that are there already.
 */
const MAX_BATCH_DELAY_MS: Duration = 3_000;

/** What recovering came to. */
export interface RecoverResult extends StageResult {
  /** The first table that was refused, whose jobs could not be recovered. It does not stop the sweep. */
  readonly refusedTable: TableRefused | null;
}

/**
 * Recovers while the probing goes on: whenever a batch is full, or what was found has waited for long. The listing has
 * to be complete, since only then it is known which of several jobs for one target is the newest.
 */
export async function recover(
  listing: Listing,
  competition: Competition,
  probing: Probing,
  run: SweepContext,
): Promise<RecoverResult> {
  const { items } = listing;
  const refusedTables = new Map<string, TableRefused>();
  const result = await collectOutcomes(async (outcomes) => {
    const state: RecoveryState = {
      ledger: new Ledger(items),
      outcomes,
      byTarget: new ItemsByTarget(),
      byRecord: new ItemsByTarget(recordKey),
      competition,
      unfinished: new UnfinishedWrites(run, () => run.past.all()),
      waiting: [],
      ready: new ReadyQueue(batchSize(run)),
      pipeline: createPipeline(),
      refusedTables,
    };
    for (const item of items) addTarget(item, item.target, state);
    // A person is not asked while a progress line is drawn, and nothing is written in a scan.
    while (!probing.isOver() && (run.confirm !== null || run.command === "scan")) await probing.progress.wait();
    if (run.command !== "scan") await writeWhileProbing(probing, state, run);
    else {
      await mergeProbed(probing.takeCompleted(), state);
      decideSameTarget(state);
      record(items.filter((item) => lacksTarget(item, state)).map(withoutTarget), state);
    }
  });
  const [refusedTable = null] = refusedTables.values();
  return { ...result, refusedTable };
}

/** What is known and done by now. */
interface RecoveryState {
  readonly ledger: Ledger;
  /** What the ledger got from recovering, and not from probing. */
  readonly outcomes: ItemOutcome[];
  readonly byTarget: ItemsByTarget;
  readonly byRecord: ItemsByTarget;
  /** Jobs that this sweep does not work on, and that may yet have a newer output. */
  readonly competition: Competition;
  readonly unfinished: UnfinishedWrites;
  /** Items whose records a killed run may still be writing. */
  readonly waiting: SweepItem[];
  readonly ready: ReadyQueue;
  /** The next batch is read while the last writes of the one before it are under way. */
  readonly pipeline: Pipeline;
  /** A table that is refused does not block the others. */
  readonly refusedTables: Map<string, TableRefused>;
}

function record(outcomes: readonly ItemOutcome[], state: RecoveryState): void {
  state.outcomes.push(...outcomes);
  state.ledger.merge(outcomes);
}

/** A scan spares the guard read, so a target that only a further link field could name stays unknown to it. */
function lacksTarget(item: SweepItem, { ledger }: RecoveryState): boolean {
  const needsTarget = item.candidate?.operation.targetKind !== "none";
  return needsTarget && item.target === null && ledger.get(item).verdict?.kind === "recover";
}

function withoutTarget(item: SweepItem): ItemOutcome {
  return { item, verdict: TARGET_MISSING };
}

async function writeWhileProbing(probing: Probing, state: RecoveryState, run: SweepContext): Promise<void> {
  let waitingSince = run.clock.now();
  while (!probing.isOver() && !run.limits.start.aborted) {
    await enqueueReady(probing.takeCompleted(), state);
    const now = run.clock.now();
    const wasEmpty = state.ready.isEmpty();
    const started = await startBatches(state, run, { partial: now - waitingSince >= MAX_BATCH_DELAY_MS });
    if (wasEmpty || started) waitingSince = now;
    if (!started) await waitForMore(probing, run);
  }
  while (!probing.isOver()) await probing.progress.wait();
  await enqueueReady(probing.takeCompleted(), state);
  do {
    await startBatches(state, run, { partial: true });
    await state.pipeline.done();
    await writeWaiting(state, run);
    // Where the newest could not be delivered, for a file that is there, it may be that of the next.
    for (const group of openGroups(state)) enqueueNewest(group, state);
  } while (!state.ready.isEmpty() && !run.limits.start.aborted);
  await closeSuperseded(state, run);
}

/** Waits for as many further probes as fill a batch, for the end of the probing, or for the maximum delay. */
async function waitForMore({ progress, isOver }: Probing, run: SweepContext): Promise<void> {
  const timer = new AbortController();
  let timedOut = false;
  const timeout = run.clock.sleep(MAX_BATCH_DELAY_MS, timer.signal).then(
    () => {
      timedOut = true;
      progress.notify();
    },
    () => undefined,
  );
  for (let probed = 0; probed < batchSize(run) && !isOver() && !timedOut && !run.limits.start.aborted; probed += 1) {
    await progress.wait();
  }
  timer.abort();
  await timeout;
}

/** Queues what can be written now that these were probed. */
async function enqueueReady(probed: readonly ItemOutcome[], state: RecoveryState): Promise<void> {
  await mergeProbed(probed, state);
  const { ledger, byTarget } = state;
  const groups = new Set(probed.map(({ item }) => byTarget.sharing(item, ledger.get(item).target)));
  for (const group of groups) enqueueNewest(group, state);
}

/** Returns the groups of items for one target of which some are not written. */
function openGroups({ byTarget, ledger }: RecoveryState): readonly (readonly SweepItem[])[] {
  return byTarget.groups().filter((group) => !group.every((item) => ledger.get(item).applied));
}

function enqueueNewest(group: readonly SweepItem[], state: RecoveryState): void {
  const { newest } = resolveGroup(group, state);
  if (newest !== null) state.ready.add(newest);
}

/** Takes over what was probed. Where something is to be delivered, it has to be known which jobs compete with it. */
async function mergeProbed(probed: readonly ItemOutcome[], { ledger, competition }: RecoveryState): Promise<void> {
  ledger.merge(probed);
  if (probed.some(({ item }) => mayBeHeldBack(ledger.get(item)))) await competition.list();
}

/** Decides about the items that share a target. */
function resolveGroup(group: readonly SweepItem[], { ledger, competition }: RecoveryState): SameTargetResult {
  const results = resultsOf(group, ledger);
  return resolveSameTarget(results, competition.for(results[0]?.target ?? null));
}

/** Writes those whose records a killed run may still be writing, once that is over. */
async function writeWaiting(state: RecoveryState, run: SweepContext): Promise<void> {
  const { unfinished, waiting } = state;
  if (waiting.length === 0) return;
  try {
    await unfinished.wait(waiting.flatMap((item) => recordsOf(item, state)));
  } catch (error) {
    if (run.limits.start.aborted) return;
    throw error;
  }
  const ready = new ReadyQueue(batchSize(run));
  for (const item of waiting.splice(0)) ready.add(item);
  await startBatches({ ...state, ready }, run, { partial: true });
  await state.pipeline.done();
}

function recordsOf(item: SweepItem, { ledger }: RecoveryState): readonly string[] {
  const { target } = ledger.get(item);
  return [item.job.id, ...(target === null ? [] : [target.id])];
}

/** Starts all batches that are full, with `partial` the others as well. Returns whether there was any. */
async function startBatches(
  state: RecoveryState,
  run: SweepContext,
  how: { readonly partial: boolean },
): Promise<boolean> {
  let any = false;
  for (let batch = state.ready.take(how); batch !== null; batch = state.ready.take(how)) {
    any = true;
    await startBatch(batch, state, run);
  }
  return any;
}

async function startBatch(batch: readonly SweepItem[], state: RecoveryState, run: SweepContext): Promise<void> {
  if (run.limits.start.aborted) return;
  const isUnfinished = await state.unfinished.read();
  const now: SweepItem[] = [];
  for (const item of batch) {
    if (isUnfinished(recordsOf(item, state))) state.waiting.push(item);
    else now.push(item);
  }
  if (now.length === 0) return;
  const recoveries = now.flatMap((item) => toRecovery(item, state));
  await state.pipeline.begin((startNext) => recoverBatch(recoveries, state, run, startNext));
}

function toRecovery(item: SweepItem, { ledger, byTarget, byRecord }: RecoveryState): readonly Recovery[] {
  const { candidate } = item;
  const own = ledger.get(item);
  const { evidence, verdict, target } = own;
  if (candidate === null || verdict?.kind !== "recover") return [];
  const isSetting = Object.keys(candidate.operation.set).length > 0;
  const otherSets = isSetting ? findOtherSets(own, resultsOf(byRecord.sharing(item, target), ledger)) : [];
  const newerWithoutSpace = findNewerWithoutSpace(own, resultsOf(byTarget.sharing(item, target), ledger));
  return [{ item, candidate, evidence, verdict, otherSets, newerWithoutSpace }];
}

function resultsOf(items: readonly SweepItem[], ledger: Ledger): readonly ItemResult[] {
  return items.map((item) => ledger.get(item));
}

function addTarget(item: SweepItem, target: Target | null, { byTarget, byRecord }: RecoveryState): void {
  byTarget.add(item, target);
  byRecord.add(item, target);
}

/** Recovers a batch of items whose targets are in one table; if the table is refused, each gets that as its error. */
async function recoverBatch(
  batch: readonly Recovery[],
  state: RecoveryState,
  run: SweepContext,
  startNext: () => void,
): Promise<void> {
  const { ledger, refusedTables } = state;
  const refusedBefore = refusedTables.get(batch[0]?.candidate.operation.target.table ?? "");
  const { outcomes, failure } =
    refusedBefore === undefined
      ? await applyBatch(batch, run, startNext)
      : { outcomes: [], failure: { error: refusedBefore } };
  record(outcomes, state);
  // The guard read may have found the target of an item that the listing did not show.
  for (const { item } of batch) if (item.target === null) addTarget(item, ledger.get(item).target, state);
  if (failure === null) return;
  const { error } = failure;
  if (!(error instanceof TableRefused)) throw error;
  refusedTables.set(error.table, error);
  const left = batch.map(({ item }) => ledger.get(item)).filter((each) => each.verdict?.kind === "recover");
  const unwritten = left.filter((each) => !each.applied && each.error === null);
  record(
    unwritten.map(({ item }) => ({ item, error: inWords(error) })),
    state,
  );
}

function inWords({ message, hint }: TableRefused): string {
  return hint === null ? message : `${message}. ${hint}`;
}

/** Asks the person where one is to be asked, sends webhooks again, and writes the rest. */
function applyBatch(batch: readonly Recovery[], run: SweepContext, startNext: () => void): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    const asked = await askBeforeWrite(batch, run);
    outcomes.push(...asked.outcomes);
    const direct = asked.agreed.filter((each) => !usesWebhook(each, run));
    const byWebhook = asked.agreed.filter((each) => usesWebhook(each, run));
    if (byWebhook.length > 0) {
      const resent = await resendWebhooks(byWebhook, run);
      addOutcomes(outcomes, resent);
      direct.push(...resent.left);
    }
    if (direct.length > 0 && !run.limits.start.aborted) {
      addOutcomes(outcomes, await writeRecoveries(direct, run, startNext));
    }
  });
}

/** The jobs for one target: the newest, whose output is delivered, and the older ones that are closed after it. */
interface Succession {
  readonly newest: SweepItem;
  readonly superseded: readonly SweepItem[];
}

/** Gives the older jobs of each target their verdicts, now that all is probed. */
function decideSameTarget(state: RecoveryState): readonly Succession[] {
  const successions: Succession[] = [];
  for (const group of openGroups(state)) {
    const { newest, superseded, blocked } = resolveGroup(group, state);
    if (blocked !== null) {
      const detail = `${blocked.by}, which is newer, may still have an output`;
      const verdict = { kind: "wait", reason: "newer-job-undecided", detail } as const;
      record(
        blocked.items.map((item) => ({ item, verdict })),
        state,
      );
    }
    if (newest === null || superseded.length === 0) continue;
    const { id } = newest.job;
    record(
      superseded.flatMap(({ item, verdict }): readonly ItemOutcome[] => {
        if (verdict?.kind !== "recover") return [];
        return [{ item, verdict: supersede(verdict, id) }];
      }),
      state,
    );
    successions.push({ newest, superseded: superseded.map(({ item }) => item) });
  }
  return successions;
}

function supersede(verdict: RecoverVerdict, by: string): RecoverVerdict {
  return { ...verdict, reason: "superseded", supersededBy: by, detail: `by ${by}` };
}

/** Closes what is left when all is probed: the older jobs of a target, after the newest was delivered. */
async function closeSuperseded(state: RecoveryState, run: SweepContext): Promise<void> {
  const ready = new ReadyQueue(batchSize(run));
  for (const { newest, superseded } of decideSameTarget(state)) {
    const { verdict, applied } = state.ledger.get(newest);
    const isDone = verdict?.kind === "recover" && (applied || run.dryRun);
    // Where the newest turned out to be superseded itself, the file that is there is that of a still newer job.
    const owner = isDone && verdict.reason === "superseded" ? verdict.supersededBy : newest.job.id;
    const detail = `${newest.job.id} first`;
    const waiting: ItemOutcome["verdict"] = { kind: "wait", reason: "newer-job-undecided", detail };
    for (const item of superseded) {
      const { verdict: own } = state.ledger.get(item);
      const closed = isDone && own?.kind === "recover" ? supersede(own, owner) : null;
      record([{ item, verdict: closed ?? waiting }], state);
      if (closed !== null) ready.add(item);
    }
  }
  await startBatches({ ...state, ready }, run, { partial: true });
  await state.pipeline.done();
  await writeWaiting(state, run);
}

/**
 * As many as the store writes in one transaction; else as many as can be written, at the rate limit of the base, before
 * what was read of them is stale: they would be read again, which makes a slow base slower.
 */
function batchSize({ atomic, requestsPerSecond }: SweepContext): number {
  if (atomic !== null) return atomic.batchSize;
  const requests = Math.floor((MAX_READ_AGE_MS / 1000) * requestsPerSecond);
  // One of them reads the targets, two read for the next batch; ten jobs take two writes.
  const tens = Math.floor((requests - 3) / 2);
  return Math.min(READ_BATCH, WRITE_BATCH * Math.max(1, tens));
}
