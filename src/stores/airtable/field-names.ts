import { UpstreamError } from "../../core/ports/errors.ts";
import { isObject, type JsonObject } from "./client.ts";

/** Gives the names that the base uses for what the configuration calls by name or id. */
export interface FieldNameResolver {
  /** Reads the schema if the configuration uses field ids; else asks nothing. */
  resolve(signal: AbortSignal): Promise<(table: string, field: string) => string>;
}

/** The form of Airtable's field ids, as in its API reference. */
const FIELD_ID = /^fld[A-Za-z0-9]{14}$/;

/**
 * Ids do not work inside formulas, and answers come by name: an id is looked up once, in the base's schema.
 * `fields` are all the pairs of table and field that the configuration uses.
 */
export function createNames(
  fields: readonly (readonly [table: string, field: string])[],
  readSchema: (signal: AbortSignal) => Promise<JsonObject>,
): FieldNameResolver {
  let resolved: ReadonlyMap<string, string> | null = null;
  return {
    async resolve(signal) {
      resolved ??= fields.some(([, field]) => FIELD_ID.test(field))
        ? namesIn(await schema(readSchema, signal), fields)
        : new Map();
      const names = resolved;
      return (table, field) => names.get(fieldKey(table, field)) ?? field;
    },
  };
}

async function schema(readSchema: (signal: AbortSignal) => Promise<JsonObject>, signal: AbortSignal) {
  try {
    return await readSchema(signal);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== "auth") throw error;
    throw new UpstreamError(
      "auth",
      `${error.message} (the configuration uses field ids, which have to be looked up in the schema)`,
      "Give the token the scope schema.bases:read, or write the fields' names into the configuration.",
      { cause: error },
    );
  }
}

function namesIn(body: JsonObject, wanted: readonly (readonly [string, string])[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [table, field] of wanted) {
    if (!FIELD_ID.test(field)) continue;
    const name = nameOf(body, table, field);
    if (name === null) {
      throw new UpstreamError("config", `The table "${table}" of the base has no field with the id ${field}`);
    }
    names.set(fieldKey(table, field), name);
  }
  return names;
}

function nameOf(body: JsonObject, table: string, field: string): string | null {
  const found = itemsOf(body.tables).find(({ id, name }) => id === table || name === table);
  const name = itemsOf(found?.fields).find(({ id }) => id === field)?.name;
  return typeof name === "string" ? name : null;
}

function itemsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function fieldKey(table: string, field: string): string {
  return JSON.stringify([table, field]);
}
