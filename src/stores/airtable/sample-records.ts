import type { Instant } from "../../core/domain/job.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import type { ApiRecord } from "./api-records.ts";
import { byIds, hasText, or, timestamp } from "./formula.ts";
import { firstRecords, type ListRecords } from "./list-records.ts";
import { ReadRefused } from "./requests.ts";

/** Which records of a table to read. */
export type SampleQuery =
  | { readonly kind: "created-after"; readonly after: Instant }
  | { readonly kind: "any" }
  | { readonly kind: "with-values"; readonly field: string; readonly values: readonly string[] }
  | { readonly kind: "by-id"; readonly ids: readonly string[] };

/**
 * Reads at most 100 records of a table that is not configured yet, with all their fields. Throws `UpstreamError`, also
 * where there is no such table or field.
 */
export type ReadSample = (table: string, query: SampleQuery, signal: AbortSignal) => Promise<readonly ApiRecord[]>;

const SAMPLE_SIZE = 100;

/** More of them would make the request longer than some proxies allow. */
const MAX_TERMS = 40;

export function createSample(list: ListRecords): ReadSample {
  return async (table, query, signal) => {
    try {
      const pages = list({ table, filterByFormula: formulaOf(query) }, signal);
      return (await firstRecords(pages, SAMPLE_SIZE)).records;
    } catch (error) {
      if (!(error instanceof ReadRefused)) throw error;
      throw new UpstreamError("config", `${error.message}, for table "${table}"`, null, { cause: error });
    }
  };
}

function formulaOf(query: SampleQuery): string {
  switch (query.kind) {
    case "created-after":
      return `IS_AFTER(CREATED_TIME(),${timestamp(query.after)})`;
    case "any":
      return "TRUE()";
    case "with-values":
      return or(...query.values.slice(0, MAX_TERMS).map((value) => hasText(query.field, value)));
    case "by-id":
      return byIds(query.ids.slice(0, MAX_TERMS));
  }
}
