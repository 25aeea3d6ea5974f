import { decoded } from "../http.ts";
import { invalid } from "./api-error.ts";
import type { Field } from "./schema.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** An attachment as a cell holds it. Until Airtable has fetched the file, size and type are missing. */
export interface StoredAttachment {
  readonly [key: string]: Json;
  readonly id: string;
  readonly url: string;
  readonly filename: string;
}

/** What the check of a written value depends on, beside its field. */
export interface CellContext {
  /** What the cell holds before the write. */
  readonly current: Json | undefined;
  exists(tableId: string, recordId: string): boolean;
  /** Creates an attachment that is not fetched yet. */
  attach(url: string, filename: string): StoredAttachment;
}

const TEXT = new Set(["singleLineText", "multilineText", "url", "email", "phoneNumber", "richText"]);
const DATE = new Set(["date", "dateTime"]);
const NUMBER = new Set(["number", "duration", "currency", "percent", "rating"]);
const COMPUTED = new Set([
  "formula",
  "autoNumber",
  "multipleLookupValues",
  "count",
  "rollup",
  "createdTime",
  "lastModifiedTime",
  "createdBy",
  "lastModifiedBy",
  "aiText",
  "button",
]);

/** Airtable's limit for a long text. */
const MAX_TEXT_LENGTH = 100_000;

/**
 * Checks a value that is written to a cell and returns what the cell then holds; null where it is blank.
 *
 * @throws ApiError as Airtable does
 */
export function parseCell(field: Field, value: Json, context: CellContext): Json {
  if (COMPUTED.has(field.type)) {
    throw invalid(
      "INVALID_VALUE_FOR_COLUMN",
      `Field "${field.name}" cannot accept a value because the field is computed`,
    );
  }
  if (value === null) return null;
  const cell = parseValue(field, value, context);
  return isBlank(cell) ? null : cell;
}

/** Whether a cell is blank: Airtable leaves it out of its answers. */
export function isBlank(cell: Json): boolean {
  return cell === null || cell === "" || cell === false || (isList(cell) && cell.length === 0);
}

/** `Array.isArray` does not narrow to read-only lists. */
export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function parseValue(field: Field, value: Json, context: CellContext): Json {
  if (TEXT.has(field.type)) return accept(field, value, typeof value === "string" && value.length <= MAX_TEXT_LENGTH);
  if (NUMBER.has(field.type)) return accept(field, value, typeof value === "number");
  if (DATE.has(field.type)) return accept(field, value, typeof value === "string" && !Number.isNaN(Date.parse(value)));
  switch (field.type) {
    case "checkbox":
      return accept(field, value, typeof value === "boolean");
    case "barcode":
      return accept(field, value, isEntry(value) && typeof value.text === "string");
    case "singleSelect":
      return parseOption(field, value);
    case "multipleSelects":
      return isList(value) ? value.map((each) => parseOption(field, each)) : accept(field, value, false);
    case "multipleRecordLinks":
      return parseLinks(field, value, context);
    case "multipleAttachments":
      return parseAttachments(field, value, context);
    default:
      throw invalid("INVALID_VALUE_FOR_COLUMN", `The sandbox does not know fields of type ${field.type}`);
  }
}

/** Returns the value where the field accepts it. */
function accept(field: Field, value: Json, isAccepted: boolean): Json {
  if (isAccepted) return value;
  throw invalid("INVALID_VALUE_FOR_COLUMN", `Field "${field.name}" cannot accept the provided value`);
}

function parseOption(field: Field, value: Json): Json {
  if (typeof value !== "string") return accept(field, value, false);
  if (field.options?.choices?.some(({ name }) => name === value)) return value;
  const message = `Insufficient permissions to create new select option ""${value}""`;
  throw invalid("INVALID_MULTIPLE_CHOICE_OPTIONS", message);
}

function parseLinks(field: Field, value: Json, { exists }: CellContext): Json {
  if (!isList(value)) return accept(field, value, false);
  for (const id of value) {
    if (typeof id !== "string") return accept(field, value, false);
    if (!exists(field.options?.linkedTableId ?? "", id)) {
      throw invalid("ROW_DOES_NOT_EXIST", `Record ID ${id} does not exist`);
    }
  }
  return value;
}

/** The list replaces the cell; entries that name their id are kept. */
function parseAttachments(field: Field, value: Json, { current = null, attach }: CellContext): Json {
  if (!isList(value)) return accept(field, value, false);
  const held = isList(current) ? current : [];
  return value.map((entry) => {
    if (!isEntry(entry)) return accept(field, value, false);
    const { id, url, filename } = entry;
    const kept = id === undefined ? undefined : held.find((each) => isEntry(each) && each.id === id);
    if (kept !== undefined) return kept;
    if (typeof url !== "string" || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw invalid(
        "INVALID_ATTACHMENT_OBJECT",
        "Invalid attachment object for field: no url, and no id that it holds",
      );
    }
    if (filename !== undefined) accept(field, value, typeof filename === "string");
    return attach(url, typeof filename === "string" ? filename : fileNameOf(url));
  });
}

function isEntry(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !isList(value);
}

/** Returns the last part of the path, decoded where that is possible. */
function fileNameOf(url: string): string {
  const { pathname } = new URL(url);
  const name = pathname.slice(pathname.lastIndexOf("/") + 1);
  return decoded(name) ?? name;
}
