import type { JsonObject } from "../core/domain/json.ts";
import type { TableSchema } from "../stores/airtable/metadata.ts";
import type { SampleQuery } from "../stores/airtable/sample-records.ts";

/** A record as the base holds it. Blank cells are not there. */
export interface SampleRecord {
  readonly id: string;
  /** ISO 8601. */
  readonly createdTime: string | null;
  readonly fields: JsonObject;
}

/** A base or database that is not configured yet, described in the words of Airtable's schema. */
export interface InitSource {
  /** In a database ids have any form, JSON columns are written by path, and no automation fills what a job's end sets. */
  readonly kind: "base" | "database";
  /** @throws UpstreamError, of the code `auth` where the token may not read the schema */
  tables(signal: AbortSignal): Promise<readonly TableSchema[]>;
  /** Returns at most 100 records, with all their fields. @throws UpstreamError */
  sample(table: string, query: SampleQuery, signal: AbortSignal): Promise<readonly SampleRecord[]>;
}
