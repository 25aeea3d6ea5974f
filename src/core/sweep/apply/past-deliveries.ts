import { fileNameOf } from "../../domain/evidence.ts";
import { isNewer, type Job } from "../../domain/job.ts";
import { chunk, groupBy } from "../../domain/lists.ts";
import {
  COMPLETED_PREFIX,
  FAILED_PREFIX,
  isAfter,
  isSuperseded,
  parseNotedFiles,
  REDELIVERED_PREFIX,
  UNDELIVERED_PREFIX,
  UNDONE_PREFIX,
} from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import { outputNames } from "../../domain/output-names.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { isWrittenByPolling, recordedOutputs } from "../../domain/response-payload.ts";
import { resolveTarget, type Target } from "../../domain/target.ts";
import { isFiles, type JournaledWrite } from "../../ports/journal.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import { VERIFY_FOR } from "../list/finished-jobs.ts";
import { placeOf } from "../places.ts";
import { READ_BATCH } from "./batches.ts";

/** A file that stuck-jobs attached. What is not on record is null. */
export interface DeliveredFile {
  readonly name: string;
  readonly url: string;
  readonly bytes: number | null;
  /** The attachment's id: a file of the same name with another id is somebody else's. */
  readonly id: string | null;
}

/** The files that stuck-jobs wrote to a target for a job. */
export interface Delivery {
  readonly job: Job;
  readonly operation: Operation;
  readonly target: Target;
  readonly files: readonly DeliveredFile[];
  /** Whether they were written a second time before. */
  readonly retried: boolean;
}

/** The writes of the journal, by their job. */
export type WritesByJob = ReadonlyMap<string, readonly JournaledWrite[]>;

/**
 * What runs wrote in the last hour, by the journal. Empty where the jobs' notes say it, and where no operation delivers
 * files: a text stays as it was written.
 */
export async function readRecentWrites(run: SweepContext): Promise<WritesByJob> {
  const deliversFiles = run.policy.operations.some(({ deliver }) => deliver?.as === "attachment");
  if (run.hasNotes || !deliversFiles) return new Map();
  const now = serverNow(run);
  const recent = (await run.past.all()).filter(({ at }) => now - at <= VERIFY_FOR);
  return groupBy(recent, ({ job }) => job.id);
}

/** Returns the jobs that runs completed by the journal, which no listing finds for want of notes. */
export async function readCompletedJobs(writes: WritesByJob, run: SweepContext): Promise<readonly Job[]> {
  const completed = [...writes.values()].flat().filter(({ role, undoes, fields }) => {
    return role === "job" && undoes === null && fields.status?.after === run.completedStatus;
  });
  const ids = [...new Set(completed.map(({ record }) => record))];
  const jobs: Job[] = [];
  for (const batch of chunk(ids, READ_BATCH)) {
    jobs.push(...(await run.store.readJobs(batch, run.limits.reads)).values());
  }
  return jobs;
}

/** Returns the delivery that is on record for a job; none where someone else completed it, or no file was written. */
export function recordedDelivery(job: Job, writes: WritesByJob, run: SweepContext): readonly Delivery[] {
  if (job.status !== run.completedStatus || isUndelivered(job) || isSuperseded(job)) return [];
  const own = (writes.get(job.id) ?? []).filter(({ possiblyApplied }) => possiblyApplied);
  if (!isCompletedByUs(job, own)) return [];
  const lookup = resolveOperation(job, run.policy.operations);
  if (lookup.kind === "unknown") return [];
  const { operation } = lookup;
  const found = resolveTarget(job, operation);
  // A text stays as it was written; only files are fetched afterwards.
  if (found.kind !== "named" || operation.deliver?.as !== "attachment") return [];
  const target = { table: operation.target.table, id: found.id, field: operation.attachment };
  const noted = parseNotedFiles(job.notes);
  const known: readonly { name: string; bytes: number | null; id: string | null }[] =
    noted.length > 0 ? noted : writtenFiles(target, own);
  const urls = recordedUrls(
    job,
    operation,
    known.map(({ name }) => name),
    run,
  );
  const files = urls.map((url) => {
    const name = fileNameOf(url);
    const { bytes = null, id = null } = known.find((each) => each.name === name) ?? {};
    return { name, url, bytes, id };
  });
  const retried = job.notes.includes(REDELIVERED_PREFIX) || own.some(({ reason }) => reason === "delivery-retried");
  return files.length === 0 ? [] : [{ job, operation, target, files, retried }];
}

/** Whether it was reported that the file was lost twice. */
function isUndelivered({ notes, error }: Job): boolean {
  return notes.includes(UNDELIVERED_PREFIX) || error?.includes(UNDELIVERED_PREFIX) === true;
}

/** By the response payload; where the base has none, by the notes, else by the journal. */
function isCompletedByUs(job: Job, own: readonly JournaledWrite[]): boolean {
  if (job.responsePayload !== "") return isWrittenByPolling(job.responsePayload);
  if (job.notes !== "") return isAfter(job.notes, COMPLETED_PREFIX, [FAILED_PREFIX, UNDONE_PREFIX]);
  const last = own.findLast(({ role, fields }) => role === "job" && fields.status !== undefined);
  return last?.undoes === null && last.supersededBy === null;
}

/** Returns the files of the last write to a target. */
function writtenFiles({ table, id, field }: Target, own: readonly JournaledWrite[]) {
  const last = own.findLast((write) => {
    const isTo = write.role === "target" && write.table === table && write.record === id && write.undoes === null;
    return isTo && write.fields[field] !== undefined;
  });
  const after = last?.fields[field]?.after ?? null;
  return isFiles(after) ? after.map(({ id, filename, size }) => ({ name: filename, bytes: size, id })) : [];
}

/** Returns the addresses of a job's files: those on record, else those of its names that were delivered. */
function recordedUrls(
  job: Job,
  operation: Operation,
  delivered: readonly string[],
  run: SweepContext,
): readonly string[] {
  const recorded = recordedOutputs(job.responsePayload);
  if (recorded.length > 0) return recorded;
  const names = outputNames(operation, job);
  const urls =
    names.kind === "named" ? names.sets.flat().map((name) => placeOf(operation, run).probe.urlFor(name)) : [];
  return [...new Set(urls)].filter((url) => delivered.includes(fileNameOf(url)));
}

/** Of several jobs for one field, returns the newest: it is the one whose file belongs there. */
export function newestPerField(
  deliveries: readonly Delivery[],
  keyOf: (target: Target) => string,
): readonly Delivery[] {
  const newest = new Map<string, Delivery>();
  for (const delivery of deliveries) {
    const key = keyOf(delivery.target);
    const other = newest.get(key);
    if (other === undefined || isNewer(delivery.job, other.job)) newest.set(key, delivery);
  }
  return [...newest.values()];
}
