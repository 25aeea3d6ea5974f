import { UpstreamError } from "../../core/ports/errors.ts";
import { isObject, type JsonObject } from "./client.ts";
import { ReadRefused, type Requests } from "./requests.ts";

/** Whose token it is. `scopes` is null where they are not told: Airtable tells an OAuth token's (its API docs, get user info). */
export interface Identity {
  readonly userId: string;
  readonly scopes: readonly string[] | null;
}

/** A base that the token may see. `permissionLevel` is its owner's: none, read, comment, edit or create. */
export interface VisibleBase {
  readonly id: string;
  readonly name: string;
  readonly permissionLevel: string;
}

/** A field, as the base's schema has it. `type` is Airtable's word: "singleSelect", "multipleRecordLinks". */
export interface FieldSchema {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** The names of a select's options; null for any other type. */
  readonly choices: readonly string[] | null;
  /** The table that a link leads to; null for any other type. */
  readonly linkedTableId: string | null;
  /** What a formula, a rollup or a lookup comes to; null where that is not told. */
  readonly resultType: string | null;
}

export interface TableSchema {
  readonly id: string;
  readonly name: string;
  readonly fields: readonly FieldSchema[];
}

/** What Airtable tells beside records. Every method costs one request and throws `UpstreamError` like the store's. */
export interface Metadata {
  whoami(signal: AbortSignal): Promise<Identity>;
  /** The first thousand bases that the token may see. Takes the scope schema.bases:read, as `tables` does. */
  bases(signal: AbortSignal): Promise<readonly VisibleBase[]>;
  tables(signal: AbortSignal): Promise<readonly TableSchema[]>;
}

export function createMetadata(requests: Requests, baseId: string): Metadata {
  const read = async (path: string, signal: AbortSignal): Promise<JsonObject> => {
    try {
      return await requests.read({ method: "GET", under: "meta", path }, signal);
    } catch (error) {
      if (!(error instanceof ReadRefused)) throw error;
      throw new UpstreamError("config", error.message, null, { cause: error });
    }
  };
  return {
    async whoami(signal) {
      const { id, scopes } = await read("/whoami", signal);
      return { userId: textOf(id), scopes: Array.isArray(scopes) ? scopes.map(textOf) : null };
    },
    async bases(signal) {
      const { bases } = await read("/bases", signal);
      return objectsIn(bases).map(({ id, name, permissionLevel }) => ({
        id: textOf(id),
        name: textOf(name),
        permissionLevel: textOf(permissionLevel),
      }));
    },
    async tables(signal) {
      return tablesIn(await read(`/bases/${baseId}/tables`, signal));
    },
  };
}

/** The tables of an answer of Airtable's schema endpoint. */
export function tablesIn(body: JsonObject): readonly TableSchema[] {
  return objectsIn(body.tables).map(({ id, name, fields }) => ({
    id: textOf(id),
    name: textOf(name),
    fields: objectsIn(fields).map(fieldOf),
  }));
}

function fieldOf({ id, name, type, options }: JsonObject): FieldSchema {
  const { choices, linkedTableId, result } = isObject(options) ? options : {};
  return {
    id: textOf(id),
    name: textOf(name),
    type: textOf(type),
    choices: Array.isArray(choices) ? objectsIn(choices).map((choice) => textOf(choice.name)) : null,
    linkedTableId: typeof linkedTableId === "string" ? linkedTableId : null,
    resultType: isObject(result) && typeof result.type === "string" ? result.type : null,
  };
}

function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
