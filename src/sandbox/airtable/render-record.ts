import { isBlank, isList, type Json } from "./cells.ts";
import type { FormulaRecord } from "./formula.ts";
import type { Value } from "./formula-values.ts";
import type { Field, TableSchema } from "./schema.ts";
import type { StoredRecord } from "./tables.ts";

/** A record as an answer shows it. */
export interface ShownRecord {
  readonly id: string;
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, Json>>;
}

/** `fields`: the only ones to show; `byId`: under their ids. */
export interface Showing {
  readonly fields?: readonly Field[];
  readonly byId?: boolean;
}

/** Blank cells are left out, as Airtable does. */
export function renderRecord(
  table: TableSchema,
  record: StoredRecord,
  { fields, byId = false }: Showing = {},
): ShownRecord {
  const cells: [string, Json][] = [];
  for (const field of fields ?? table.fields) {
    const cell = renderCell(field, record);
    if (cell !== undefined && !isBlank(cell)) cells.push([byId ? field.id : field.name, cell]);
  }
  return { id: record.id, createdTime: record.createdTime, fields: Object.fromEntries(cells) };
}

/** A cell as it reads. Of the computed fields only the record's own id is computed; others are what was put there. */
export function renderCell({ name, type }: Field, record: StoredRecord): Json | undefined {
  return type === "formula" && name === "Record ID" ? record.id : record.fields[name];
}

/**
 * Shows records of a table to formulas. Cells are read when a formula asks for them, and a view holds until the next
 * is made: a formula reads 2 of a record's 45 cells, of 100,000 records.
 */
export function formulaViews(table: TableSchema): (record: StoredRecord) => FormulaRecord {
  let current: StoredRecord | null = null;
  const fields: Record<string, Value | undefined> = {};
  for (const field of table.fields) {
    const get = () => (current === null ? null : formulaValue(renderCell(field, current) ?? null));
    Object.defineProperty(fields, field.name, { get });
  }
  return (record) => {
    current = record;
    return { id: record.id, createdTime: record.createdTime, fields };
  };
}

/** A cell as formulas see it: attachments by their file names. */
export function formulaValue(cell: Json): Value {
  if (isList(cell)) return cell.map(formulaValue);
  if (typeof cell !== "object" || cell === null) return cell;
  return "filename" in cell ? String(cell.filename) : JSON.stringify(cell);
}
