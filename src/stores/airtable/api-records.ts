import { isObject, type JsonObject } from "./client.ts";

/** A record as the API answers it. */
export interface ApiRecord {
  readonly id: string;
  readonly createdTime: string | null;
  readonly fields: JsonObject;
}

/** The names that the base gives to a job's fields; null where the configuration leaves one out. */
export interface JobFields {
  readonly status: string;
  readonly externalId: string;
  readonly ownId: string | null;
  readonly type: string | null;
  readonly requestPayload: string | null;
  readonly responsePayload: string | null;
  readonly webhookUrl: string | null;
  readonly error: string | null;
  readonly notes: string | null;
  readonly startedAt: string | null;
  /** By the name that the configuration uses. */
  readonly links: ReadonlyMap<string, string>;
}

/** Every field that a run reads or writes, so that one which was renamed is told before anything is written. */
export function fieldNames({ links, ...fields }: JobFields): readonly string[] {
  const all = [...Object.values(fields), ...links.values()].filter((name): name is string => name !== null);
  return [...new Set(all)];
}

/** The records of an answer; null where it is not shaped as Airtable's are. */
export function recordsIn(body: JsonObject): readonly ApiRecord[] | null {
  if (!Array.isArray(body.records)) return null;
  const records = body.records.map(recordOf);
  return records.every((record) => record !== null) ? records : null;
}

function recordOf(value: unknown): ApiRecord | null {
  if (!isObject(value) || typeof value.id !== "string" || !isObject(value.fields)) return null;
  return {
    id: value.id,
    createdTime: typeof value.createdTime === "string" ? value.createdTime : null,
    fields: value.fields,
  };
}
