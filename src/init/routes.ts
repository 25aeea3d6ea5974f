import { isRecordId, type Job } from "../core/domain/job.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import type { JobsTable } from "./jobs-table.ts";
import { jsonColumns } from "./json-columns.ts";
import type { SampleRecord } from "./source.ts";

/** A way from a job to the record that may receive its file. */
export interface Route {
  /** The field of the job, or the key of its payload. */
  readonly name: string;
  readonly kind: "link" | "payload" | "name";
  /** The table that it leads to. */
  readonly table: TableSchema;
  /** The field by whose value a record is named; null where it is named by its id. */
  readonly nameField: string | null;
  /** Whether ids have the form of Airtable's, or any. */
  readonly ids: IdForm;
}

export type IdForm = "record" | "any";

/** The name of a column, or a key, that holds an id. */
const ID_NAME = /(^|[_\s])(id|uuid|key)$|Id$/;

/** Types of fields that may hold a record's id as a text. */
const TEXTS = ["singleLineText", "formula", "multipleLookupValues", "rollup"];

/**
 * Returns the ways from the jobs to other tables: link fields, and texts and keys of the payload that name a record by its
 * id or its name, and by their own name its table (`segment_id`, "Segments").
 *
 * @param target the table that is given; null: any with a field for a file
 * @param ids in a database they have any form: whether a value is one shows by the record that it leads to
 */
export function findRoutes(
  { table: jobs }: JobsTable,
  tables: readonly TableSchema[],
  sample: readonly { readonly record: SampleRecord; readonly job: Job }[],
  target: TableSchema | null,
  ids: IdForm,
): readonly Route[] {
  const mayReceive = (table: TableSchema) => hasFileField(table) || jsonColumns(table).size > 0;
  const receiving = target === null ? tables.filter((table) => table.id !== jobs.id && mayReceive(table)) : [target];
  const byName = (name: string) => target ?? tableOfName(name, receiving);
  const links = jobs.fields.flatMap(({ name, type, linkedTableId }): readonly Route[] => {
    if (type === "multipleRecordLinks") {
      const table = linkedTableId === null ? byName(name) : receiving.find(({ id }) => id === linkedTableId);
      return table == null ? [] : [{ name, kind: "link", table, nameField: null, ids }];
    }
    if (ids === "any") {
      const named = ID_NAME.test(name) ? byName(name) : null;
      return named === null ? [] : [{ name, kind: "name", table: named, nameField: null, ids }];
    }
    const table = TEXTS.includes(type) ? byName(name) : null;
    if (table === null) return [];
    if (holdsIds(sample, name)) return [{ name, kind: "link", table, nameField: null, ids }];
    const primary = table.fields.find(({ id }) => id === table.primaryFieldId);
    return primary === undefined ? [] : [{ name, kind: "name", table, nameField: primary.name, ids }];
  });
  const keys = [...new Set(sample.flatMap(({ job }) => keysOfRecords(job, ids)))];
  const payload = keys.flatMap((name): readonly Route[] => {
    const table = byName(name);
    return table === null ? [] : [{ name, kind: "payload", table, nameField: null, ids }];
  });
  return [...links, ...payload];
}

/** Returns the ids or the names of the records that a job names on a route. */
export function targetsOf(
  { name, kind, ids }: Route,
  { record, job }: { readonly record: SampleRecord; readonly job: Job },
): readonly string[] {
  const found =
    kind === "payload" ? (job.payload.kind === "read" ? job.payload.value[name] : null) : record.fields[name];
  const all: readonly unknown[] = Array.isArray(found) ? found : [found];
  if (ids === "any") return all.flatMap((each) => idOf(each) ?? []);
  return all.filter((each) => typeof each === "string").filter((each) => kind !== "payload" || isRecordId(each));
}

/** Returns a value as an id of any form: a text, or a number as JSON has it; null where it can be none. */
function idOf(value: unknown): string | null {
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : null;
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/** Whether a table has a field that a file can be put into. */
export function hasFileField({ fields }: TableSchema): boolean {
  return fields.some(({ type }) => type === "multipleAttachments" || type === "url");
}

function holdsIds(sample: readonly { readonly record: SampleRecord }[], name: string): boolean {
  const cells = sample.map(({ record }) => record.fields[name]).filter((cell) => cell !== undefined);
  const isId = (cell: unknown) => (Array.isArray(cell) ? cell.some(isRecordId) : isRecordId(cell));
  return cells.length > 0 && cells.every(isId);
}

function keysOfRecords({ payload }: Job, ids: IdForm): readonly string[] {
  if (payload.kind !== "read") return [];
  const isId = (key: string, value: unknown) =>
    ids === "record" ? isRecordId(value) : ID_NAME.test(key) && idOf(value) !== null;
  return Object.entries(payload.value).flatMap(([key, value]) => (isId(key, value) ? [key] : []));
}

/** Finds the table that a name speaks of: `segment_id`, "Related Segment". */
function tableOfName(name: string, tables: readonly TableSchema[]): TableSchema | null {
  const words = name.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  const stems = words.filter((word) => word.length > 2 && !["record", "related", "target"].includes(word));
  return tables.find((table) => stems.some((stem) => table.name.toLowerCase().includes(stem))) ?? null;
}
