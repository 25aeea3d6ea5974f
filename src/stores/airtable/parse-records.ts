import { isRecordId, type Job, type StartTime } from "../../core/domain/job.ts";
import { isDeeperThan, isObject, type JsonObject, textOf } from "../../core/domain/json.ts";
import { parsePayload } from "../../core/domain/payload.ts";
import type { Attachment, TargetRecord } from "../../core/ports/ports.ts";
import type { ApiRecord, JobFields } from "./api-records.ts";

/** Returns the job of a record. Airtable leaves blank cells out of its answers. */
export function parseJob({ id, createdTime, fields }: ApiRecord, names: JobFields): Job {
  const cell = (name: string | null): string => (name === null ? "" : parseText(fields[name]));
  const created = parseStartTime(createdTime ?? "");
  const startedAt = names.startedAt === null ? created : parseStartTime(cell(names.startedAt));
  return {
    id,
    status: cell(names.status),
    type: orNull(cell(names.type)),
    externalId: orNull(parseExternalId(fields[names.externalId])),
    applicationId: orNull(cell(names.ownId).trim()),
    since: names.startedAt === null ? created : notBefore(created, startedAt),
    startedAt,
    payload: parsePayload(cell(names.requestPayload)),
    webhookUrl: orNull(cell(names.webhookUrl)),
    links: Object.fromEntries([...names.links].map(([configured, name]) => [configured, parseLinks(fields[name])])),
    fields: Object.fromEntries(
      [...names.furtherFields].map(([configured, name]) => [configured, parseSingle(fields[name])]),
    ),
    notes: cell(names.notes),
    responsePayload: cell(names.responsePayload),
    error: names.error === null ? null : cell(names.error),
  };
}

/** Returns the target of a record; the maps are of configured names to the base's. */
export function parseTarget(
  { id, fields }: ApiRecord,
  names: { readonly attachments: ReadonlyMap<string, string>; readonly cells: ReadonlyMap<string, string> },
): TargetRecord {
  const attachments: Record<string, readonly Attachment[]> = {};
  for (const [configured, name] of names.attachments) {
    const cell = fields[name];
    if (Array.isArray(cell) && cell.length > 0) attachments[configured] = cell.map(parseAttachment);
  }
  const cells = [...names.cells].map(([configured, name]) => [configured, fields[name]] as const);
  return { id, attachments, cells: Object.fromEntries(cells.filter(([, value]) => value !== undefined)) };
}

/** Cells of Airtable are three or four levels deep. */
const MAX_NESTING = 16;

/** Whether the cells of a record can be compared and recorded: code that recurses over them overflows otherwise. */
export function isReadable({ fields }: ApiRecord): boolean {
  return !Object.values(fields).some((cell) => isDeeperThan(MAX_NESTING, cell));
}

/** Returns an entry of an attachment cell. */
export function parseAttachment(value: unknown): Attachment {
  if (!isObject(value)) return { id: null, filename: "", url: null, size: null };
  return {
    id: typeof value.id === "string" ? value.id : null,
    filename: textOf(value.filename),
    url: typeof value.url === "string" ? value.url : null,
    size: typeof value.size === "number" ? value.size : null,
  };
}

/**
 * Returns the text of a cell. Lookups and multiple selects come as lists, select options of some clients as objects with
 * a name, barcodes and AI texts as objects of their own.
 */
export function parseText(value: unknown): string {
  return isDeeperThan(MAX_NESTING, value) ? TOO_DEEP : flatten(value);
}

const TOO_DEEP = "(nested too deep to be read)";

function flatten(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.map(flatten).join(", ");
  return isObject(value) ? (objectText(value) ?? flatten(value.name)) : "";
}

/** Returns the text of a barcode, or of an AI text that is generated; null of any other object. */
function objectText({ text, state, value }: JsonObject): string | null {
  if (typeof text === "string") return text;
  return state === "generated" && typeof value === "string" ? value : null;
}

/**
 * Returns the external id in a cell: a text or number, a lookup of one, a barcode or a generated AI text. Anything else
 * is returned in a form that is no external id, and is refused as such: a job whose id cannot be read has an id.
 */
export function parseExternalId(cell: unknown): string {
  const value = Array.isArray(cell) && cell.length <= 1 ? cell[0] : cell;
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value === cell || !isRecordId(value) ? value : JSON.stringify(cell);
  if (typeof value === "number") return String(value);
  const text = isObject(value) ? objectText(value) : null;
  if (text !== null) return text;
  return isDeeperThan(MAX_NESTING, value) ? TOO_DEEP : `not a text: ${JSON.stringify(value).slice(0, MAX_SHOWN)}`;
}

/** How much of a cell that is no external id is shown. */
const MAX_SHOWN = 100;

/** Returns the text of a cell that holds one value; null where it holds several, or what is no text. */
function parseSingle(cell: unknown): string | null {
  const value = Array.isArray(cell) && cell.length <= 1 ? cell[0] : cell;
  if (value === undefined || value === null) return "";
  if (typeof value === "string" || typeof value === "number") return String(value);
  if (!isObject(value)) return null;
  return objectText(value) ?? (typeof value.name === "string" ? value.name : null);
}

/** Links are a list of ids; a lookup of links, or a text field in their place, may be no such list. */
function parseLinks(value: unknown): readonly string[] {
  if (typeof value === "string") return isRecordId(value) ? [value] : [];
  return Array.isArray(value) ? value.filter(isRecordId) : [];
}

function orNull(text: string): string | null {
  return text.trim() === "" ? null : text;
}

/** A date without a time may mean any time of that day in UTC; a time without a zone is refused rather than guessed. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/;

const DAY_MS = 86_400_000;

/** Parses the text from which a job's age counts. */
export function parseStartTime(text: string): StartTime {
  const trimmed = text.trim();
  if (trimmed === "") return { kind: "missing" };
  const at = INSTANT.test(trimmed) ? Date.parse(trimmed) : Number.NaN;
  if (Number.isNaN(at)) return { kind: "unparsable", text: trimmed.slice(0, 60) };
  return trimmed.includes("T") ? { kind: "at", at } : { kind: "at", at, latest: at + DAY_MS };
}

/** A job cannot have begun before its record was created: a local time that was stored as UTC may say so. */
function notBefore(created: StartTime, started: StartTime): StartTime {
  if (created.kind !== "at" || started.kind !== "at") return started;
  const { latest = started.at } = started;
  const at = Math.max(created.at, started.at);
  return latest > at ? { kind: "at", at, latest } : { kind: "at", at };
}

/** Returns the time in the cell of a date or last-modified field, in milliseconds since 1970; null where it has none. */
export function parseInstant(cell: unknown): number | null {
  const since = parseStartTime(parseText(cell));
  return since.kind === "at" ? since.at : null;
}
