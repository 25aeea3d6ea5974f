import type { Instant, Job } from "../../core/domain/job.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { fieldNames, type JobFields } from "./api-records.ts";
import { timestamp } from "./formula.ts";
import { firstRecords, type ListRecords } from "./list-records.ts";
import { parseJob } from "./parse-records.ts";
import { ReadRefused } from "./requests.ts";

/**
 * Reads at most 100 jobs of any status that were created after `after`, of a table that is not configured yet. Throws
 * `UpstreamError`.
 */
export type ReadSample = (
  table: string,
  fields: JobFields,
  after: Instant | null,
  signal: AbortSignal,
) => Promise<readonly Job[]>;

const SAMPLE_SIZE = 100;

export function createSample(list: ListRecords): ReadSample {
  return async (table, fields, after, signal) => {
    const filterByFormula = after === null ? "TRUE()" : `IS_AFTER(CREATED_TIME(),${timestamp(after)})`;
    try {
      const pages = list({ table, fields: fieldNames(fields), filterByFormula }, signal);
      const { records } = await firstRecords(pages, SAMPLE_SIZE);
      return records.map((record) => parseJob(record, fields));
    } catch (error) {
      if (!(error instanceof ReadRefused)) throw error;
      throw new UpstreamError("config", `${error.message}, for table "${table}"`, null, { cause: error });
    }
  };
}
