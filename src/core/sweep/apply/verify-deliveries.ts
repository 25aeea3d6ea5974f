import { fileNameOf, type Output } from "../../domain/evidence.ts";
import { type Instant, type Job, toSummary } from "../../domain/job.ts";
import {
  appendLine,
  parseNotedSize,
  REDELIVERED_PREFIX,
  redeliveredLine,
  UNDELIVERED_PREFIX,
  undeliveredLine,
} from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import { resolveOperation, resolveTarget, type Target } from "../../domain/target.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { JobUpdate, TargetRecord, WriteResult } from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { SweepItem } from "../item.ts";
import { recordedOutputs } from "../probe/calibrate.ts";
import { batches, READ_BATCH, splitInHalf } from "./batches.ts";
import { type JobWrite, type TargetWrite, writeJobs, writeTargets } from "./journaled-writes.ts";
import { fileSizes, MAX_READ_AGE_MS, withSignedUrls } from "./write-recoveries.ts";

/** A job that this tool completed, whose file is not in its target's field, or is there in another size. */
interface MissingFile {
  readonly job: Job;
  readonly operation: Operation;
  readonly target: Target;
  readonly urls: readonly string[];
  /** The target as it was read. */
  readonly record: TargetRecord;
  /** What was found in the field instead, for people. */
  readonly found: string;
}

type Delivery = Omit<MissingFile, "found" | "record">;

/**
 * Looks whether the files that were written in the last hour arrived. Airtable fetches an attachment after it has
 * confirmed the write, and drops it silently when it cannot. Such a file is written once more; when that was done
 * before, the job gets an error note instead. Returns the cases that came of it.
 */
export async function verifyDeliveries(
  completed: readonly Job[],
  /** Of this sweep. What it has just delivered is for the next sweep to look at, whichever job it took the place of. */
  swept: readonly SweepItem[],
  run: SweepContext,
): Promise<readonly SweepItem[]> {
  const cases: SweepItem[] = [];
  const justWritten = new Set(swept.flatMap(({ target, applied }) => (applied && target ? [fieldKey(target)] : [])));
  const listed = completed.filter(
    (job) => !recordedDelivery(job, run).some(({ target }) => justWritten.has(fieldKey(target))),
  );
  for (let start = 0; start < listed.length && !run.limits.start.aborted; start += READ_BATCH) {
    const portion = listed.slice(start, start + READ_BATCH);
    const jobs = await withTargets(portion, run);
    const undelivered = await findMissingFiles(jobs, run);
    const repairs = (await Promise.all(undelivered.map((each) => planRepair(each, run)))).filter(
      (each) => each !== null,
    );
    cases.push(...repairs.map(({ item }) => item));
    if (run.dryRun) continue;
    for (const table of new Set(repairs.map(({ item }) => item.target?.table))) {
      const own = repairs.filter(({ item }) => item.target?.table === table);
      for (const batch of batches(own, ({ item }) => item.target?.id ?? "")) {
        if (!run.limits.start.aborted) await repair(batch, run);
      }
    }
  }
  return cases;
}

/** What is to be done about a file that did not arrive: written again, or, with `output: null`, told. */
interface Repair {
  readonly item: SweepItem;
  readonly output: Output | null;
}

/** Null where the file cannot be seen now: Airtable could not fetch it either. */
async function planRepair(undelivered: MissingFile, run: SweepContext): Promise<Repair | null> {
  if (undelivered.job.notes.includes(REDELIVERED_PREFIX)) {
    const detail = `${undelivered.found}, twice`;
    return { item: createItem(undelivered, { kind: "skip", reason: "delivery-failed", detail }), output: null };
  }
  const outputs: Output[] = [];
  for (const url of undelivered.urls) {
    const sighting = await run.probe.probe(url, run.limits.reads);
    if (sighting.result !== "present") return null;
    outputs.push(sighting.output);
  }
  const [output, ...others] = outputs;
  if (output === undefined) return null;
  const detail = undelivered.found;
  return {
    item: createItem(undelivered, { kind: "recover", reason: "delivery-retried", output, others, detail }),
    output,
  };
}

/**
 * At most ten repairs, of one table: reads jobs and targets again, writes the targets, then the jobs. What changed
 * meanwhile, or takes too long, is left to the next sweep, which looks again. A batch that was refused for one of its
 * records is begun anew in halves.
 */
async function repair(repairs: readonly Repair[], run: SweepContext): Promise<void> {
  const { undelivered: fresh, readAt } = await rereadMissingFiles(
    repairs.map(({ item }) => item.job.id),
    run,
  );
  const due = repairs.flatMap((each) => {
    const delivery = fresh.find(({ job }) => job.id === each.item.job.id);
    return delivery === undefined ? [] : [{ ...each, delivery }];
  });
  const again = due.filter(({ output }) => output !== null);
  const written = await redeliver(again, readAt, run);
  if (written === "batch-rejected") {
    for (const part of splitInHalf(repairs)) await repair(part, run);
    return;
  }
  const toNote = due.filter(({ output, item }) => output === null || written.has(item.job.id));
  await writeNotes(toNote, readAt, run);
}

interface DueRepair extends Repair {
  readonly delivery: MissingFile;
}

/** The ids of the jobs whose target was confirmed. */
async function redeliver(
  due: readonly DueRepair[],
  readAt: Instant,
  run: SweepContext,
): Promise<ReadonlySet<string> | "batch-rejected"> {
  const [first] = due;
  if (first === undefined || run.clock.now() - readAt > MAX_READ_AGE_MS) return new Set();
  const writes: TargetWrite[] = [];
  for (const { item, delivery } of due) {
    const { target, urls, record } = delivery;
    const value = urls.map((url) => ({ url }));
    const update = { id: target.id, fields: { [target.field]: await withSignedUrls(value, run) } };
    const files = item.verdict?.kind === "recover" ? [item.verdict.output, ...item.verdict.others] : [];
    writes.push({ item, calibration: null, record, update, sizes: fileSizes(files) });
  }
  const results = await writeTargets(first.delivery.target.table, writes, run);
  if (results.some(({ kind }) => kind === "batch-rejected")) return "batch-rejected";
  return new Set(due.flatMap(({ item }, n) => (settled(item, results[n]) ? [item.job.id] : [])));
}

/** Adds the line to the jobs; they are read once more where the targets took too long. */
async function writeNotes(due: readonly DueRepair[], readAt: Instant, run: SweepContext): Promise<void> {
  let jobs: ReadonlyMap<string, Job> = new Map(due.map(({ delivery: { job } }) => [job.id, job]));
  if (due.length > 0 && run.clock.now() - readAt > MAX_READ_AGE_MS) {
    jobs = await run.store.readJobs([...jobs.keys()], run.limits.reads);
  }
  const writes = due.flatMap(({ item, output, delivery }): readonly JobWrite[] => {
    const job = jobs.get(delivery.job.id);
    const unchanged = job?.status === delivery.job.status && job.responsePayload === delivery.job.responsePayload;
    if (job === undefined || !unchanged) return [];
    return [{ item, calibration: null, job, update: buildNote(job, output, delivery, run) }];
  });
  if (writes.length === 0) return;
  const results = await writeJobs(writes, run);
  if (results.some(({ kind }) => kind === "batch-rejected")) {
    for (const part of splitInHalf(due)) await writeNotes(part, Number.NEGATIVE_INFINITY, run);
    return;
  }
  for (const result of results) {
    const item = due.find(({ delivery: { job } }) => job.id === result.id)?.item;
    if (item !== undefined && settled(item, result)) item.applied = true;
  }
}

function buildNote(job: Job, output: Output | null, { found, urls }: MissingFile, run: SweepContext): JobUpdate {
  const at = serverNow(run);
  if (output !== null) {
    return { id: job.id, notes: appendLine(job.notes, redeliveredLine(output, found, at, run.signature)) };
  }
  const line = undeliveredLine(urls.map(fileNameOf).join(", "), found, at, run.signature);
  return { id: job.id, error: line, notes: appendLine(job.notes, line) };
}

/** Whether the write is confirmed. One whose answer was lost is neither that nor an error: the next sweep looks. */
function settled(item: SweepItem, result: WriteResult | undefined): boolean {
  if (result?.kind === "refused") item.error = result.error;
  return result?.kind === "confirmed";
}

/** The listing tells enough to look; only where a further link field names the target the jobs have to be read. */
async function withTargets(listed: readonly Job[], run: SweepContext): Promise<readonly Job[]> {
  const isNamed = (job: Job) => {
    const lookup = resolveOperation(job, run.policy.operations);
    return lookup.kind === "unknown" || resolveTarget(job, lookup.operation).kind !== "missing";
  };
  if (listed.every(isNamed)) return listed;
  const jobs = await run.store.readJobs(
    listed.map(({ id }) => id),
    run.limits.reads,
  );
  return [...jobs.values()];
}

async function rereadMissingFiles(
  ids: readonly string[],
  run: SweepContext,
): Promise<{ readonly undelivered: readonly MissingFile[]; readonly readAt: Instant }> {
  const jobs = await run.store.readJobs(ids, run.limits.reads);
  const readAt = run.clock.now();
  return { undelivered: await findMissingFiles([...jobs.values()], run), readAt };
}

async function findMissingFiles(jobs: readonly Job[], run: SweepContext): Promise<readonly MissingFile[]> {
  const deliveries = newestPerField(jobs.flatMap((job) => recordedDelivery(job, run)));
  const found: MissingFile[] = [];
  for (const table of new Set(deliveries.map(({ target }) => target.table))) {
    const own = deliveries.filter(({ target }) => target.table === table);
    const attachments = [...new Set(own.map(({ target }) => target.field))];
    const targetIds = [...new Set(own.map(({ target }) => target.id))];
    const records = await run.store.readTargets(table, targetIds, { attachments, cells: [] }, run.limits.reads);
    for (const delivery of own) {
      const record = records.get(delivery.target.id);
      const trouble = record === undefined ? null : findDefect(delivery, record);
      if (record !== undefined && trouble !== null) found.push({ ...delivery, record, found: trouble });
    }
  }
  return found;
}

/** Of several jobs for one field, the newest: it is the one whose file belongs there. */
function newestPerField(deliveries: readonly Delivery[]): readonly Delivery[] {
  const newest = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const other = newest.get(fieldKey(delivery.target));
    if (other === undefined || startedAt(other.job) < startedAt(delivery.job))
      newest.set(fieldKey(delivery.target), delivery);
  }
  return [...newest.values()];
}

function startedAt({ since }: Job): Instant {
  return since.kind === "at" ? since.at : Number.NEGATIVE_INFINITY;
}

function fieldKey({ table, id, field }: Target): string {
  return `${table} ${id} ${field}`;
}

/** The delivery that a job's record tells of; none where another hand completed it, or no file was written for it. */
function recordedDelivery(job: Job, run: SweepContext): readonly Delivery[] {
  if (job.status !== run.completedStatus || job.notes.includes(UNDELIVERED_PREFIX)) return [];
  if (!job.responsePayload.includes('"completed_via":"polling"') || job.notes.includes("superseded by job")) return [];
  const lookup = resolveOperation(job, run.policy.operations);
  const urls = recordedOutputs(job.responsePayload);
  if (lookup.kind === "unknown" || urls.length === 0) return [];
  const { operation } = lookup;
  const target = resolveTarget(job, operation);
  if (target.kind !== "named") return [];
  return [
    { job, operation, urls, target: { table: operation.target.table, id: target.id, field: operation.attachment } },
  ];
}

/** What is wrong with the field; null where the file is there, is still being fetched, or another one took its place. */
function findDefect({ job, target, urls }: Delivery, record: TargetRecord): string | null {
  const files = record.attachments[target.field] ?? [];
  if (files.length === 0) return `${target.field} is empty`;
  for (const url of urls) {
    const name = fileNameOf(url);
    const file = files.find(({ filename }) => filename === name);
    const expected = parseNotedSize(job.notes, name);
    if (file === undefined || file.size === null || expected === null || file.size === expected) continue;
    return `${target.field} holds ${file.size} of ${expected} bytes`;
  }
  return null;
}

function createItem({ job, operation, target }: MissingFile, verdict: Verdict): SweepItem {
  const about = { operation: operation.name, age: null, reopened: false, candidate: null };
  return new SweepItem({ job: toSummary(job), ...about, verdict, target });
}
