import * as z from "zod";
import { ApiError, invalid } from "./api-error.ts";
import { type Json, parseCell, type StoredAttachment } from "./cells.ts";
import type { BaseSchema, Field, TableSchema } from "./schema.ts";

/** A record of the base; `fields` are by name, without blank ones. */
export interface StoredRecord {
  readonly id: string;
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, Json>>;
}

/** A file that was written into a cell and is not fetched yet. */
export interface PendingAttachment {
  readonly table: string;
  readonly id: string;
  readonly field: string;
  readonly attachmentId: string;
  readonly url: string;
}

const json: z.ZodType<Json> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(json), z.record(z.string(), json)]),
);

/** The content of a base as JSON. */
export const snapshotSchema = z.object({
  tables: z.record(
    z.string(),
    z.array(z.object({ id: z.string(), createdTime: z.string(), fields: z.record(z.string(), json) })),
  ),
  pending: z.array(
    z.object({ table: z.string(), id: z.string(), field: z.string(), attachmentId: z.string(), url: z.string() }),
  ),
});

export type Snapshot = z.output<typeof snapshotSchema>;

/** The tables of a base with their records. */
export class Tables {
  readonly schema: BaseSchema;
  readonly #random: () => number;
  readonly #records = new Map<string, Map<string, StoredRecord>>();
  #pending: PendingAttachment[] = [];

  constructor(schema: BaseSchema, random: () => number) {
    this.schema = schema;
    this.#random = random;
    for (const { id } of schema.tables) this.#records.set(id, new Map());
  }

  /** Finds a table by name or id. */
  find(nameOrId: string): TableSchema | null {
    return this.schema.tables.find(({ id, name }) => id === nameOrId || name === nameOrId) ?? null;
  }

  /** Finds a field by name or id. */
  field(table: TableSchema, nameOrId: string): Field {
    const field = table.fields.find(({ id, name }) => id === nameOrId || name === nameOrId);
    if (field === undefined) throw invalid("UNKNOWN_FIELD_NAME", `Unknown field name: "${nameOrId}"`);
    return field;
  }

  of(table: TableSchema): Map<string, StoredRecord> {
    const records = this.#records.get(table.id);
    if (records === undefined) throw new Error(`no table ${table.id}`);
    return records;
  }

  /** Checks an update and returns a function that stores it: a whole batch is checked before any of it is written. */
  prepare(table: TableSchema, id: string, update: Readonly<Record<string, Json>>, now: number): () => StoredRecord {
    const record = this.of(table).get(id);
    if (record === undefined) throw invalid("ROW_DOES_NOT_EXIST", `Record ID ${id} does not exist`);
    const pending: PendingAttachment[] = [];
    const cells = Object.entries(update).map(([nameOrId, value]) => {
      const field = this.field(table, nameOrId);
      const cell = parseCell(field, value, {
        current: record.fields[field.name],
        exists: (tableId, linked) => this.#records.get(tableId)?.has(linked) ?? true,
        attach: (url, filename) => this.#attach(url, filename, { table: table.name, id, field: field.name }, pending),
      });
      return [field.name, cell] as const;
    });
    return () => {
      this.#pending.push(...pending);
      return this.put(table, id, { ...Object.fromEntries(cells), ...modifiedTimes(table, cells, now) });
    };
  }

  /** Stores cells without checking them. */
  put(table: TableSchema, id: string, cells: Readonly<Record<string, Json>>): StoredRecord {
    const record = this.of(table).get(id);
    if (record === undefined) throw new ApiError(404, "NOT_FOUND", `no record ${id}`);
    const fields = Object.entries({ ...record.fields, ...cells }).filter(([, cell]) => cell !== null);
    const changed = { ...record, fields: Object.fromEntries(fields) };
    this.of(table).set(id, changed);
    return changed;
  }

  get pending(): readonly PendingAttachment[] {
    return this.#pending;
  }

  /** Records that a file was fetched; null: the fetch failed, and the entry vanishes from its cell. */
  completeAttachment(
    attachmentId: string,
    file: { readonly bytes: number; readonly contentType: string } | null,
  ): void {
    const pending = this.#pending.find((each) => each.attachmentId === attachmentId);
    if (pending === undefined) return;
    this.#pending = this.#pending.filter((each) => each !== pending);
    const table = this.find(pending.table);
    const cell = table === null ? undefined : this.of(table).get(pending.id)?.fields[pending.field];
    if (table === null || !Array.isArray(cell)) return;
    const entries = cell.flatMap((entry: Json): readonly Json[] => {
      if (!isAttachment(entry) || entry.id !== attachmentId) return [entry];
      if (file === null) return [];
      const url = `https://v5.airtableusercontent.com/${attachmentId}/${encodeURIComponent(entry.filename)}`;
      return [{ ...entry, url, size: file.bytes, type: file.contentType }];
    });
    this.put(table, pending.id, { [pending.field]: entries.length === 0 ? null : entries });
  }

  snapshot(): Snapshot {
    const tables = this.schema.tables.map(({ id, name }) => [name, [...(this.#records.get(id)?.values() ?? [])]]);
    return snapshotSchema.parse({ tables: Object.fromEntries(tables), pending: this.#pending });
  }

  restore({ tables, pending }: Snapshot): void {
    for (const table of this.schema.tables) {
      const records = this.of(table);
      records.clear();
      for (const record of tables[table.name] ?? []) records.set(record.id, record);
    }
    this.#pending = [...pending];
  }

  #attach(
    url: string,
    filename: string,
    where: Pick<PendingAttachment, "table" | "id" | "field">,
    pending: PendingAttachment[],
  ): StoredAttachment {
    const id = `att${Array.from({ length: 14 }, () => ALPHABET[Math.floor(this.#random() * ALPHABET.length)]).join("")}`;
    pending.push({ ...where, attachmentId: id, url });
    return { id, url, filename };
  }
}

/** Returns the last-modified times that change with these cells. */
function modifiedTimes(
  { fields }: TableSchema,
  cells: readonly (readonly [name: string, cell: Json])[],
  now: number,
): Readonly<Record<string, Json>> {
  const written = fields.filter(({ name }) => cells.some(([each]) => each === name)).map(({ id }) => id);
  const changed = fields.filter(({ type, options }) => {
    const watched = options?.referencedFieldIds ?? [];
    return type === "lastModifiedTime" && (watched.length === 0 || watched.some((id) => written.includes(id)));
  });
  return Object.fromEntries(changed.map(({ name }) => [name, new Date(now).toISOString()]));
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

function isAttachment(value: Json): value is StoredAttachment {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "filename" in value;
}
