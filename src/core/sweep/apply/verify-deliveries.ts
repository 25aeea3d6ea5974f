import type { Output, ProbeResult } from "../../domain/evidence.ts";
import { type DatedJob, type Instant, type Job, mayBeNewer, toSummary } from "../../domain/job.ts";
import { chunk, groupBy } from "../../domain/lists.ts";
import { type AttachmentIds, appendLine, redeliveredLine, undeliveredLine } from "../../domain/notes.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { NOTHING_REPORTED } from "../../domain/response-payload.ts";
import { resolveTarget, type Target, targetKey } from "../../domain/target.ts";
import type { RecoverVerdict, Verdict } from "../../domain/verdict.ts";
import { isFiles } from "../../ports/journal.ts";
import type { Attachment, AttachmentValue, JobUpdate, TargetRecord, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { type DecidedItem, NO_EVIDENCE } from "../item.ts";
import { addOutcomes, collectOutcomes, type ItemOutcome, type ItemResult, type StageResult } from "../ledger.ts";
import { isNamed } from "../list/classify.ts";
import { type CompetingJob, listWaitingJobs } from "../list/competing-jobs.ts";
import { placeOf } from "../places.ts";
import { askBeforeWrite } from "./ask-before-write.ts";
import { batches, READ_BATCH, splitInHalf } from "./batches.ts";
import type { Competition } from "./competition.ts";
import { type JobWrite, type TargetWrite, writeJobs, writeTargets } from "./journaled-writes.ts";
import {
  type DeliveredFile,
  type Delivery,
  newestPerField,
  readCompletedJobs,
  readRecentWrites,
  recordedDelivery,
  type WritesByJob,
} from "./past-deliveries.ts";
import { type PastWrites, UnfinishedWrites } from "./past-writes.ts";
import { withSignedUrls } from "./recheck.ts";
import { fileSizes, MAX_READ_AGE_MS, outputFiles, writeLimit } from "./recovery.ts";
import { redeliveryKind } from "./write-gate.ts";

/** A delivery whose file is not in its target's field, or is there in another size. */
interface MissingFile extends Delivery {
  /** The target as it was read. */
  readonly record: TargetRecord;
  readonly defect: Defect;
}

/** What is wrong with a field. */
interface Defect {
  /** What was found in it, for people. */
  readonly detail: string;
  /** What is to be written to it: our files again, and those of others as they are. */
  readonly value: AttachmentValue;
}

/** What deliveries are verified against. */
interface Scope {
  /** What the journal recorded in the last hour; empty where the notes say it. */
  readonly writes: WritesByJob;
  /** What all runs wrote, by the journal. */
  readonly past: PastWrites;
  /** Returns the jobs at work for a target. */
  later(target: Target): readonly DatedJob[];
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
 * They are chosen by `--job`, `--operation` and `--limit`, and asked about with `--confirm`, as all other writes are.
 *
 * @param listed jobs that stuck-jobs completed in the last hour, by their notes
 * @param results of this sweep: what it has just delivered is left to the next sweep, whichever job it took the place of
 */
export function verifyDeliveries(
  listed: readonly Job[],
  results: readonly ItemResult[],
  competition: Competition,
  run: SweepContext,
): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    const writes = await readRecentWrites(run);
    const completed = [...listed, ...(await readCompletedJobs(writes, run))].filter((job) => isChosen(job, run));
    let waiting: readonly CompetingJob[] = [];
    const later = (target: Target) => [
      ...competition.for(target),
      ...waiting.filter(({ target: of }) => targetKey(of) === targetKey(target)),
      ...results.flatMap(({ item, target: of }) => (of && targetKey(of) === targetKey(target) ? [item.job] : [])),
    ];
    const scope = { writes, past: run.past, later };
    const unfinished = new UnfinishedWrites(run, () => run.past.all());
    let left = run.limit === null ? Number.POSITIVE_INFINITY : run.limit - results.length;
    const justWritten = new Set(
      results.flatMap(({ target, applied }) => (applied && target ? [targetKey(target)] : [])),
    );
    const toVerify = completed.filter(
      (job) => !recordedDelivery(job, writes, run).some(({ target }) => justWritten.has(targetKey(target))),
    );
    for (const portion of chunk(toVerify, READ_BATCH)) {
      if (run.limits.start.aborted) break;
      const jobs = await withTargets(portion, run);
      let missing = await findMissingFiles(jobs, scope, run);
      if (missing.length === 0 || left <= 0) continue;
      // Whether a field was cleared for a newer job is only known when those are listed that are not stuck yet, or not sent.
      await competition.list();
      const started = missing.flatMap(({ job: { since } }) => (since.kind === "at" ? [since.at] : []));
      waiting = started.length === 0 ? [] : await listWaitingJobs(Math.min(...started) - 1, run);
      missing = (await findMissingFiles(jobs, scope, run)).slice(0, left);
      const planned = (await Promise.all(missing.map((each) => planRepair(each, run)))).filter((each) => each !== null);
      left -= planned.length;
      outcomes.push(...planned.map(({ item, verdict }) => ({ item, verdict })));
      if (run.dryRun) continue;
      const asked = await askBeforeWrite(
        planned.filter(({ verdict }) => verdict.kind !== "unknown"),
        run,
      );
      outcomes.push(...asked.outcomes);
      const repairs = asked.agreed;
      for (const [, own] of groupBy(repairs, ({ target }) => target.table)) {
        for (const batch of batches(own, ({ target }) => target.id)) {
          await unfinished.wait(batch.flatMap(({ item, target }) => [item.job.id, target.id]));
          if (!run.limits.start.aborted) addOutcomes(outcomes, await repair(batch, scope, run));
        }
      }
    }
  });
}

/** Whether `--job` and `--operation` let a job through. */
function isChosen(job: Job, run: SweepContext): boolean {
  const { only, policy } = run;
  if (!isNamed(job, run)) return false;
  if (only === null) return true;
  const lookup = resolveOperation(job, policy.operations);
  return lookup.kind === "known" && only.includes(lookup.operation.name);
}

/**
 * Plans what is done about a file. Where the output is gone, Airtable could not fetch it either: that is only reported.
 * Returns null where the storage says nothing of it now.
 */
async function planRepair(missing: MissingFile, run: SweepContext): Promise<Repair | null> {
  const { detail } = missing.defect;
  if (missing.retried) {
    const verdict = { kind: "skip", reason: "delivery-failed", detail: `${detail}, twice` } as const;
    return createRepair(missing, verdict, null);
  }
  const outputs: Output[] = [];
  for (const { url } of missing.files) {
    const probe = await placeOf(missing.operation, run).probe.probe(url, run.limits.reads);
    if (isGone(probe)) {
      const gone = `${detail}, and its output answers ${probe.detail}`;
      return createRepair(missing, { kind: "unknown", reason: "evidence-contradicts", detail: gone }, null);
    }
    if (probe.result !== "present") return null;
    outputs.push(probe.output);
  }
  const [output, ...others] = outputs;
  if (output === undefined) return null;
  const verdict = { kind: "recover", reason: "delivery-retried", output, others, detail } as const;
  return createRepair(missing, verdict, verdict);
}

/** Whether an output that was delivered is missing now, or private. */
function isGone(probe: ProbeResult): boolean {
  return probe.result === "absent" || (probe.result === "unknown" && probe.cause === "forbidden");
}

function createRepair(
  { job, operation, target }: MissingFile,
  verdict: Verdict,
  rewrite: RecoverVerdict | null,
): Repair {
  const item = {
    job: toSummary(job),
    version: null,
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
  /** The ids of the files that were written again; absent before. */
  readonly ids?: AttachmentIds;
}

/**
 * Carries out at most ten repairs of one table: reads jobs and targets again, writes the targets, then the jobs. What
 * changed meanwhile, or takes too long, is left to the next sweep, which verifies again. A batch that was refused for
 * one of its records is repaired in halves.
 */
function repair(repairs: readonly Repair[], scope: Scope, run: SweepContext): Promise<StageResult> {
  return collectOutcomes(async (outcomes) => {
    const ids = repairs.map(({ item }) => item.job.id);
    const jobs = await run.store.readJobs(ids, run.limits.reads);
    const readAt = run.clock.now();
    const missing = await findMissingFiles([...jobs.values()], scope, run);
    const due = repairs.flatMap((each): readonly DueRepair[] => {
      const fresh = missing.find(({ job }) => job.id === each.item.job.id);
      return fresh === undefined ? [] : [{ repair: each, missing: fresh }];
    });
    const rewritten = await rewriteFiles(due, readAt, outcomes, run);
    if (rewritten === "batch-rejected") {
      for (const half of splitInHalf(repairs)) addOutcomes(outcomes, await repair(half, scope, run));
      return;
    }
    const lost = due.filter((each) => each.repair.rewrite === null);
    await writeNotes([...lost, ...rewritten], readAt, outcomes, run);
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
    const { target, defect, record } = each.missing;
    const refusal = run.gate.refusalOf([redeliveryKind(target)]);
    if (refusal !== null) {
      outcomes.push({ item, error: refusal });
      continue;
    }
    const update = {
      id: target.id,
      fields: { [target.field]: await withSignedUrls(defect.value, placeOf(each.missing.operation, run)) },
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
  const unanswered = toRewrite.filter((_, n) => results[n]?.kind === "unconfirmed");
  const found = await readWritten(unanswered, run);
  return toRewrite.flatMap((each, n) => {
    const result = results[n];
    const written = result?.kind === "confirmed" ? result.files?.[each.missing.target.field] : found.get(each);
    if (!isConfirmed(each, result, outcomes) && written === undefined) return [];
    return [{ ...each, ids: newIds(each.missing, written ?? []) }];
  });
}

/** Returns what is in the fields whose write was not confirmed, where it was carried out: they hold a new file of ours. */
async function readWritten(
  unanswered: readonly DueRepair[],
  run: SweepContext,
): Promise<ReadonlyMap<DueRepair, readonly Attachment[]>> {
  const [first] = unanswered;
  if (first === undefined) return new Map();
  const ids = unanswered.map(({ missing }) => missing.target.id);
  const attachments = [...new Set(unanswered.map(({ missing }) => missing.target.field))];
  const { table } = first.missing.target;
  const records = await run.store.readTargets(table, ids, { attachments, cells: [] }, run.limits.reads);
  return new Map(
    unanswered.flatMap((each) => {
      const { target, record, files } = each.missing;
      const before = (record.attachments[target.field] ?? []).map(({ id }) => id);
      const held = records.get(target.id)?.attachments[target.field] ?? [];
      const isNew = ({ id, filename }: Attachment) => {
        return id !== null && !before.includes(id) && files.some(({ name }) => name === filename);
      };
      return held.some(isNew) ? [[each, held] as const] : [];
    }),
  );
}

/** Returns the ids of our files in what was written, by their names. */
function newIds({ target, record, files }: MissingFile, written: readonly Attachment[]): AttachmentIds {
  const others = new Set((record.attachments[target.field] ?? []).map(({ id }) => id));
  for (const { id } of files) others.delete(id);
  return new Map(
    written.flatMap(({ id, filename }) => (id === null || others.has(id) ? [] : [[filename, id] as const])),
  );
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
  const writes = due.flatMap((each): readonly JobWrite[] => {
    const { item, evidence, verdict } = each.repair;
    const { missing } = each;
    const job = jobs.get(missing.job.id);
    const unchanged = job?.status === missing.job.status && job.responsePayload === missing.job.responsePayload;
    if (job === undefined || !unchanged) return [];
    // Without notes there is nothing to write: the journal remembers.
    if (!run.hasNotes && (each.repair.rewrite !== null || job.error === null)) {
      outcomes.push({ item, applied: each.repair.rewrite !== null });
      return [];
    }
    return [{ item, evidence, verdict, calibration: null, job, update: buildNote(job, each, run) }];
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

function buildNote(job: Job, { repair: { rewrite }, missing, ids }: DueRepair, run: SweepContext): JobUpdate {
  const at = serverNow(run);
  const { defect, files } = missing;
  if (rewrite !== null) {
    const { notes } = job;
    const line = redeliveredLine(outputFiles(rewrite), ids ?? new Map(), defect.detail, at, run.signature);
    return { id: job.id, notes: appendLine(notes, line) };
  }
  const line = undeliveredLine(files.map(({ name }) => name).join(", "), defect.detail, at, run.signature);
  return { id: job.id, error: line, notes: appendLine(job.notes, line) };
}

/** Whether the base confirmed the write. One whose answer was lost is no error either. */
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

async function findMissingFiles(
  jobs: readonly Job[],
  scope: Scope,
  run: SweepContext,
): Promise<readonly MissingFile[]> {
  const recorded = jobs.flatMap((job) => recordedDelivery(job, scope.writes, run));
  // In an empty field it is the newest job's file that is missing; beside it an older one's may be there as well.
  const newest = newestPerField(recorded, targetKey);
  const missing: MissingFile[] = [];
  for (const [table, own] of groupBy(recorded, ({ target }) => target.table)) {
    const attachments = [...new Set(own.map(({ target }) => target.field))];
    const targetIds = [...new Set(own.map(({ target }) => target.id))];
    const records = await run.store.readTargets(table, targetIds, { attachments, cells: [] }, run.limits.reads);
    for (const delivery of own) {
      const record = records.get(delivery.target.id);
      const isEmpty = (record?.attachments[delivery.target.field] ?? []).length === 0;
      if (record === undefined || (isEmpty && !newest.includes(delivery))) continue;
      const known = await withJournaledIds(delivery, record, scope.past);
      const defect = findDefect(known, record, scope);
      if (defect !== null) missing.push({ ...known, record, defect });
    }
  }
  return missing;
}

/**
 * Returns what is wrong; null where the files are there, are still being fetched, or another one took their place. A file
 * of the same name with another id is somebody else's, and so is an empty field for which a newer job is at work.
 */
function findDefect({ job, target, files }: Delivery, record: TargetRecord, { later }: Scope): Defect | null {
  const held = record.attachments[target.field] ?? [];
  if (held.length === 0) {
    // Without a date, it cannot be known which of the jobs at work are newer.
    const isCleared = job.since.kind !== "at" || later(target).some((other) => mayBeNewer(other, job));
    return isCleared ? null : { detail: `${target.field} is empty`, value: files.map(({ url }) => ({ url })) };
  }
  const isCut = (file: DeliveredFile, { id, size }: Attachment) => {
    return id !== null && id === file.id && size !== null && file.bytes !== null && size !== file.bytes;
  };
  const found = held.map((each) => ({ ...each, cut: files.find((file) => isCut(file, each)) }));
  // The others are kept in their order, which takes their ids.
  const value = found.map(({ id, cut }) => (cut === undefined ? { id } : { url: cut.url }));
  const details = found.flatMap(({ size, cut }) => {
    return cut === undefined ? [] : [`${size} of ${cut.bytes} bytes of ${cut.name}`];
  });
  if (details.length === 0 || !value.every(isEntry)) return null;
  return { detail: `${target.field} holds ${details.join(", ")}`, value };
}

/**
 * Returns the delivery with the ids of files that only the journal knows: a run wrote them again, and was killed before
 * it noted that. The journal is read only where a file of such a name is there in another size.
 */
async function withJournaledIds(delivery: Delivery, record: TargetRecord, past: PastWrites): Promise<Delivery> {
  const { job, target, files } = delivery;
  const held = record.attachments[target.field] ?? [];
  const isUnknown = ({ name, bytes, id }: DeliveredFile) => {
    const isOther = held.some(({ filename, size }) => filename === name && size !== null && size !== bytes);
    return isOther && !held.some((each) => id !== null && each.id === id);
  };
  if (!files.some(isUnknown)) return delivery;
  const written = (await past.delivered(target, job)).flatMap((after) => (isFiles(after) ? after : []));
  const idOf = (file: DeliveredFile): string | null => {
    const ours = held.find(({ id, filename }) => {
      return filename === file.name && id !== null && written.some((each) => each.id === id);
    });
    return ours?.id ?? file.id;
  };
  return { ...delivery, files: files.map((file) => (isUnknown(file) ? { ...file, id: idOf(file) } : file)) };
}

function isEntry(entry: { readonly url: string } | { readonly id: string | null }): entry is AttachmentValue[number] {
  return "url" in entry || entry.id !== null;
}
