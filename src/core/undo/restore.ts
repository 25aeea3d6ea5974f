import type { Instant, Job } from "../domain/job.ts";
import { appendLine, type Signature, undoneLine } from "../domain/notes.ts";
import type { Change, JournalCell } from "../ports/journal.ts";
import type {
  AttachmentValue,
  CellValue,
  JobUpdate,
  TargetFields,
  TargetRecord,
  TargetUpdate,
} from "../ports/ports.ts";
import { readCell, toJournalFile } from "../sweep/apply/journaled-writes.ts";
import { fieldNames, fieldNow, isFiles, isSameCell, type RecordWrites } from "./change-sets.ts";

/** How a record stands towards what a run wrote to it, and what putting it back takes. */
export type RestorePlan<Update> =
  | {
      readonly kind: "restore";
      readonly update: Update;
      readonly fields: Readonly<Record<string, Change>>;
      readonly detail: string;
    }
  | { readonly kind: "as-it-was" | "not-ours-any-more" | "cannot"; readonly detail: string };

/** The mark of what was taken out of a text before the journal got it. */
const REDACTED = "[redacted]";

/**
 * A job is put back where status, response payload and error are as the run wrote them, and the record names the run:
 * all of them, or nothing of it.
 */
export function jobRestored(
  past: RecordWrites,
  now: Job | undefined,
  { run, redact, at, by }: { run: string; redact: (text: string) => string; at: Instant; by: Signature },
): RestorePlan<JobUpdate> {
  const names = fieldNames(past);
  if (now === undefined) return { kind: "not-ours-any-more", detail: "the job is gone" };
  if (names.length === 0) return { kind: "as-it-was", detail: "only its notes were written" };
  const cells: Readonly<Record<string, JournalCell>> = {
    status: readCell(now.status),
    responsePayload: readCell(redact(now.responsePayload)),
    error: readCell(redact(now.error ?? "")),
  };
  const found = names.map((name) => ({
    name,
    now: cells[name] ?? null,
    field: fieldNow(name, past, (cell) => isSameCell(cell, cells[name] ?? null)),
  }));
  const signed = [now.notes, now.responsePayload, now.error ?? ""].some((text) => text.includes(run));
  if (found.every(({ field }) => field.kind === "as-written") && signed) {
    if (now.notes !== "" && !now.notes.includes(run)) {
      return { kind: "not-ours-any-more", detail: "the run's line is not in its notes any more" };
    }
    const fields: Record<string, Change> = {};
    for (const { name, now: after, field } of found) {
      const before = field.kind === "as-written" ? field.before : null;
      if (isLost(before)) return { kind: "cannot", detail: `the journal holds ${name} without its secrets only` };
      fields[name] = { before: after, after: before };
    }
    const text = (name: string) => String(fields[name]?.after ?? "");
    return {
      kind: "restore",
      update: {
        id: past.id,
        ...("status" in fields ? { status: text("status") } : {}),
        ...("responsePayload" in fields ? { responsePayload: text("responsePayload") } : {}),
        ...("error" in fields ? { error: text("error") === "" ? null : text("error") } : {}),
        notes: appendLine(now.notes, undoneLine(run, at, by)),
      },
      fields,
      detail: "status" in fields ? `${now.status} → ${text("status")}` : "",
    };
  }
  if (found.every(({ now, name }) => past.writes.some(({ fields }) => isBefore(fields[name], now)))) {
    return { kind: "as-it-was", detail: `it is ${now.status}, as the run had found it` };
  }
  return { kind: "not-ours-any-more", detail: `it is ${now.status}, and was written since` };
}

function isBefore(change: Change | undefined, now: JournalCell): boolean {
  return change !== undefined && isSameCell(change.before, now);
}

/** A target is put back where each of its fields is as the run wrote it, or as it was before. */
export function targetRestored(
  past: RecordWrites,
  now: TargetRecord | undefined,
  redact: (text: string) => string,
): RestorePlan<TargetUpdate> {
  if (now === undefined) return { kind: "not-ours-any-more", detail: "the record is gone" };
  const fields: Record<string, Change> = {};
  const values: Record<string, CellValue> = {};
  for (const name of fieldNames(past)) {
    const held = now.attachments[name] ?? [];
    const cell = isAttachment(name, past) ? held.map(toJournalFile) : redactedCell(readCell(now.cells[name]), redact);
    const field = fieldNow(name, past, (each) => isSameCell(each, cell));
    if (field.kind === "as-before") continue;
    if (field.kind === "changed") return { kind: "not-ours-any-more", detail: `${name} was written since` };
    const { before } = field;
    if (isSameCell(before, cell)) continue;
    if (isFiles(before)) {
      const lost = before.find(({ id }) => id === null || !held.some((file) => file.id === id));
      if (lost !== undefined) {
        return {
          kind: "cannot",
          detail: `${name} held ${lost.filename}, which Airtable has let go of: attach it by hand`,
        };
      }
      values[name] = before.flatMap(({ id }): AttachmentValue => (id === null ? [] : [{ id }]));
    } else if (isLost(before) || isOpaque(before)) {
      return { kind: "cannot", detail: `what ${name} held cannot be written back from the journal` };
    } else values[name] = before;
    fields[name] = { before: cell, after: before };
  }
  if (Object.keys(fields).length === 0) return { kind: "as-it-was", detail: "it holds what the run had found" };
  return { kind: "restore", update: { id: past.id, fields: values }, fields, detail: Object.keys(fields).join(", ") };
}

/** What of targets has to be read to tell how they stand. */
export function targetFields(pasts: readonly RecordWrites[]): TargetFields {
  const names = (wanted: boolean) => [
    ...new Set(pasts.flatMap((past) => fieldNames(past).filter((name) => isAttachment(name, past) === wanted))),
  ];
  return { attachments: names(true), cells: names(false) };
}

function isAttachment(name: string, { writes }: Pick<RecordWrites, "writes">): boolean {
  return writes.some(({ fields }) => fields[name] !== undefined && isFiles(fields[name].after));
}

function redactedCell(cell: JournalCell, redact: (text: string) => string): JournalCell {
  return typeof cell === "string" ? redact(cell) : cell;
}

function isLost(cell: JournalCell): boolean {
  return typeof cell === "string" && cell.includes(REDACTED);
}

function isOpaque(cell: JournalCell): cell is { readonly opaque: string } {
  return typeof cell === "object" && cell !== null && "opaque" in cell;
}
