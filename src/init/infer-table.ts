import { isRecordId } from "../core/domain/job.ts";
import { isObject, type JsonObject } from "../core/domain/json.ts";
import { groupBy } from "../core/domain/lists.ts";
import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";

/** A select has few options, and each of them in several records. */
const MOST_OPTIONS = 12;

/**
 * Infers the fields of a table from its records, for a token that may not read the schema. A field that is blank in all of
 * them is not seen.
 */
export function inferTable(name: string, records: readonly { readonly fields: JsonObject }[]): TableSchema {
  const cells = groupBy(
    records.flatMap(({ fields }) => Object.entries(fields)),
    ([field]) => field,
  );
  const inferred = [...cells].map(([field, own]) => {
    return inferField(
      field,
      own.map(([, cell]) => cell),
    );
  });
  return { id: name, name, fields: inferred };
}

function inferField(name: string, cells: readonly unknown[]): FieldSchema {
  const type = inferType(cells);
  const texts = cells.filter((cell) => typeof cell === "string");
  const choices = type === "singleSelect" ? [...new Set(texts)] : null;
  return { id: name, name, type, choices, linkedTableId: null, resultType: null };
}

function inferType(cells: readonly unknown[]): string {
  const all = (test: (cell: unknown) => boolean) => cells.every(test);
  if (all((cell) => typeof cell === "number")) return "number";
  if (all((cell) => typeof cell === "boolean")) return "checkbox";
  if (all((cell) => isListOf(cell, (each) => isObject(each) && "filename" in each))) return "multipleAttachments";
  if (all((cell) => isListOf(cell, isRecordId))) return "multipleRecordLinks";
  if (!all((cell) => typeof cell === "string")) return "multipleLookupValues";
  const texts = cells.filter((cell) => typeof cell === "string");
  if (texts.every((text) => /^https?:\/\/\S+$/.test(text))) return "url";
  if (texts.every((text) => /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z)?$/.test(text))) return "dateTime";
  if (texts.some((text) => text.includes("\n") || /^\s*\{/.test(text))) return "multilineText";
  const values = new Set(texts);
  return values.size <= MOST_OPTIONS && values.size * 2 <= texts.length ? "singleSelect" : "singleLineText";
}

function isListOf(cell: unknown, test: (each: unknown) => boolean): boolean {
  return Array.isArray(cell) && cell.length > 0 && cell.every(test);
}
