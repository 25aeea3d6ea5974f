import { quoteIdentifier } from "../../database/identifiers.ts";
import type { Term } from "./layout.ts";
import type { StoreOptions } from "./options.ts";

/**
 * Returns the expression for the version of a job in the row that is called `row`: a hash of all columns on which a
 * verdict rests, and null where one of the job's long texts is not blank.
 */
export function jobVersion({ jobs: { fields }, links, furtherFields }: StoreOptions, row: string): string {
  const column = (name: string) => `${row}.${quoteIdentifier(name)}`;
  const { status, externalId, startedAt, ownId, type, requestPayload, webhookUrl } = fields;
  const decisive = [status, externalId, startedAt, ownId, type, requestPayload, webhookUrl, ...links, ...furtherFields];
  const named = new Set(decisive.filter((name) => name !== null));
  const hash = `hashtextextended(ROW(${[...named].map(column).join(", ")})::text, 0)::text`;
  const blank = [fields.notes, fields.error, fields.responsePayload].flatMap((name) =>
    name === null ? [] : [`coalesce(${column(name)}::text, '') = ''`],
  );
  return blank.length === 0 ? hash : `CASE WHEN ${blank.join(" AND ")} THEN ${hash} END`;
}

/** Returns the version of a job as a term that its row may be guarded by. */
export function versionTerm(options: StoreOptions): Term {
  return { name: "version", text: () => jobVersion(options, "t") };
}
