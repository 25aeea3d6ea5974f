import { createListing, type ListRecords } from "../../../src/stores/airtable/list-records.ts";
import { createTables } from "../../../src/stores/airtable/tables.ts";
import { clientOf } from "./server.ts";

export const never = new AbortController().signal;
export const ALL = { table: "Jobs", filterByFormula: "TRUE()" };

export function listingOf(url: string): ListRecords {
  return createListing(clientOf(url).requests, createTables());
}

export function record(n: number, fields: Readonly<Record<string, unknown>> = {}) {
  return { id: `rec${String(n).padStart(14, "0")}`, createdTime: "2026-03-01T11:00:00.000Z", fields };
}

export async function idsOf(pages: ReturnType<ListRecords>): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { records } of pages) ids.push(...records.map(({ id }) => id));
  return ids;
}
