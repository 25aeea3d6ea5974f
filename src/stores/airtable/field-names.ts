import { UpstreamError } from "../../core/ports/errors.ts";
import type { TableSchema } from "./metadata.ts";

/** Finds the base's names of the fields that the configuration gives by name or id. */
export interface FieldNameResolver {
  /** Reads the schema where the configuration uses field ids; sends no request otherwise. */
  resolve(signal: AbortSignal): Promise<(table: string, field: string) => string>;
}

type ReadTables = (signal: AbortSignal) => Promise<readonly TableSchema[]>;

/** The form of Airtable's field ids, as in its API reference. */
const FIELD_ID = /^fld[A-Za-z0-9]{14}$/;

/**
 * Creates a resolver for all the pairs of table and field that the configuration uses. Ids do not work inside formulas,
 * and answers come by name: an id is looked up once, in the base's schema.
 */
export function createFieldNames(
  fields: readonly (readonly [table: string, field: string])[],
  readTables: ReadTables,
): FieldNameResolver {
  const byId = fields.filter(([, field]) => FIELD_ID.test(field));
  let resolved: ReadonlyMap<string, string> | null = null;
  return {
    async resolve(signal) {
      resolved ??= byId.length === 0 ? new Map() : findNames(await readOrExplain(readTables, signal), byId);
      const names = resolved;
      return (table, field) => names.get(fieldKey(table, field)) ?? field;
    },
  };
}

async function readOrExplain(readTables: ReadTables, signal: AbortSignal): Promise<readonly TableSchema[]> {
  try {
    return await readTables(signal);
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

function findNames(
  tables: readonly TableSchema[],
  wanted: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  return new Map(
    wanted.map(([table, field]) => {
      const found = tables.find(({ id, name }) => id === table || name === table);
      const name = found?.fields.find(({ id }) => id === field)?.name;
      if (name !== undefined) return [fieldKey(table, field), name];
      throw new UpstreamError("config", `The table "${table}" of the base has no field with the id ${field}`);
    }),
  );
}

function fieldKey(table: string, field: string): string {
  return JSON.stringify([table, field]);
}
