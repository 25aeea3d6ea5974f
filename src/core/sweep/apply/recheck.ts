import { fileNameOf } from "../../domain/evidence.ts";
import { type Instant, type Job, toListedJob } from "../../domain/job.ts";
import { groupBy } from "../../domain/lists.ts";
import type { AttachmentIds } from "../../domain/notes.ts";
import type { DeliveryField, Operation } from "../../domain/operation.ts";
import type { Target } from "../../domain/target.ts";
import { TARGET_MISSING, type Verdict } from "../../domain/verdict.ts";
import type {
  Attachment,
  AttachmentValue,
  OutputPlace,
  TargetFields,
  TargetRecord,
  TargetUpdate,
} from "../../ports/ports.ts";
import { serverNow } from "../clock-skew.ts";
import type { SweepContext } from "../context.ts";
import type { SweepItem } from "../item.ts";
import type { ItemOutcome, StageResult } from "../ledger.ts";
import { effectivePolicy, isReopenable, withEffectiveStart } from "../list/finished-jobs.ts";
import { placeOf } from "../places.ts";
import { findOwnedFiles, findOwnFiles, type NewerFile, type OwnedFiles } from "./owned-files.ts";
import { checkJob, checkTarget, type JobCheck, type TargetCheck } from "./preconditions.ts";
import { isDelivery, outputFiles, type Recovery } from "./recovery.ts";
import { findStandingValues, type SetContext, type StandingValues, valuesToSet } from "./set-fields.ts";

/** A recovery that the guard read allows, with what it takes. */
export interface ReadyWrite {
  readonly recovery: Recovery;
  readonly job: Job;
  /** Null when the target holds the file and all values already, or is not to be written. */
  readonly targetUpdate: TargetUpdate | null;
  /** The target as it was read; null where it is not to be written. */
  readonly target: TargetRecord | null;
  /** The attachments in the target that have the output's names, by these. */
  readonly held: AttachmentIds;
  /** The ids of the files that this run has written; absent before. */
  readonly ids?: AttachmentIds;
  readonly readAt: Instant;
}

/** What the guard read came to: `outcomes` are those of jobs that changed, `ready` may be written. */
export interface RecheckResult extends StageResult {
  readonly ready: readonly ReadyWrite[];
}

/**
 * The guard read: reads jobs and targets again right before they are written.
 *
 * With `isFirst` the targets that the listing named are read at the same time as the jobs, which saves the time of an
 * answer; for a job that turns out to be changed its target is then read in vain. And jobs that were listed with a
 * version are not read: they are taken as they were listed, since the transaction compares that with what is there.
 *
 * @throws UpstreamError when the jobs could not be read
 */
export async function recheck(
  pending: readonly Recovery[],
  run: SweepContext,
  isFirst = false,
): Promise<RecheckResult> {
  const takesListed = isFirst && run.atomic !== null && !run.dryRun;
  const listedJob = ({ job, version }: SweepItem) =>
    takesListed && version !== null ? toListedJob(job, version) : undefined;
  const toRead = takesListed ? pending.filter(({ item }) => item.version === null) : pending;
  const readingJobs = readJobs(
    toRead.map(({ item }) => item.job.id),
    run,
  );
  const named = isFirst ? pending.filter(isDelivery) : [];
  const readingTargets = readTargets(
    named.flatMap((recovery) => (recovery.item.target === null ? [] : [{ recovery, id: recovery.item.target.id }])),
    run,
  );
  // Awaited when the jobs were checked: an error in reading targets counts only if one of them is to be written.
  readingTargets.catch(() => undefined);
  const jobs = await readingJobs.catch(async (error: unknown) => {
    await readingTargets.catch(() => undefined);
    throw error;
  });
  const jobsReadAt = run.clock.now();
  const find = (item: SweepItem) => listedJob(item) ?? jobs.get(item.job.id);
  const { outcomes, unchanged } = recheckJobs(pending, find, run);
  try {
    const targets = await recheckTargets(unchanged, jobsReadAt, readingTargets, run);
    return { outcomes: [...outcomes, ...targets.outcomes], ready: targets.ready, failure: null };
  } catch (error) {
    return { outcomes, ready: [], failure: { error } };
  }
}

async function readJobs(ids: readonly string[], run: SweepContext): Promise<ReadonlyMap<string, Job>> {
  return ids.length === 0 ? new Map() : await run.store.readJobs(ids, run.limits.reads);
}

/** A recovery whose job is as it was decided, with its target; null where the operation has none. */
interface UnchangedJob {
  readonly recovery: Recovery;
  readonly job: Job;
  readonly target: Target | null;
}

function recheckJobs(
  pending: readonly Recovery[],
  find: (item: SweepItem) => Job | undefined,
  run: SweepContext,
): { readonly outcomes: readonly ItemOutcome[]; readonly unchanged: readonly UnchangedJob[] } {
  const outcomes: ItemOutcome[] = [];
  const unchanged: UnchangedJob[] = [];
  for (const recovery of pending) {
    const { item, candidate, verdict } = recovery;
    const { output } = verdict;
    const check = recheckJob(recovery, find(item), run);
    switch (check.kind) {
      case "already-written":
        outcomes.push({ item, applied: true });
        break;
      case "changed":
        outcomes.push({ item, verdict: { kind: "skip", reason: "changed-meanwhile", detail: check.detail, output } });
        break;
      case "unchanged": {
        const { target, attachment, targetKind } = candidate.operation;
        if (targetKind === "none") {
          unchanged.push({ recovery, job: check.job, target: null });
          break;
        }
        if (check.targetId === null) {
          outcomes.push({ item, verdict: TARGET_MISSING });
          break;
        }
        const named = { table: target.table, id: check.targetId, field: attachment };
        outcomes.push({ item, target: named });
        unchanged.push({ recovery, job: check.job, target: named });
        break;
      }
    }
  }
  return { outcomes, unchanged };
}

function recheckJob({ item, candidate }: Recovery, fresh: Job | undefined, run: SweepContext): JobCheck {
  if (item.reopened && fresh?.status === run.failedStatus && !isReopenable(fresh, run, serverNow(run))) {
    return { kind: "changed", detail: "someone else has failed it" };
  }
  const written = { status: run.completedStatus, runId: run.signature.runId };
  const job = fresh && withEffectiveStart(fresh, item);
  const check = checkJob(job, { job: item.job, candidate }, written, effectivePolicy(item, run));
  // Which of two jobs is the newer is decided by their own dates.
  return check.kind === "unchanged" && fresh !== undefined ? { ...check, job: fresh } : check;
}

interface TargetRead {
  readonly record: TargetRecord | undefined;
  readonly at: Instant;
}

/** Reads the targets of recoveries, one request a table. */
async function readTargets(
  wanted: readonly { readonly recovery: Recovery; readonly id: string }[],
  run: SweepContext,
): Promise<ReadonlyMap<Recovery, TargetRead>> {
  const read = new Map<Recovery, TargetRead>();
  for (const [table, group] of groupBy(wanted, ({ recovery }) => recovery.candidate.operation.target.table)) {
    const ids = [...new Set(group.map(({ id }) => id))];
    const fields = fieldsToRead(new Set(group.map(({ recovery }) => recovery.candidate.operation)));
    const targets = await run.store.readTargets(table, ids, fields, run.limits.reads);
    const at = run.clock.now();
    for (const { recovery, id } of group) read.set(recovery, { record: targets.get(id), at });
  }
  return read;
}

async function recheckTargets(
  unchanged: readonly UnchangedJob[],
  jobsReadAt: Instant,
  readingTargets: Promise<ReadonlyMap<Recovery, TargetRead>>,
  run: SweepContext,
): Promise<Pick<RecheckResult, "outcomes" | "ready">> {
  // What the transaction compares does not get old.
  const readAtOf = (job: Job, at: Instant) => (job.version === undefined ? Math.min(jobsReadAt, at) : at);
  const deliveries = unchanged.flatMap(({ recovery, job, target }) =>
    target !== null && isDelivery(recovery) ? [{ recovery, job, target }] : [],
  );
  const early = await readingTargets.catch((error: unknown) => {
    if (deliveries.length > 0) throw error;
    return new Map<Recovery, TargetRead>();
  });
  const notRead = deliveries.filter(({ recovery }) => !early.has(recovery));
  const late = await readTargets(
    notRead.map(({ recovery, target }) => ({ recovery, id: target.id })),
    run,
  );
  const read = deliveries.map(({ recovery, job, target }): CheckedDelivery => {
    const { record, at } = early.get(recovery) ?? late.get(recovery) ?? { record: undefined, at: jobsReadAt };
    const check = checkTarget(record, recovery.candidate.operation, outputFiles(recovery.verdict));
    return { recovery, job, target, record: record ?? null, check, readAt: readAtOf(job, at) };
  });
  const owned = await findOwnedFiles(read, run);
  const checked = read.map((each) => withoutOlderFiles(each, owned.get(each.recovery)));
  const standing = await findStandingValues(checked, run);
  const outcomes: ItemOutcome[] = [];
  const checkedAt = run.clock.now();
  const ready: ReadyWrite[] = unchanged
    .filter(({ recovery, target }) => target === null || !isDelivery(recovery))
    .map(({ recovery, job }) => {
      return { recovery, job, targetUpdate: null, target: null, held: NONE_HELD, readAt: readAtOf(job, checkedAt) };
    });
  const decisions = new Map(checked.map((each) => [each, decideTarget(each, owned.get(each.recovery)?.newer ?? null)]));
  // A newer job whose file turns out not to be written leaves its `set` to the older one.
  const written = new Set([...decisions].flatMap(([{ job }, decision]) => (isWritten(decision) ? [job.id] : [])));
  const now = serverNow(run);
  for (const [each, decision] of decisions) {
    const { recovery, job, check, record, readAt } = each;
    const others = recovery.otherSets.filter(({ jobId, applied }) => applied || written.has(jobId));
    const stands = standing.get(recovery) ?? NO_STANDING;
    const files = heldFiles(record, recovery);
    const held = files.length === 0 ? NONE_HELD : idsOf(files);
    if (decision.kind !== "recover") {
      outcomes.push({ item: recovery.item, verdict: decision });
    } else if (decision.reason === "superseded") {
      outcomes.push({ item: recovery.item, verdict: decision });
      ready.push({ recovery: { ...recovery, verdict: decision }, job, targetUpdate: null, target: null, held, readAt });
    } else if (check.kind === "write" || check.kind === "replace") {
      const { attachment } = recovery.candidate.operation;
      const value =
        typeof check.value === "string"
          ? check.value
          : await withSignedUrls(check.value, placeOf(recovery.candidate.operation, run));
      const context: SetContext = { how: "with-file", standing: stands, before: NOTHING_BEFORE, others, now };
      const fields = { [attachment]: value, ...valuesToSet(each, context) };
      ready.push({ recovery, job, targetUpdate: { id: each.target.id, fields }, target: record, held, readAt });
    } else {
      const before = await run.past.before(each.target, job);
      const fields = valuesToSet(each, { how: "file-there", standing: stands, before, others, now });
      const targetUpdate = Object.keys(fields).length === 0 ? null : { id: each.target.id, fields };
      const ids = await findOwnFiles({ target: each.target, job, held: files }, run.past);
      ready.push({ recovery, job, targetUpdate, target: targetUpdate === null ? null : record, held, ids, readAt });
    }
  }
  return { outcomes, ready };
}

const NONE_HELD: AttachmentIds = new Map();
const NO_STANDING: StandingValues = new Map();
const NOTHING_BEFORE: SetContext["before"] = new Map();

function idsOf(files: readonly Attachment[]): AttachmentIds {
  return new Map(files.flatMap(({ id, filename }) => (id === null ? [] : [[filename, id]])));
}

function isWritten(decision: Verdict): boolean {
  return decision.kind === "recover" && decision.reason !== "superseded";
}

/** A delivery with its target as it was just read, and what that allows. */
interface CheckedDelivery {
  readonly recovery: Recovery;
  readonly job: Job;
  readonly target: Target;
  readonly record: TargetRecord | null;
  readonly check: TargetCheck;
  readonly readAt: Instant;
}

/** Checks a target again without the older jobs' files that stuck-jobs delivered: they give way to a newer output. */
function withoutOlderFiles(delivery: CheckedDelivery, owned: OwnedFiles | undefined): CheckedDelivery {
  const { recovery, record, check } = delivery;
  if (check.kind !== "occupied" || record === null || owned === undefined || owned.older.size === 0) return delivery;
  const { operation } = recovery.candidate;
  return { ...delivery, check: checkTarget(record, operation, outputFiles(recovery.verdict), owned.older) };
}

/** Returns the attachments in the target that have the output's names. */
function heldFiles(record: TargetRecord | null, { candidate, verdict }: Recovery): readonly Attachment[] {
  const files = record?.attachments[candidate.operation.attachment] ?? [];
  if (files.length === 0) return files;
  const names = outputFiles(verdict).map(({ url }) => fileNameOf(url));
  return files.filter(({ filename }) => names.includes(filename));
}

/** Returns the verdict on a recovery once its target was read; the one it had where nothing speaks against writing. */
function decideTarget(
  { recovery, target, check }: Pick<CheckedDelivery, "recovery" | "target" | "check">,
  newer: NewerFile | null,
): Verdict {
  const { verdict, newerWithoutSpace } = recovery;
  const { output, others } = verdict;
  if (newer?.deliveredByUs) {
    const { id } = newer.owner;
    return { kind: "recover", reason: "superseded", supersededBy: id, output, others, detail: `by ${id}` };
  }
  if (newer !== null && check.kind === "replace") {
    const detail = `${newer.file} belongs to the newer job ${newer.owner.id}`;
    return { kind: "skip", reason: "target-occupied", detail, output };
  }
  if (newerWithoutSpace !== null && (check.kind === "write" || check.kind === "replace")) {
    const detail = `${newerWithoutSpace}, which is newer, has an output, and ${target.field} has no space for it`;
    return { kind: "skip", reason: "target-occupied", detail, output };
  }
  switch (check.kind) {
    case "deleted":
      return { kind: "skip", reason: "target-missing", detail: `${target.table} has no record ${target.id}`, output };
    case "occupied":
      return { kind: "skip", reason: "target-occupied", detail: check.detail, output };
    case "already-attached":
    case "write":
    case "replace":
      return verdict;
  }
}

/** Returns the fields of a target that are read before it is written. */
function fieldsToRead(used: ReadonlySet<Pick<Operation, "attachment" | "deliver" | "set">>): TargetFields {
  const operations = [...used];
  const fieldsAs = (as: DeliveryField["as"]) =>
    operations.filter(({ deliver }) => deliver?.as === as).map(({ attachment }) => attachment);
  return {
    attachments: [...new Set(fieldsAs("attachment"))],
    cells: [...new Set([...fieldsAs("url"), ...operations.flatMap(({ set }) => Object.keys(set))])],
  };
}

/** Returns the value with URLs that Airtable can fetch: it has no key to a private bucket. */
export async function withSignedUrls(value: AttachmentValue, { probe }: OutputPlace): Promise<AttachmentValue> {
  return await Promise.all(
    value.map(async (entry) => ("url" in entry ? { url: await probe.attachmentUrl(entry.url) } : entry)),
  );
}
