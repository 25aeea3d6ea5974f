import { isObject, type JsonObject, objectsIn, textOf } from "../../core/domain/json.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { AnswerTooLarge } from "./client.ts";
import { ReadRefused, type Requests } from "./requests.ts";

/** The owner of the token. `scopes` is null where Airtable does not name them: it does for OAuth tokens (its API docs, get user info). */
export interface Identity {
  readonly userId: string;
  readonly scopes: readonly string[] | null;
}

/** A base that the token may see. `permissionLevel` is that of the token's owner: none, read, comment, edit or create. */
export interface VisibleBase {
  readonly id: string;
  readonly name: string;
  readonly permissionLevel: string;
}

/** A field of the base's schema. `type` is Airtable's own: "singleSelect", "multipleRecordLinks". */
export interface FieldSchema {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** The names of a select's options; null for any other type. */
  readonly choices: readonly string[] | null;
  /** The table that a link field points to; null for any other type. */
  readonly linkedTableId: string | null;
  /** The type of the result of a formula, a rollup or a lookup; null where the schema names none. */
  readonly resultType: string | null;
}

export interface TableSchema {
  readonly id: string;
  readonly name: string;
  /** The field that names a record; absent where no schema was read. */
  readonly primaryFieldId?: string;
  readonly fields: readonly FieldSchema[];
}

/** What Airtable knows of a token and its bases beside records. Every method costs one request and throws `UpstreamError`. */
export interface Metadata {
  whoami(signal: AbortSignal): Promise<Identity>;
  /** Returns at most 1,000 of the bases that the token may see. Needs the scope schema.bases:read, as `tables` does. */
  bases(signal: AbortSignal): Promise<readonly VisibleBase[]>;
  tables(signal: AbortSignal): Promise<readonly TableSchema[]>;
}

export function createMetadata(requests: Requests, baseId: string): Metadata {
  const read = async (path: string, signal: AbortSignal): Promise<JsonObject> => {
    try {
      return await requests.read({ method: "GET", under: "meta", path }, signal);
    } catch (error) {
      if (error instanceof ReadRefused) throw new UpstreamError("config", error.message, null, { cause: error });
      if (error instanceof AnswerTooLarge)
        throw new UpstreamError("unavailable", error.message, null, { cause: error });
      throw error;
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
      return parseTables(await read(`/bases/${baseId}/tables`, signal));
    },
  };
}

/** Returns the tables in an answer of Airtable's schema endpoint. */
export function parseTables(body: JsonObject): readonly TableSchema[] {
  return objectsIn(body.tables).map(({ id, name, primaryFieldId, fields }) => ({
    id: textOf(id),
    name: textOf(name),
    primaryFieldId: textOf(primaryFieldId),
    fields: objectsIn(fields).map(parseField),
  }));
}

function parseField({ id, name, type, options }: JsonObject): FieldSchema {
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
