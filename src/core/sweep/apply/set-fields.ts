import { fileNameOf } from "../../domain/evidence.ts";
import { type Instant, type Job, mayBeNewer } from "../../domain/job.ts";
import { chunk, groupBy } from "../../domain/lists.ts";
import type { Operation, SetValue } from "../../domain/operation.ts";
import { externalIdsIn } from "../../domain/output-names.ts";
import type { Target } from "../../domain/target.ts";
import { TableRefused } from "../../ports/errors.ts";
import type { JournalCell } from "../../ports/journal.ts";
import type { TargetRecord } from "../../ports/ports.ts";
import type { SweepContext } from "../context.ts";
import { READ_BATCH } from "./batches.ts";
import type { OtherSet, Recovery } from "./recovery.ts";

/** A recovery with its target as it was just read. */
interface ReadTarget {
  readonly recovery: Recovery;
  readonly job: Job;
  readonly target: Target;
  readonly record: TargetRecord | null;
}

/**
 * The fields of a target that hold what another operation's `set` writes: `newer` where that operation's file in the
 * record is a newer job's or one's of unknown age, `older` where it is an older one's, `unknown` where its job cannot be found.
 */
export type StandingValues = ReadonlyMap<string, "newer" | "older" | "unknown">;

/** What the values of `set` are weighed against. */
export interface SetContext {
  /** Whether a file is delivered with them, or was there already. */
  readonly how: "with-file" | "file-there";
  readonly standing: StandingValues;
  /** What each field held before an earlier run wrote it for the job. */
  readonly before: ReadonlyMap<string, JournalCell>;
  /** What this sweep writes to the same record for jobs of other operations, or has written. */
  readonly others: readonly OtherSet[];
  readonly now: Instant;
}

/**
 * Returns the values of `set` that are written to a target, with the placeholders replaced. With a file that is
 * delivered all are written; where the file was there already only those whose field is blank, or holds one of `setFrom`,
 * what an earlier run found there before it wrote, or what this very sweep wrote there for an older job: anything else
 * was written since. In both cases the value of a newer job of another operation stands.
 */
export function valuesToSet(
  { recovery, record }: Pick<ReadTarget, "recovery" | "record">,
  { how, standing, before, others, now }: SetContext,
): Readonly<Record<string, SetValue>> {
  const { set, setFrom } = recovery.candidate.operation;
  const isWritten = (field: string): boolean => {
    const own = others.filter(({ fields }) => fields.includes(field));
    if (own.some(({ isNewer }) => isNewer)) return false;
    const cell = record?.cells[field] ?? "";
    if (cell === "") return true;
    if (set[field] === cell) return how === "with-file";
    if (standing.get(field) === "newer") return false;
    if (setFrom[field]?.some((value) => value === cell)) return true;
    if (before.get(field) === cell) return true;
    if (standing.get(field) === "older" && own.some(({ applied }) => applied)) return true;
    return how === "with-file" && standing.get(field) !== "unknown";
  };
  const values = Object.entries(set).filter(([field]) => isWritten(field));
  return Object.fromEntries(values.map(([field, value]) => [field, renderValue(value, recovery, now)]));
}

function renderValue(value: SetValue, { candidate, verdict: { output } }: Recovery, now: Instant): SetValue {
  if (typeof value !== "string") return value;
  const values: Readonly<Record<string, string | number>> = {
    "{url}": output.url,
    "{externalId}": candidate.externalId,
    "{bytes}": output.bytes,
    "{now}": new Date(now).toISOString(),
  };
  // Alone it keeps its type: a number field takes no text.
  return values[value] ?? value.replace(/\{(?:url|externalId|bytes|now)\}/g, (name) => String(values[name]));
}

/** A field that holds the value of another operation, which has a field of its own for its file. */
interface Foreign {
  readonly read: ReadTarget;
  readonly field: string;
  readonly operation: Operation;
}

/**
 * Finds out whose values stand in the fields that `set` writes: by the file in the field of the operation that writes
 * such a value, whose name holds the external id of its job. Costs requests only where there is such a value.
 */
export async function findStandingValues(
  targets: readonly ReadTarget[],
  run: SweepContext,
): Promise<ReadonlyMap<Recovery, StandingValues>> {
  const foreign = targets.flatMap((read) => foreignValues(read, run.policy.operations));
  if (foreign.length === 0) return new Map();
  const owners = await findOwners(foreign, run);
  const found = new Map<Recovery, Map<string, "newer" | "older" | "unknown">>();
  for (const each of foreign) {
    const { recovery, job } = each.read;
    const fields = found.get(recovery) ?? new Map<string, "newer" | "older" | "unknown">();
    found.set(recovery, fields);
    const others = (owners.get(each) ?? []).filter(({ id }) => id !== job.id);
    if (others.some((owner) => mayBeNewer(owner, job))) fields.set(each.field, "newer");
    else if (fields.get(each.field) !== "newer") fields.set(each.field, others.length === 0 ? "unknown" : "older");
  }
  return found;
}

function foreignValues(read: ReadTarget, operations: readonly Operation[]): readonly Foreign[] {
  const own = read.recovery.candidate.operation;
  return Object.keys(own.set).flatMap((field) => {
    const cell = read.record?.cells[field] ?? "";
    const writers = operations.filter(({ name, target, set, deliver }) => {
      return name !== own.name && target.table === own.target.table && deliver !== null && set[field] === cell;
    });
    return cell === "" || own.set[field] === cell ? [] : writers.map((operation) => ({ read, field, operation }));
  });
}

/** Returns the jobs whose file is in the field of the operation that writes such a value. */
async function findOwners(
  foreign: readonly Foreign[],
  run: SweepContext,
): Promise<ReadonlyMap<Foreign, readonly Job[]>> {
  const files = await readFiles(foreign, run);
  const idsOf = new Map(
    foreign.map((each) => [each, (files.get(each) ?? []).flatMap((name) => externalIdsIn(each.operation, name))]),
  );
  const jobs: Job[] = [];
  for (const batch of chunk([...new Set([...idsOf.values()].flat())], READ_BATCH)) {
    jobs.push(...(await run.store.findJobs(batch, run.limits.reads)));
  }
  return new Map(
    [...idsOf].map(([each, ids]) => [
      each,
      jobs.filter(({ externalId }) => externalId !== null && ids.includes(externalId)),
    ]),
  );
}

/** Returns the names of the files in the field of each operation. */
async function readFiles(
  foreign: readonly Foreign[],
  run: SweepContext,
): Promise<ReadonlyMap<Foreign, readonly string[]>> {
  const found = new Map<Foreign, readonly string[]>();
  for (const [table, group] of groupBy(foreign, ({ read }) => read.target.table)) {
    const ids = [...new Set(group.map(({ read }) => read.target.id))];
    const fieldsAs = (as: "attachment" | "url") => [
      ...new Set(group.flatMap(({ operation: { deliver } }) => (deliver?.as === as ? [deliver.field] : []))),
    ];
    const fields = { attachments: fieldsAs("attachment"), cells: fieldsAs("url") };
    const records = await run.store.readTargets(table, ids, fields, run.limits.reads).catch((error: unknown) => {
      // The field of the other operation cannot be read: then it is not known whose value it is.
      if (error instanceof TableRefused) return new Map<string, TargetRecord>();
      throw error;
    });
    for (const each of group) {
      const record = records.get(each.read.target.id);
      const { attachment } = each.operation;
      const attached = (record?.attachments[attachment] ?? []).map(({ filename }) => filename);
      const text = record?.cells[attachment];
      found.set(each, [...attached, ...(typeof text === "string" ? text.split(/\s+/).map(fileNameOf) : [])]);
    }
  }
  return found;
}
