import { UpstreamError } from "../../core/ports/errors.ts";
import type { TableSchema } from "./metadata.ts";

/** The table and the fields without which there is no job. */
export interface JobsLocation {
  readonly table: string;
  readonly fields: { readonly status: string; readonly externalId: string };
}

/**
 * Returns why a listing of jobs was refused. Airtable answers a missing table as it answers a missing permission, and names
 * one missing field at a time: the schema says whether the configuration is for another base. Where it cannot be read
 * the refusal stands, with that possibility in its hint.
 */
export async function explainRefusal(
  refusal: UpstreamError,
  jobs: JobsLocation,
  readTables: (signal: AbortSignal) => Promise<readonly TableSchema[]>,
  signal: AbortSignal,
): Promise<UpstreamError> {
  if (refusal.code === "unavailable") return refusal;
  try {
    const misfit = findMisfit(jobs, await readTables(signal));
    if (misfit === null) return refusal;
    const message = `${misfit}: the configuration does not fit it; stuck-jobs init writes one that does`;
    return new UpstreamError("config", message, null, { cause: refusal });
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    const hint = `${refusal.hint ?? ""} If the base has no table "${jobs.table}", run stuck-jobs init.`.trim();
    return new UpstreamError(refusal.code, refusal.message, hint, { cause: refusal });
  }
}

/** Returns what the base lacks of the jobs' table, its status and external id; null where all of it is there. */
function findMisfit({ table, fields }: JobsLocation, tables: readonly TableSchema[]): string | null {
  const found = tables.find(({ id, name }) => id === table || name === table);
  if (found === undefined) return `The base has no table "${table}"`;
  const missing = [fields.status, fields.externalId].filter((wanted) =>
    found.fields.every(({ id, name }) => id !== wanted && name !== wanted),
  );
  if (missing.length === 0) return null;
  return `Table "${table}" of the base has no field ${missing.map((name) => `"${name}"`).join(" and ")}`;
}
