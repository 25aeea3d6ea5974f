import type { Instant, Job } from "../../core/domain/job.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { fieldNames, type JobFields } from "./api-records.ts";
import { timestamp } from "./formula.ts";
import { listPage } from "./list-records.ts";
import { ReadRefused, type Requests } from "./requests.ts";

/** Reads some jobs of a table that is not configured yet. */
export type ReadSample = (
  table: string,
  fields: JobFields,
  after: Instant | null,
  signal: AbortSignal,
) => Promise<readonly Job[]>;

/** At most 100 jobs that were created after `after`, of any status, with one request. Throws `UpstreamError`. */
export function createSample(requests: Requests): ReadSample {
  return async (table, fields, after, signal) => {
    const filterByFormula = after === null ? "TRUE()" : `IS_AFTER(CREATED_TIME(),${timestamp(after)})`;
    try {
      const { records } = await listPage(
        requests,
        { table, fields: fieldNames(fields), filterByFormula },
        null,
        signal,
      );
      const { jobsOf } = await import("./parse-records.ts");
      return jobsOf(records, fields);
    } catch (error) {
      if (!(error instanceof ReadRefused)) throw error;
      throw new UpstreamError("config", `${error.message}, for table "${table}"`, null, { cause: error });
    }
  };
}
