import type { Instant, Job } from "../domain/job.ts";
import { appendLine, type Signature, undoneLine } from "../domain/notes.ts";
import { type Change, isFiles, type JournalCell } from "../ports/journal.ts";
import type {
  AttachmentValue,
  CellValue,
  JobUpdate,
  TargetFields,
  TargetRecord,
  TargetUpdate,
} from "../ports/ports.ts";
import { readCell, toJournalFile } from "../sweep/apply/journaled-writes.ts";
import { compareField, fieldNames, isSameCell, type RecordWrites } from "./change-sets.ts";

/** How a record compares with what a run wrote to it, and what restoring it takes. */
export type RestorePlan<Update> =
  | {
      readonly kind: "restore";
      readonly update: Update;
      readonly fields: Readonly<Record<string, Change>>;
      readonly detail: string;
    }
  | { readonly kind: "as-it-was" | "changed-since" | "cannot"; readonly detail: string };

/** What stands in the journal for a secret. */
const REDACTED = "[redacted]";

/** Who undoes what, and how texts were redacted for the journal with which they are compared. */
export interface RestoreContext {
  readonly run: string;
  readonly at: Instant;
  readonly by: Signature;
  readonly redact: (text: string) => string;
  /** The fields of jobs that the base does not have: nothing is compared with them, and none holds the run's id. */
  readonly absent: ReadonlySet<"responsePayload" | "error" | "notes">;
}

/**
 * Plans how a job is restored. It is restored where status, response payload and error are as the run wrote them, and
 * the record names the run: all of them, or nothing. Where the base has no field that could name it, the journal has to
 * know of no later write.
 */
export function planJobRestore(
  written: RecordWrites,
  current: Job | undefined,
  { run, redact, at, by, absent }: RestoreContext,
): RestorePlan<JobUpdate> {
  const isAbsent = (name: string) => [...absent].some((each) => each === name);
  const names = fieldNames(written).filter((name) => !isAbsent(name));
  if (current === undefined) return { kind: "changed-since", detail: "the job was deleted" };
  if (names.length === 0) return { kind: "as-it-was", detail: "only its notes were written" };
  const cells: Readonly<Record<string, JournalCell>> = {
    status: readCell(current.status),
    responsePayload: readCell(redact(current.responsePayload)),
    error: readCell(redact(current.error ?? "")),
  };
  const found = names.map((name) => {
    const cell = cells[name] ?? null;
    return { name, cell, state: compareField(name, written, (each) => isSameCell(each, cell)) };
  });
  const canBeSigned = !isAbsent("notes") || ["responsePayload", "error"].some((name) => names.includes(name));
  const isSigned = canBeSigned
    ? [current.notes, current.responsePayload, current.error ?? ""].some((text) => text.includes(run))
    : !written.writtenSince;
  if (found.every(({ state }) => state.kind === "as-written") && isSigned) {
    if (current.notes !== "" && !current.notes.includes(run)) {
      return { kind: "changed-since", detail: "the run's line is not in its notes any more" };
    }
    const fields: Record<string, Change> = {};
    for (const { name, cell, state } of found) {
      const before = state.kind === "as-written" ? state.before : null;
      if (isRedacted(before)) return { kind: "cannot", detail: `the journal holds ${name} without its secrets only` };
      fields[name] = { before: cell, after: before };
    }
    const textOf = (name: string) => String(fields[name]?.after ?? "");
    return {
      kind: "restore",
      update: {
        id: written.id,
        ...("status" in fields ? { status: textOf("status") } : {}),
        ...("responsePayload" in fields ? { responsePayload: textOf("responsePayload") } : {}),
        ...("error" in fields ? { error: textOf("error") === "" ? null : textOf("error") } : {}),
        ...(isAbsent("notes") ? {} : { notes: appendLine(current.notes, undoneLine(run, at, by)) }),
      },
      fields,
      detail: "status" in fields ? `${current.status} → ${textOf("status")}` : "",
    };
  }
  if (found.every(({ cell, name }) => written.writes.some(({ fields }) => isBefore(fields[name], cell)))) {
    return { kind: "as-it-was", detail: `it is ${current.status}, as the run had found it` };
  }
  return { kind: "changed-since", detail: `it is ${current.status}, and was written since` };
}

function isBefore(change: Change | undefined, cell: JournalCell): boolean {
  return change !== undefined && isSameCell(change.before, cell);
}

/** Plans how a target is restored: where each of its fields is as the run wrote it, or as it was before. */
export function planTargetRestore(
  written: RecordWrites,
  current: TargetRecord | undefined,
  redact: (text: string) => string,
): RestorePlan<TargetUpdate> {
  if (current === undefined) return { kind: "changed-since", detail: "the record was deleted" };
  const fields: Record<string, Change> = {};
  const values: Record<string, CellValue> = {};
  for (const name of fieldNames(written)) {
    const attached = current.attachments[name] ?? [];
    const cell = isAttachment(name, written)
      ? attached.map(toJournalFile)
      : redactCell(readCell(current.cells[name]), redact);
    const state = compareField(name, written, (each) => isSameCell(each, cell));
    if (state.kind === "as-before") continue;
    if (state.kind === "changed") return { kind: "changed-since", detail: `${name} was written since` };
    const { before } = state;
    if (isSameCell(before, cell)) continue;
    if (isFiles(before)) {
      const lost = before.find(({ id }) => id === null || !attached.some((file) => file.id === id));
      if (lost !== undefined) {
        const detail = `${name} held ${lost.filename}, which Airtable has dropped: attach it by hand`;
        return { kind: "cannot", detail };
      }
      values[name] = before.flatMap(({ id }): AttachmentValue => (id === null ? [] : [{ id }]));
    } else if (isRedacted(before) || isOpaque(before)) {
      return { kind: "cannot", detail: `what ${name} held cannot be written back from the journal` };
    } else values[name] = before;
    fields[name] = { before: cell, after: before };
  }
  if (Object.keys(fields).length === 0) return { kind: "as-it-was", detail: "it holds what the run had found" };
  return {
    kind: "restore",
    update: { id: written.id, fields: values },
    fields,
    detail: Object.keys(fields).join(", "),
  };
}

/** Returns the fields of targets that are read to compare them. */
export function fieldsToCompare(records: readonly RecordWrites[]): TargetFields {
  const namesOf = (attachments: boolean) => [
    ...new Set(records.flatMap((each) => fieldNames(each).filter((name) => isAttachment(name, each) === attachments))),
  ];
  return { attachments: namesOf(true), cells: namesOf(false) };
}

function isAttachment(name: string, { writes }: Pick<RecordWrites, "writes">): boolean {
  return writes.some(({ fields }) => fields[name] !== undefined && isFiles(fields[name].after));
}

function redactCell(cell: JournalCell, redact: (text: string) => string): JournalCell {
  return typeof cell === "string" ? redact(cell) : cell;
}

function isRedacted(cell: JournalCell): boolean {
  return typeof cell === "string" && cell.includes(REDACTED);
}

function isOpaque(cell: JournalCell): cell is { readonly opaque: string } {
  return typeof cell === "object" && cell !== null && "opaque" in cell;
}
