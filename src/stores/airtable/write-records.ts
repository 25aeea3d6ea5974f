import type { JsonObject } from "../../core/domain/json.ts";
import type { RefusalScope, WriteLimit, WriteResult } from "../../core/ports/ports.ts";
import { holdsRecords } from "./api-records.ts";
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
) => Promise<readonly WriteResult[]>;

/**
 * Airtable refuses a batch as a whole for one bad record: which one it was shows only in smaller batches, and those
 * have to rest on a new read.
 */
export function createWriting(requests: Requests, openTable: OpenTable): WriteRecords {
  return async (table, updates, limit) => {
    if (updates.length === 0) return [];
    const opened = await openTable(table, async (request) => {
      const response = await requests.write(request, limit);
      if (response.kind !== "accepted") throw new NotConfirmed(response);
      if (holdsRecords(response.body)) return response.body;
      throw new NotConfirmed({ kind: "unconfirmed", error: "Airtable's answer holds no list of records" });
    });
    try {
      const written = new Set((await opened.update(updates)).map(({ id }) => id));
      return updates.map(({ id }) =>
        written.has(id)
          ? { id, kind: "confirmed" }
          : { id, kind: "unconfirmed", error: "Airtable's answer does not name the record" },
      );
    } catch (error) {
      if (!(error instanceof NotConfirmed)) throw error;
      return describeNotConfirmed(error.response, table, updates);
    }
  };
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
  if (cause === "permission") return "permission";
  if (cause === "table" || OF_THE_FIELD.includes(type)) return "field";
  return fields.some((name) => error.includes(`"${name}"`) || error.includes(`field ${name}`)) ? "field" : null;
}
