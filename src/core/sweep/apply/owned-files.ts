import { type Job, mayBeNewer } from "../../domain/job.ts";
import { chunk } from "../../domain/lists.ts";
import { type AttachmentIds, COMPLETED_PREFIX, parseNotedFiles, wasResent } from "../../domain/notes.ts";
import type { Operation } from "../../domain/operation.ts";
import { externalIdsIn } from "../../domain/output-names.ts";
import { resolveOperation } from "../../domain/resolve-operation.ts";
import { isWrittenByPolling, recordedOutputs } from "../../domain/response-payload.ts";
import type { Target } from "../../domain/target.ts";
import { isFiles, type JournalFile, webhookKey } from "../../ports/journal.ts";
import type { Attachment, TargetRecord } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import { READ_BATCH } from "./batches.ts";
import type { PastWrites } from "./past-writes.ts";
import type { TargetCheck } from "./preconditions.ts";
import type { Recovery } from "./recovery.ts";

/** A job and the target it is for, as they were just read. */
interface Checked {
  readonly recovery: Recovery;
  readonly job: Job;
  readonly target: Target;
  readonly record: TargetRecord | null;
  readonly check: TargetCheck;
}

/** A newer job's file in the target. */
export interface NewerFile {
  readonly file: string;
  readonly owner: Job;
  /**
   * Whether stuck-jobs wrote the file, or sent its webhook again, and its job is completed. Then the older job was still
   * to be closed: the sweep that delivered the newer file was cut short, or closing was refused.
   */
  readonly deliveredByUs: boolean;
}

/** What is known of other jobs' files in a target. */
export interface OwnedFiles {
  /** One of a newer job, or of one whose age is not known; null where there is none. */
  readonly newer: NewerFile | null;
  /** The ids of older jobs' files that stuck-jobs delivered; of a field of text, the text itself. */
  readonly older: ReadonlySet<string>;
}

/** A file in a target with the jobs that it may belong to, by the external id in its name. */
interface NamedFile {
  readonly delivery: Checked;
  readonly file: string;
  readonly externalIds: readonly string[];
}

/** Finds out whose the files in the targets are. Costs a request only where there are such files. */
export async function findOwnedFiles(
  checked: readonly Checked[],
  run: SweepContext,
): Promise<ReadonlyMap<Recovery, OwnedFiles>> {
  const named = checked.flatMap((delivery): readonly NamedFile[] => {
    const files = "files" in delivery.check ? delivery.check.files : [];
    const operations = operationsFor(delivery.target, run.policy.operations);
    return files.map((file) => {
      const externalIds = operations.flatMap((operation) => externalIdsIn(baseNamesOnly(operation), file));
      return { delivery, file, externalIds };
    });
  });
  const ids = [...new Set(named.flatMap(({ externalIds }) => externalIds))];
  const jobs: Job[] = [];
  for (const batch of chunk(ids, READ_BATCH)) jobs.push(...(await run.store.findJobs(batch, run.limits.reads)));
  const found = new Map<Recovery, { newer: NewerFile | null; readonly older: Set<string> }>();
  for (const { delivery, file, externalIds } of named) {
    const { recovery, job } = delivery;
    const owners = jobs.filter(
      (owner) =>
        owner.id !== job.id && externalIds.includes(owner.externalId ?? "") && mayDeliverTo(delivery, owner, run),
    );
    const owned = found.get(recovery) ?? { newer: null, older: new Set<string>() };
    found.set(recovery, owned);
    const newer = owners.find((owner) => mayBeNewer(owner, job));
    if (newer !== undefined && !owned.newer?.deliveredByUs) {
      const isClosed = newer.status === run.completedStatus;
      const deliveredByUs = isClosed && (isNotedDelivery(newer, file, delivery) || (await wasResentFor(newer, run)));
      owned.newer = { file, owner: newer, deliveredByUs };
    }
    if (newer !== undefined) continue;
    for (const owner of owners)
      for (const id of await findDelivered(owner, file, delivery, run.past)) owned.older.add(id);
  }
  return found;
}

/** Returns the ids of the output's files in a target that an earlier run, which was killed, has written for this job. */
export async function findOwnFiles(
  { target, job, held }: { readonly target: Target; readonly job: Job; readonly held: readonly Attachment[] },
  past: PastWrites,
): Promise<AttachmentIds> {
  // The journal is read only where there is a file that a run may have written.
  if (held.length === 0) return new Map();
  const written = (await past.wrote(target, job)).flatMap((after) => (isFiles(after) ? after : []));
  return new Map(
    held.flatMap((each) => {
      const isOurs = each.id !== null && written.some((file) => isWritten(file, each));
      return isOurs && each.id !== null ? [[each.filename, each.id] as const] : [];
    }),
  );
}

/** Whether a job's operation delivers to the field: a file that it delivered elsewhere was put here by someone else. */
function mayDeliverTo({ target }: Checked, owner: Job, { policy }: SweepContext): boolean {
  const lookup = resolveOperation(owner, policy.operations);
  return lookup.kind === "unknown" || operationsFor(target, policy.operations).includes(lookup.operation);
}

/** Returns the operations that deliver to a field. */
function operationsFor({ table, field }: Target, operations: readonly Operation[]): readonly Operation[] {
  return operations.filter(({ target, attachment }) => target.table === table && attachment === field);
}

/** Returns the operation with its patterns as attachments are named: without folders. */
function baseNamesOnly(operation: Operation): Operation {
  const outputs = operation.outputs.map((each) => {
    return { ...each, pattern: each.pattern.slice(each.pattern.lastIndexOf("/") + 1) };
  });
  return { ...operation, outputs };
}

/**
 * Returns the ids of the attachments of that name that stuck-jobs itself delivered for the owner: by the ids in the
 * owner's notes, else in the journal. What a person has put there under the same name has another id.
 */
async function findDelivered(
  owner: Job,
  file: string,
  { target, record, recovery }: Checked,
  past: PastWrites,
): Promise<readonly string[]> {
  if (record === null) return [];
  const field = target.field;
  if (recovery.candidate.operation.deliver?.as === "url") {
    const text = String(record.cells[field] ?? "").trim();
    const isOurs = isWrittenByPolling(owner.responsePayload);
    if (isOurs && recordedOutputs(owner.responsePayload).join("\n") === text) return [text];
    return (await past.delivered(target, owner)).some((after) => after === text) ? [text] : [];
  }
  const held = (record.attachments[field] ?? []).filter(({ filename }) => filename === file);
  const noted = parseNotedFiles(owner.notes);
  const isNoted = ({ id }: Attachment) => id !== null && noted.some((each) => each.id === id);
  if (held.every(isNoted)) return held.flatMap(({ id }) => id ?? []);
  const written = (await past.delivered(target, owner)).flatMap((after) => (isFiles(after) ? after : []));
  return held.flatMap((each) =>
    isNoted(each) || written.some((file) => isWritten(file, each)) ? (each.id ?? []) : [],
  );
}

/**
 * Whether a job's notes say that stuck-jobs delivered its file to this field. A file of that name with another id than the
 * noted one came from someone else, as where the job's own target has changed since.
 */
function isNotedDelivery({ notes }: Job, file: string, { target, record }: Checked): boolean {
  if (!notes.includes(COMPLETED_PREFIX)) return false;
  const ids = parseNotedFiles(notes).flatMap(({ name, id }) => (name === file ? (id ?? []) : []));
  const held = (record?.attachments[target.field] ?? []).filter(({ filename }) => filename === file);
  return ids.length === 0 || held.length === 0 || held.some(({ id }) => id !== null && ids.includes(id));
}

/** Whether the webhook of a job was sent again, by its notes or by the journal. */
async function wasResentFor(owner: Job, { webhooks, past }: SweepContext): Promise<boolean> {
  if (webhooks === null) return false;
  if (owner.externalId !== null && wasResent(owner.notes, owner.externalId)) return true;
  return (await past.webhooks()).has(webhookKey(owner));
}

/** By its id; where a run was killed before it heard of that, by name and size. */
function isWritten(file: JournalFile, { id, filename, size }: Attachment): boolean {
  if (file.id !== null) return file.id === id;
  return file.filename === filename && (size === null || file.size === size);
}
