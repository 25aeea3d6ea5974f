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

/** What a cell needs to know of its surroundings when it is written. */
export interface Surroundings {
  /** What the cell holds now. */
  readonly current: Json | undefined;
  exists(tableId: string, recordId: string): boolean;
  /** A new attachment that is yet to be fetched. */
  attach(url: string, filename: string): StoredAttachment;
}

const TEXT = new Set(["singleLineText", "multilineText", "url", "email", "phoneNumber", "richText"]);
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
]);

/** Airtable's limit for a long text. */
const LONGEST_TEXT = 100_000;

/**
 * What a cell holds after it was given a value; null when it is blank then.
 *
 * @throws Refused as Airtable does
 */
export function cellFor(field: Field, value: Json, surroundings: Surroundings): Json {
  if (COMPUTED.has(field.type)) {
    throw invalid(
      "INVALID_VALUE_FOR_COLUMN",
      `Field "${field.name}" cannot accept a value because the field is computed`,
    );
  }
  if (value === null) return null;
  const cell = filled(field, value, surroundings);
  return isBlank(cell) ? null : cell;
}

/** What reads as nothing: Airtable leaves it out of its answers. */
export function isBlank(cell: Json): boolean {
  return cell === null || cell === "" || cell === false || (isList(cell) && cell.length === 0);
}

/** `Array.isArray` does not narrow to read-only lists. */
export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function filled(field: Field, value: Json, surroundings: Surroundings): Json {
  if (TEXT.has(field.type)) return checked(field, value, typeof value === "string" && value.length <= LONGEST_TEXT);
  if (NUMBER.has(field.type)) return checked(field, value, typeof value === "number");
  switch (field.type) {
    case "checkbox":
      return checked(field, value, typeof value === "boolean");
    case "singleSelect":
      return option(field, checked(field, value, typeof value === "string"));
    case "multipleRecordLinks":
      return links(field, value, surroundings);
    case "multipleAttachments":
      return attachments(field, value, surroundings);
    default:
      throw invalid("INVALID_VALUE_FOR_COLUMN", `The sandbox does not know fields of type ${field.type}`);
  }
}

function checked(field: Field, value: Json, fits: boolean): Json {
  if (fits) return value;
  throw invalid("INVALID_VALUE_FOR_COLUMN", `Field "${field.name}" cannot accept the provided value`);
}

function option(field: Field, value: Json): Json {
  if (field.options?.choices?.some(({ name }) => name === value)) return value;
  const message = `Insufficient permissions to create new select option ""${String(value)}""`;
  throw invalid("INVALID_MULTIPLE_CHOICE_OPTIONS", message);
}

function links(field: Field, value: Json, { exists }: Surroundings): Json {
  if (!isList(value)) return checked(field, value, false);
  for (const id of value) {
    if (typeof id !== "string") return checked(field, value, false);
    if (!exists(field.options?.linkedTableId ?? "", id)) {
      throw invalid("ROW_DOES_NOT_EXIST", `Record ID ${id} does not exist`);
    }
  }
  return value;
}

/** The list replaces what is there; entries are kept by naming their ids. */
function attachments(field: Field, value: Json, { current = null, attach }: Surroundings): Json {
  if (!isList(value)) return checked(field, value, false);
  const held = isList(current) ? current : [];
  return value.map((entry) => {
    if (!isEntry(entry)) return checked(field, value, false);
    const { id, url, filename } = entry;
    const kept = id === undefined ? undefined : held.find((each) => isEntry(each) && each.id === id);
    if (kept !== undefined) return kept;
    if (typeof url !== "string" || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw invalid(
        "INVALID_ATTACHMENT_OBJECT",
        "Invalid attachment object for field: no url, and no id that it holds",
      );
    }
    if (filename !== undefined) checked(field, value, typeof filename === "string");
    return attach(url, typeof filename === "string" ? filename : nameOf(url));
  });
}

function isEntry(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !isList(value);
}

/** The last part of the path, decoded where it can be. */
function nameOf(url: string): string {
  const { pathname } = new URL(url);
  const name = pathname.slice(pathname.lastIndexOf("/") + 1);
  return decoded(name) ?? name;
}
