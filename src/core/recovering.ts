import { applyRecoveries, FRESH_FOR, type Recovery } from "./apply-recoveries.ts";
import { applyByWebhook, isByWebhook } from "./apply-webhooks.ts";
import { BATCH, CHUNK } from "./batches.ts";
import type { Bell } from "./bell.ts";
import { withConsent } from "./consent.ts";
import type { Duration } from "./job.ts";
import { createRelay, type Relay } from "./overlap.ts";
import { TableRefused } from "./ports.ts";
import type { Case, Run } from "./run.ts";
import { supersede } from "./supersede.ts";
import { TARGET_MISSING } from "./verdict.ts";

/** How the probing stands that goes on meanwhile. */
export interface Probing {
  /** Rung for each job that was probed, and at the end. */
  readonly bell: Bell;
  isOver(): boolean;
}

/**
 * How long an output that was found waits for others to be written with. Full chunks save requests; but where the
 * storage hangs, what it did tell must not wait for what it does not.
 */
const LONGEST_WAIT: Duration = 3_000;

/**
 * Recovers while the probing goes on: whenever a chunk is full, and what was found is waiting for long. The listing has
 * to be complete, since only then it is known which of several jobs for one target is the newest. Gives back the first
 * table that was refused, whose jobs could not be recovered.
 */
export async function recover(cases: readonly Case[], probing: Probing, run: Run): Promise<TableRefused | null> {
  const progress: Progress = { taken: new Set(), refused: new Map(), relay: createRelay() };
  // A person is not asked while a progress line is drawn, and nothing is written in a scan.
  while (!probing.isOver() && (run.confirm !== null || run.command === "scan")) await probing.bell.heard();
  if (run.command === "scan") {
    await conclude(cases, progress, run);
    return null;
  }
  const full = chunkSize(run);
  let waitingSince = run.clock.now();
  while (!probing.isOver() && !run.limits.begin.aborted) {
    const chunks = chunksByTable(winnersAmong(cases, progress.taken), full);
    const late = run.clock.now() - waitingSince >= LONGEST_WAIT;
    const due = chunks.filter(({ length }) => late || length === full);
    if (chunks.length === 0 || due.length > 0) waitingSince = run.clock.now();
    for (const chunk of due) await begin(chunk, progress, run);
    if (due.length === 0) await nextFew(probing, run);
  }
  while (!probing.isOver()) await probing.bell.heard();
  for (const chunk of chunksByTable(winnersAmong(cases, progress.taken), full)) await begin(chunk, progress, run);
  await progress.relay.done();
  await conclude(cases, progress, run);
  const [refused = null] = progress.refused.values();
  return refused;
}

/** Waits for as many further probes as fill a chunk, for the end of the probing, or for the longest wait. */
async function nextFew({ bell, isOver }: Probing, run: Run): Promise<void> {
  const timer = new AbortController();
  let late = false;
  const wait = run.clock.sleep(LONGEST_WAIT, timer.signal).then(
    () => {
      late = true;
      bell.ring();
    },
    () => undefined,
  );
  for (let heard = 0; heard < chunkSize(run) && !isOver() && !late && !run.limits.begin.aborted; heard += 1)
    await bell.heard();
  timer.abort();
  await wait;
}

function winnersAmong(cases: readonly Case[], taken: ReadonlySet<Case>): readonly Recovery[] {
  return supersede(found(cases), cases).winners.filter(({ item }) => !taken.has(item));
}

function found(cases: readonly Case[]): readonly Recovery[] {
  return cases.flatMap((item): readonly Recovery[] => {
    const { candidate, verdict } = item;
    if (candidate === null || verdict?.kind !== "recover") return [];
    return [{ item, candidate, output: verdict.output, others: verdict.others, supersededBy: null }];
  });
}

/** What was done so far: the cases that had their turn, and the tables that are refused, which hold up nobody else. */
interface Progress {
  readonly taken: Set<Case>;
  readonly refused: Map<string, TableRefused>;
  /** The next chunk is read while the last writes of the one before it are under way. */
  readonly relay: Relay;
}

async function begin(chunk: readonly Recovery[], progress: Progress, run: Run): Promise<void> {
  if (run.limits.begin.aborted) return;
  for (const { item } of chunk) progress.taken.add(item);
  await progress.relay.begin((nearlyDone) => apply(chunk, progress, run, nearlyDone));
}

async function apply(
  chunk: readonly Recovery[],
  { refused }: Progress,
  run: Run,
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
    for (const { item } of chunk) if (item.verdict?.kind === "recover" && !item.applied) item.error ??= error.message;
  }
}

async function applyChunk(chunk: readonly Recovery[], run: Run, nearlyDone: () => void): Promise<void> {
  const agreed = await withConsent(chunk, run);
  const byWebhook = agreed.filter((each) => isByWebhook(each, run));
  const left = byWebhook.length === 0 ? [] : await applyByWebhook(byWebhook, run);
  const direct = [...agreed.filter((each) => !isByWebhook(each, run)), ...left];
  if (direct.length > 0 && !run.limits.begin.aborted) await applyRecoveries(direct, run, nearlyDone);
}

/** What is left when all is probed: the elder jobs of a target, which follow the newest. */
async function conclude(cases: readonly Case[], progress: Progress, run: Run): Promise<void> {
  const { winners, superseded, blocked } = supersede(found(cases), cases);
  for (const { item, by } of blocked) {
    const detail = `whether ${by.job.id}, which is newer, has an output is not known`;
    item.verdict = { kind: "wait", reason: "newer-undecided", detail };
  }
  for (const { item, output, others, supersededBy } of superseded) {
    item.verdict = { kind: "recover", reason: "superseded", output, others, detail: `by ${supersededBy}` };
  }
  if (run.command === "scan") {
    // A scan spares the guard read, so a target that only a further link field could name stays unknown to it.
    for (const { item, candidate } of winners) if (candidate.targetId === null) item.verdict = TARGET_MISSING;
    return;
  }
  const open: Recovery[] = [];
  for (const recovery of superseded) {
    const newer = winners.find(({ item }) => item.job.id === recovery.supersededBy);
    const verdict = newer?.item.verdict;
    // One that turned out to be superseded itself was not delivered: the next sweep finds whose file is there.
    const delivered =
      verdict?.kind === "recover" && verdict.reason !== "superseded" && (newer?.item.applied === true || run.dryRun);
    if (delivered) open.push(recovery);
    else recovery.item.verdict = { kind: "wait", reason: "newer-undecided", detail: `${recovery.supersededBy} first` };
  }
  for (const chunk of chunksByTable(open, chunkSize(run))) {
    await begin(chunk, progress, run);
  }
  await progress.relay.done();
}

/**
 * As many as can be written, at the pace of the base, before what was read of them is too old to be written on: else
 * they would be read again, which makes a slow base slower.
 */
function chunkSize({ requestsPerSecond }: Run): number {
  const requests = Math.floor((FRESH_FOR / 1000) * requestsPerSecond);
  // One of them reads the targets, two read for the next chunk; ten jobs take two writes.
  const tens = Math.floor((requests - 3) / 2);
  return Math.min(CHUNK, BATCH * Math.max(1, tens));
}

/** At most `size` at a time and of one table, so that each chunk costs two reads. */
function chunksByTable(recoveries: readonly Recovery[], size: number): readonly (readonly Recovery[])[] {
  const chunks: Recovery[][] = [];
  const open = new Map<string, Recovery[]>();
  for (const recovery of recoveries) {
    const { table } = recovery.candidate.operation.target;
    let chunk = open.get(table);
    if (chunk === undefined || chunk.length === size) {
      chunk = [];
      chunks.push(chunk);
      open.set(table, chunk);
    }
    chunk.push(recovery);
  }
  return chunks;
}
