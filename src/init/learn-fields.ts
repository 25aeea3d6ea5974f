import { isExternalId, type Job } from "../core/domain/job.ts";
import { parsePayload } from "../core/domain/payload.ts";
import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import { parseExternalId, parseText } from "../stores/airtable/parse-records.ts";
import type { FieldNames, JobsTable, Statuses } from "./jobs-table.ts";
import { statusesOf } from "./jobs-table.ts";
import { indexOfWord } from "./learn-outputs.ts";
import type { NamedFile } from "./named-files.ts";
import type { SampleRecord } from "./source.ts";

/** Returns the values of a field in a sample as text, blank ones left out. */
export function valuesOf(records: readonly SampleRecord[], field: string): readonly string[] {
  return records.map(({ fields }) => parseText(fields[field])).filter((text) => text.trim() !== "");
}

/** Learns the statuses from the options of the field, or, where it is a text, from the values in use. */
export function learnStatuses(status: FieldSchema, records: readonly SampleRecord[]): Statuses {
  return statusesOf({ choices: status.choices ?? [...new Set(valuesOf(records, status.name))] });
}

/**
 * Takes a text for what it is by its content: fields that were proposed by their names alone are left out where their
 * values do not fit.
 */
export function withFittingFields({ table, fields }: JobsTable, records: readonly SampleRecord[]): FieldNames {
  const { type, requestPayload, startedAt } = fields;
  const values = (name: string) => valuesOf(records, name);
  const isPayload = (name: string) => values(name).every((text) => parsePayload(text).kind === "read");
  return {
    ...fields,
    type: type === null || !isKind(named(table, type), values(type)) ? null : type,
    requestPayload: requestPayload === null || !isPayload(requestPayload) ? null : requestPayload,
    // A job without a date is never failed, so that the field has to be filled in all of them.
    startedAt: startedAt === null || values(startedAt).length < records.length ? null : startedAt,
  };
}

/** A text names the kind of work only where few values stand for many jobs. */
function isKind(field: FieldSchema | null, values: readonly string[]): boolean {
  return field?.choices != null || new Set(values).size * 3 <= values.length;
}

function named({ fields }: TableSchema, name: string): FieldSchema | null {
  return fields.find((field) => field.name === name) ?? null;
}

/** Types whose value may be the worker's id of a job. */
const ID_TYPES = [
  ...["singleLineText", "multilineText", "formula", "rollup", "multipleLookupValues"],
  ...["externalSyncSource", "number", "autoNumber", "barcode", "aiText"],
];

/**
 * Finds the field whose values are in the names of the files that finished jobs name. Null where there is none: then its
 * name decides.
 */
export function learnExternalId(
  { table, fields }: JobsTable,
  finished: readonly { readonly record: SampleRecord; readonly files: readonly NamedFile[] }[],
): string | null {
  const candidates = table.fields.filter(({ type, name }) => ID_TYPES.includes(type) && name !== fields.status);
  const counted = candidates.map(({ name }) => {
    const ids = finished.map(({ record, files }) => ({ id: parseExternalId(record.fields[name]), files }));
    const distinct = new Set(ids.map(({ id }) => id)).size === ids.length;
    const hits = ids.filter(({ id, files }) => isExternalId(id) && files.some((file) => isNamedBy(file, id))).length;
    return { name, hits: distinct ? hits : 0 };
  });
  const most = Math.max(0, ...counted.map(({ hits }) => hits));
  if (most === 0) return null;
  const best = counted.filter(({ hits }) => hits === most).map(({ name }) => name);
  return best.find((name) => name === fields.externalId) ?? best[0] ?? null;
}

/** Whether a file is named by an id, in its own name or in a folder's. */
export function isNamedBy({ segments }: NamedFile, id: string): boolean {
  return segments.some((segment) => indexOfWord(segment, id) !== -1);
}

/** Returns a record as a job. */
export function toJob(record: SampleRecord, { externalId, status, ...fields }: FieldNames): Job {
  const cell = (name: string | null) => (name === null ? "" : parseText(record.fields[name]));
  const text = (name: string | null) => cell(name).trim() || null;
  return {
    id: record.id,
    status: cell(status),
    type: text(fields.type),
    externalId: externalId === null ? null : parseExternalId(record.fields[externalId]).trim() || null,
    applicationId: null,
    since: { kind: "missing" },
    startedAt: { kind: "missing" },
    fields: {},
    payload: parsePayload(cell(fields.requestPayload)),
    webhookUrl: text(fields.webhookUrl),
    links: {},
    notes: "",
    responsePayload: cell(fields.responsePayload),
    error: null,
  };
}
