import { isRecordId, type Job, type StartTime } from "../../core/domain/job.ts";
import { parsePayload } from "../../core/domain/payload.ts";
import type { Attachment, TargetRecord } from "../../core/ports/ports.ts";
import type { ApiRecord, JobFields } from "./api-records.ts";
import { isObject } from "./client.ts";

/** Jobs out of their records. */
export function jobsOf(records: readonly ApiRecord[], names: JobFields): readonly Job[] {
  return records.map((record) => parseJob(record, names));
}

/** A job out of its record. Blank cells are left out of answers. */
export function parseJob({ id, createdTime, fields }: ApiRecord, names: JobFields): Job {
  const cell = (name: string | null): string => (name === null ? "" : parseText(fields[name]));
  return {
    id,
    status: cell(names.status),
    type: orNull(cell(names.type)),
    externalId: orNull(cell(names.externalId)),
    applicationId: orNull(cell(names.ownId).trim()),
    since: names.startedAt === null ? parseStartTime(createdTime ?? "") : parseStartTime(cell(names.startedAt)),
    payload: parsePayload(cell(names.requestPayload)),
    webhookUrl: orNull(cell(names.webhookUrl)),
    links: Object.fromEntries([...names.links].map(([configured, name]) => [configured, parseLinks(fields[name])])),
    notes: cell(names.notes),
    responsePayload: cell(names.responsePayload),
    error: names.error === null ? null : cell(names.error),
  };
}

/** A target out of its record; the maps are of configured names to the base's. */
export function parseTarget(
  { id, fields }: ApiRecord,
  names: { readonly attachments: ReadonlyMap<string, string>; readonly cells: ReadonlyMap<string, string> },
): TargetRecord {
  const attachments: Record<string, readonly Attachment[]> = {};
  for (const [configured, name] of names.attachments) {
    const cell = fields[name];
    if (Array.isArray(cell) && cell.length > 0) attachments[configured] = cell.map(attachmentOf);
  }
  const cells = [...names.cells].map(([configured, name]) => [configured, fields[name]] as const);
  return { id, attachments, cells: Object.fromEntries(cells.filter(([, value]) => value !== undefined)) };
}

function attachmentOf(value: unknown): Attachment {
  if (!isObject(value)) return { id: null, filename: "", url: null, size: null };
  return {
    id: typeof value.id === "string" ? value.id : null,
    filename: parseText(value.filename),
    url: typeof value.url === "string" ? value.url : null,
    size: typeof value.size === "number" ? value.size : null,
  };
}

/** Lookups and multiple selects come as lists, select options of some clients as objects with a name. */
function parseText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.map(parseText).join(", ");
  if (isObject(value)) return parseText(value.name);
  return "";
}

/** Links are a list of ids; a lookup of links, or a text field in their place, may be no such list. */
function parseLinks(value: unknown): readonly string[] {
  if (typeof value === "string") return isRecordId(value) ? [value] : [];
  return Array.isArray(value) ? value.filter(isRecordId) : [];
}

function orNull(text: string): string | null {
  return text.trim() === "" ? null : text;
}

/** A date without a time is Airtable's for midnight UTC; anything without a zone is refused rather than guessed. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/;

/** From when a job's age counts. */
export function parseStartTime(text: string): StartTime {
  const trimmed = text.trim();
  if (trimmed === "") return { kind: "missing" };
  const at = INSTANT.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  return Number.isNaN(at) ? { kind: "unparsable", text: trimmed.slice(0, 60) } : { kind: "at", at };
}

/** The moment in a date's or a last-modified field's cell, in milliseconds since 1970; null where it holds none. */
export function parseInstant(cell: unknown): number | null {
  const since = parseStartTime(parseText(cell));
  return since.kind === "at" ? since.at : null;
}
