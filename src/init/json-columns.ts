import { isObject, type JsonObject } from "../core/domain/json.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";

/** The type of a column whose places are written one by one. Airtable has none. */
export const JSON_TYPE = "json";

/** Returns the names of such columns. */
export function jsonColumns({ fields }: TableSchema): ReadonlySet<string> {
  return new Set(fields.filter(({ type }) => type === JSON_TYPE).map(({ name }) => name));
}

/** A text in a JSON document, and the keys that lead to it. */
export interface PlacedText {
  readonly path: readonly string[];
  readonly text: string;
}

/** So many keys a configuration may name. */
const MAX_DEPTH = 10;

/** Returns the texts of a document that keys alone lead to; what is in a list has no place of its own. */
export function placedTexts(cell: unknown): readonly PlacedText[] {
  return textsBelow(parseDocument(cell), []);
}

function textsBelow(value: unknown, path: readonly string[]): readonly PlacedText[] {
  if (typeof value === "string") return path.length === 0 ? [] : [{ path, text: value }];
  if (!isObject(value) || path.length === MAX_DEPTH) return [];
  return Object.entries(value).flatMap(([key, each]) => textsBelow(each, [...path, key]));
}

/** Whether a cell, or the place in it that the keys lead to, holds anything. */
export function isFilledAt(cell: unknown, path: readonly string[]): boolean {
  if (path.length === 0) return cell !== undefined;
  const found = path.reduce<unknown>(
    (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    parseDocument(cell),
  );
  return found !== undefined && found !== null && found !== "";
}

/** A cell as the server writes it; a text that is no JSON holds nothing. */
function parseDocument(cell: unknown): JsonObject | null {
  if (typeof cell !== "string") return null;
  try {
    const value: unknown = JSON.parse(cell);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
