import { isObject, type JsonObject } from "../../core/domain/json.ts";

/** A record as the API returns it. */
export interface ApiRecord {
  readonly id: string;
  readonly createdTime: string | null;
  readonly fields: JsonObject;
}

/** The base's names of a job's fields; null where the configuration leaves one out. */
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
  /** The keys are the names that the configuration uses. */
  readonly links: ReadonlyMap<string, string>;
  /** Further fields that names of outputs contain; the keys are as for `links`. */
  readonly furtherFields: ReadonlyMap<string, string>;
}

/** Returns every field that a run reads or writes, so that a renamed one is reported before anything is written. */
export function fieldNames({ links, furtherFields, ...fields }: JobFields): readonly string[] {
  const all = [...Object.values(fields), ...links.values(), ...furtherFields.values()].filter(
    (name): name is string => name !== null,
  );
  return [...new Set(all)];
}

/** Whether an answer is shaped as Airtable's lists of records are: the airtable client takes any object for one. */
export function holdsRecords({ records }: JsonObject): boolean {
  return (
    Array.isArray(records) &&
    records.every((each) => isObject(each) && typeof each.id === "string" && isObject(each.fields))
  );
}
