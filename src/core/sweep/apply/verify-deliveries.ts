import { fileNameOf, type Output } from "../../domain/evidence.ts";
import { type Instant, type Job, toSummary } from "../../domain/job.ts";
import {
  appendLine,
  isSuperseded,
  parseNotedFiles,
  REDELIVERED_PREFIX,
  redeliveredLine,
  UNDELIVERED_PREFIX,
  undeliveredLine,
} from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { NOTHING_REPORTED, recordedOutputs } from "../../domain/response-payload.ts";
import { resolveTarget, type Target, targetKey } from "../../domain/target.ts";
import type { RecoverVerdict, Verdict } from "../../domain/verdict.ts";
import type { JobUpdate, TargetRecord, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { type DecidedItem, NO_EVIDENCE } from "../item.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type ItemResult, type StageResult } from "../ledger.ts";
import { placeOf } from "../places.ts";
import { batches, chunk, groupBy, READ_BATCH, splitInHalf } from "./batches.ts";
import { type JobWrite, type TargetWrite, writeJobs, writeTargets } from "./journaled-writes.ts";
import { withSignedUrls } from "./recheck.ts";
import { fileSizes, MAX_READ_AGE_MS, outputFiles, writeLimit } from "./recovery.ts";
import { redeliveryKind } from "./write-gate.ts";

/** A file that stuck-jobs wrote to a target. */
interface Delivery {
  readonly job: Job;
  readonly operation: Operation;
  readonly target: Target;
  readonly urls: readonly string[];
}

/** A delivery whose file is not in its target's field, or is there in another size. */
interface MissingFile extends Delivery {
  /** The target as it was read. */
  readonly record: TargetRecord;
  /** What was found in the field instead, for people. */
  readonly defect: string;
}

/** What is to be done about a missing file: it is written again or, with `rewrite: null`, reported as lost. */
interface Repair extends DecidedItem {
  readonly target: Target;
  readonly rewrite: RecoverVerdict | null;
}

/**
 * Verifies that the files that were written in the last hour arrived. Airtable fetches an attachment after it has
 * confirmed the write, and drops it silently when it cannot. Such a file is written once more; when that was done
 * before, the job gets an error note instead. The items of the outcomes are new to the sweep.
 *
 * @param completed jobs that stuck-jobs completed in the last hour
 * @param results of this sweep: what it has just delivered is left to the next sweep, whichever job it took the place of
 */
export function verifyDeliveries(
  completed: readonly Job[],
  results: readonly ItemResult[],
  run: SweepContext,
): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    const justWritten = new Set(
      results.flatMap(({ target, applied }) => (applied && target ? [targetKey(target)] : [])),
    );
    const toVerify = completed.filter(
      (job) => !recordedDelivery(job, run).some(({ target }) => justWritten.has(targetKey(target))),
    );
    for (const portion of chunk(toVerify, READ_BATCH)) {
      if (run.limits.start.aborted) break;
      const missing = await findMissingFiles(await withTargets(portion, run), run);
      const repairs = (await Promise.all(missing.map((each) => planRepair(each, run)))).filter((each) => each !== null);
      outcomes.push(...repairs.map(({ item, verdict }) => ({ item, verdict })));
      if (run.dryRun) continue;
      for (const [, own] of groupBy(repairs, ({ target }) => target.table)) {
        for (const batch of batches(own, ({ target }) => target.id)) {
          if (!run.limits.start.aborted) addOutcomes(outcomes, await repair(batch, run));
        }
      }
    }
  });
}

/** Returns null where the file cannot be seen now: Airtable could not fetch it either. */
async function planRepair(missing: MissingFile, run: SweepContext): Promise<Repair | null> {
  const detail = missing.defect;
  if (missing.job.notes.includes(REDELIVERED_PREFIX)) {
    const verdict = { kind: "skip", reason: "delivery-failed", detail: `${detail}, twice` } as const;
    return createRepair(missing, verdict, null);
  }
  const outputs: Output[] = [];
  for (const url of missing.urls) {
    const probe = await placeOf(missing.operation, run).probe.probe(url, run.limits.reads);
    if (probe.result !== "present") return null;
    outputs.push(probe.output);
  }
  const [output, ...others] = outputs;
  if (output === undefined) return null;
  const verdict = { kind: "recover", reason: "delivery-retried", output, others, detail } as const;
  return createRepair(missing, verdict, verdict);
}

function createRepair(
  { job, operation, target }: MissingFile,
  verdict: Verdict,
  rewrite: RecoverVerdict | null,
): Repair {
  const item = {
    job: toSummary(job),
    operation: operation.name,
    age: null,
    reopened: false,
    reported: NOTHING_REPORTED,
    candidate: null,
    target,
    verdict,
  };
  return { item, evidence: NO_EVIDENCE, verdict, target, rewrite };
}

interface DueRepair {
  readonly repair: Repair;
  readonly missing: MissingFile;
}

/**
 * Carries out at most ten repairs of one table: reads jobs and targets again, writes the targets, then the jobs. What
 * changed meanwhile, or takes too long, is left to the next sweep, which verifies again. A batch that was refused for
 * one of its records is repaired in halves.
 */
function repair(repairs: readonly Repair[], run: SweepContext): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    const ids = repairs.map(({ item }) => item.job.id);
    const jobs = await run.store.readJobs(ids, run.limits.reads);
    const readAt = run.clock.now();
    const missing = await findMissingFiles([...jobs.values()], run);
    const due = repairs.flatMap((each): readonly DueRepair[] => {
      const fresh = missing.find(({ job }) => job.id === each.item.job.id);
      return fresh === undefined ? [] : [{ repair: each, missing: fresh }];
    });
    const rewritten = await rewriteFiles(due, readAt, outcomes, run);
    if (rewritten === "batch-rejected") {
      for (const half of splitInHalf(repairs)) addOutcomes(outcomes, await repair(half, run));
      return;
    }
    const toNote = due.filter((each) => each.repair.rewrite === null || rewritten.includes(each));
    await writeNotes(toNote, readAt, outcomes, run);
  });
}

/** Writes the missing files again. Returns the repairs whose target was confirmed. */
async function rewriteFiles(
  due: readonly DueRepair[],
  readAt: Instant,
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<readonly DueRepair[] | "batch-rejected"> {
  const toRewrite: DueRepair[] = [];
  const writes: TargetWrite[] = [];
  await run.gate.open();
  for (const each of due) {
    const { item, evidence, verdict, rewrite } = each.repair;
    if (rewrite === null) continue;
    const { target, urls, record } = each.missing;
    const refusal = run.gate.refusalOf([redeliveryKind(target)]);
    if (refusal !== null) {
      outcomes.push({ item, error: refusal });
      continue;
    }
    const value = urls.map((url) => ({ url }));
    const update = {
      id: target.id,
      fields: { [target.field]: await withSignedUrls(value, placeOf(each.missing.operation, run)) },
    };
    toRewrite.push(each);
    writes.push({ item, evidence, verdict, calibration: null, record, update, sizes: fileSizes(outputFiles(rewrite)) });
  }
  const [first] = toRewrite;
  if (first === undefined || run.clock.now() - readAt > MAX_READ_AGE_MS) return [];
  const results = await writeTargets(first.missing.target.table, writes, writeLimit([readAt], run.limits.writes), run);
  if (results.some(({ kind }) => kind === "batch-rejected")) return "batch-rejected";
  for (const [n, { missing }] of toRewrite.entries()) {
    await run.gate.record(redeliveryKind(missing.target), missing.job.id, results[n]);
  }
  return toRewrite.filter((each, n) => isConfirmed(each, results[n], outcomes));
}

/** Adds a line to the notes of the jobs; they are read once more where the targets took too long. */
async function writeNotes(
  due: readonly DueRepair[],
  readAt: Instant,
  outcomes: ItemOutcome[],
  run: SweepContext,
): Promise<void> {
  let jobs: ReadonlyMap<string, Job> = new Map(due.map(({ missing: { job } }) => [job.id, job]));
  let jobsReadAt = readAt;
  if (due.length > 0 && run.clock.now() - readAt > MAX_READ_AGE_MS) {
    jobs = await run.store.readJobs([...jobs.keys()], run.limits.reads);
    jobsReadAt = run.clock.now();
  }
  const writes = due.flatMap(({ repair: { item, evidence, verdict, rewrite }, missing }): readonly JobWrite[] => {
    const job = jobs.get(missing.job.id);
    const unchanged = job?.status === missing.job.status && job.responsePayload === missing.job.responsePayload;
    if (job === undefined || !unchanged) return [];
    return [{ item, evidence, verdict, calibration: null, job, update: buildNote(job, missing, rewrite, run) }];
  });
  if (writes.length === 0) return;
  const results = await writeJobs(writes, writeLimit([jobsReadAt], run.limits.writes), run);
  if (results.some(({ kind }) => kind === "batch-rejected")) {
    for (const half of splitInHalf(due)) await writeNotes(half, Number.NEGATIVE_INFINITY, outcomes, run);
    return;
  }
  for (const result of results) {
    const each = due.find(({ missing: { job } }) => job.id === result.id);
    if (each !== undefined && isConfirmed(each, result, outcomes))
      outcomes.push({ item: each.repair.item, applied: true });
  }
}

function buildNote(
  job: Job,
  { defect, urls }: MissingFile,
  rewrite: RecoverVerdict | null,
  run: SweepContext,
): JobUpdate {
  const at = serverNow(run);
  if (rewrite !== null) {
    return {
      id: job.id,
      notes: appendLine(job.notes, redeliveredLine(outputFiles(rewrite), new Map(), defect, at, run.signature)),
    };
  }
  const line = undeliveredLine(urls.map(fileNameOf).join(", "), defect, at, run.signature);
  return { id: job.id, error: line, notes: appendLine(job.notes, line) };
}

/** Whether the base confirmed the write. One whose answer was lost is no error either: the next sweep verifies again. */
function isConfirmed({ repair }: DueRepair, result: WriteResult | undefined, outcomes: ItemOutcome[]): boolean {
  if (result?.kind === "refused") outcomes.push({ item: repair.item, error: result.error });
  return result?.kind === "confirmed";
}

/** Reads the jobs again where only a further link field, which the listing leaves out, names the target of one. */
async function withTargets(listed: readonly Job[], run: SweepContext): Promise<readonly Job[]> {
  const isNamed = (job: Job) => {
    const lookup = resolveOperation(job, run.policy.operations);
    return lookup.kind === "unknown" || resolveTarget(job, lookup.operation).kind !== "missing";
  };
  if (listed.every(isNamed)) return listed;
  const ids = listed.map(({ id }) => id);
  return [...(await run.store.readJobs(ids, run.limits.reads)).values()];
}

async function findMissingFiles(jobs: readonly Job[], run: SweepContext): Promise<readonly MissingFile[]> {
  const deliveries = newestPerField(jobs.flatMap((job) => recordedDelivery(job, run)));
  const missing: MissingFile[] = [];
  for (const [table, own] of groupBy(deliveries, ({ target }) => target.table)) {
    const attachments = [...new Set(own.map(({ target }) => target.field))];
    const targetIds = [...new Set(own.map(({ target }) => target.id))];
    const records = await run.store.readTargets(table, targetIds, { attachments, cells: [] }, run.limits.reads);
    for (const delivery of own) {
      const record = records.get(delivery.target.id);
      const defect = record === undefined ? null : findDefect(delivery, record);
      if (record !== undefined && defect !== null) missing.push({ ...delivery, record, defect });
    }
  }
  return missing;
}

/** Of several jobs for one field, returns the newest: it is the one whose file belongs there. */
function newestPerField(deliveries: readonly Delivery[]): readonly Delivery[] {
  const newest = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const key = targetKey(delivery.target);
    const other = newest.get(key);
    if (other === undefined || startedAt(other.job) < startedAt(delivery.job)) newest.set(key, delivery);
  }
  return [...newest.values()];
}

function startedAt({ since }: Job): Instant {
  return since.kind === "at" ? since.at : Number.NEGATIVE_INFINITY;
}

/** Returns the delivery that a job's record names; none where someone else completed it, or no file was written. */
function recordedDelivery(job: Job, run: SweepContext): readonly Delivery[] {
  if (job.status !== run.completedStatus || job.notes.includes(UNDELIVERED_PREFIX)) return [];
  if (!job.responsePayload.includes('"completed_via":"polling"') || isSuperseded(job)) return [];
  const lookup = resolveOperation(job, run.policy.operations);
  const urls = recordedOutputs(job.responsePayload);
  if (lookup.kind === "unknown" || urls.length === 0) return [];
  const { operation } = lookup;
  const target = resolveTarget(job, operation);
  // A text stays as it was written; only files are fetched afterwards.
  if (target.kind !== "named" || operation.deliver?.as !== "attachment") return [];
  const { table } = operation.target;
  return [{ job, operation, urls, target: { table, id: target.id, field: operation.attachment } }];
}

/** Returns what is wrong; null where the file is there, is still being fetched, or another one took its place. */
function findDefect({ job, target, urls }: Delivery, record: TargetRecord): string | null {
  const files = record.attachments[target.field] ?? [];
  if (files.length === 0) return `${target.field} is empty`;
  for (const url of urls) {
    const name = fileNameOf(url);
    const file = files.find(({ filename }) => filename === name);
    const expected = parseNotedFiles(job.notes).find((noted) => noted.name === name)?.bytes ?? null;
    if (file === undefined || file.size === null || expected === null || file.size === expected) continue;
    return `${target.field} holds ${file.size} of ${expected} bytes`;
  }
  return null;
}
