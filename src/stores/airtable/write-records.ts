import type { JsonObject } from "../../core/domain/json.ts";
import type { Attachment, RefusalScope, WriteLimit, WriteResult } from "../../core/ports/ports.ts";
import { holdsRecords } from "./api-records.ts";
import { parseAttachment } from "./parse-records.ts";
import type { Requests, WriteResponse } from "./requests.ts";
import type { OpenTable } from "./tables.ts";

/** One record of a write; the keys of `fields` are names or ids. */
export interface RecordUpdate {
  readonly id: string;
  readonly fields: JsonObject;
}

/** Writes at most ten records of a table in one request. The results are in the order of `updates`. */
export type WriteRecords = (
  table: string,
  updates: readonly RecordUpdate[],
  limit: WriteLimit,
  /** Returns the base's name of a field: answers name fields by it, also those that were written by their id. */
  nameOf?: (field: string) => string,
) => Promise<readonly WriteResult[]>;

/**
 * Airtable refuses a batch as a whole for one bad record: which one it was shows only in smaller batches, and those
 * have to rest on a new read.
 */
export function createWriting(requests: Requests, openTable: OpenTable): WriteRecords {
  return async (table, updates, limit, nameOf = (field) => field) => {
    if (updates.length === 0) return [];
    const opened = await openTable(table, async (request) => {
      const response = await requests.write(request, limit);
      if (response.kind !== "accepted") throw new NotConfirmed(response);
      if (holdsRecords(response.body)) return response.body;
      throw new NotConfirmed({ kind: "unconfirmed", error: "Airtable's answer holds no list of records" });
    });
    try {
      const written = new Map((await opened.update(updates)).map(({ id, fields }) => [id, fields]));
      return updates.map((update): WriteResult => {
        const { id } = update;
        const answered = written.get(id);
        if (answered === undefined) {
          return { id, kind: "unconfirmed", error: "Airtable's answer does not name the record" };
        }
        return { id, kind: "confirmed", files: answeredFiles(update, answered, nameOf) };
      });
    } catch (error) {
      if (!(error instanceof NotConfirmed)) throw error;
      return describeNotConfirmed(error.response, table, updates);
    }
  };
}

/** Returns the files of each attachment field of an update as Airtable answered them: with the ids that it gave. */
function answeredFiles({ fields }: RecordUpdate, answered: JsonObject, nameOf: (field: string) => string) {
  const files: Record<string, readonly Attachment[]> = {};
  for (const [field, value] of Object.entries(fields)) {
    const name = nameOf(field);
    const cell = Object.hasOwn(answered, name) ? answered[name] : undefined;
    if (Array.isArray(value) && Array.isArray(cell)) files[field] = cell.map(parseAttachment);
  }
  return files;
}

type NotAccepted = Exclude<WriteResponse, { kind: "accepted" }>;

/** Carries a response through the airtable client, which would take a returned body for success. */
class NotConfirmed extends Error {
  readonly response: NotAccepted;
  constructor(response: NotAccepted) {
    super(response.error);
    this.name = "NotConfirmed";
    this.response = response;
  }
}

function describeNotConfirmed(
  response: NotAccepted,
  table: string,
  updates: readonly RecordUpdate[],
): readonly WriteResult[] {
  if (response.kind !== "refused") return updates.map(({ id }) => ({ id, ...response }));
  const fields = [...new Set(updates.flatMap((update) => Object.keys(update.fields)))];
  const error = `table "${table}", ${fields.length === 1 ? "field" : "fields"} ${fields.map((name) => `"${name}"`).join(", ")}: ${response.error}`;
  const scope = scopeOf(response, fields);
  const refusal = scope === null ? { error } : { error, scope };
  if (updates.length > 1) return updates.map(({ id }) => ({ id, kind: "batch-rejected", ...refusal }));
  if (response.type === "ROW_DOES_NOT_EXIST") return updates.map(({ id }) => ({ id, kind: "deleted", error }));
  return updates.map(({ id }) => ({ id, kind: "refused", ...refusal }));
}

/** Codes of refusals that every record of the table would get for these fields. */
const OF_THE_FIELD = ["INVALID_MULTIPLE_CHOICE_OPTIONS", "UNKNOWN_FIELD_NAME"];

/** Returns what a refusal is about where that is not one record: Airtable names the field whose type or value is wrong. */
function scopeOf(
  { cause, type, error }: Extract<NotAccepted, { kind: "refused" }>,
  fields: readonly string[],
): RefusalScope | null {
  if (type === "ROW_DOES_NOT_EXIST") return null;
  if (cause === "permission" || cause === "token") return cause;
  if (cause === "table" || OF_THE_FIELD.includes(type)) return "field";
  return fields.some((name) => error.includes(`"${name}"`) || error.includes(`field ${name}`)) ? "field" : null;
}
