import { UpstreamError } from "../../core/ports/errors.ts";
import { type ApiRecord, recordsIn } from "./api-records.ts";
import type { ApiRequest, JsonObject } from "./client.ts";
import { ReadRefused, type Requests } from "./requests.ts";

/** What to list of one table: names of fields, not ids, in the formula; either in `fields`. */
export interface ListParameters {
  readonly table: string;
  /** Absent means all. */
  readonly fields?: readonly string[];
  readonly filterByFormula: string;
}

/** Airtable's greatest page. */
const PAGE_SIZE = 100;

/** An URL above 16,000 characters is refused; half of that leaves room for whatever stands between. */
const MAX_QUERY_LENGTH = 8_000;

/** An iterator lives for some minutes; one that expires more often than this is another fault. */
const RESTARTS = 3;

/**
 * Streams the records that match, page by page. When the iterator expires the listing starts over, and what was
 * handed out before is not handed out again.
 */
export async function* listRecords(
  requests: Requests,
  parameters: ListParameters,
  signal: AbortSignal,
): AsyncIterable<Page> {
  const seen = new Set<string>();
  let offset: string | null = null;
  let restarts = 0;
  for (;;) {
    const page = await pageOrExpired(requests, parameters, offset, signal);
    if (page instanceof ReadRefused) {
      restarts += 1;
      if (restarts > RESTARTS) throw new UpstreamError("unavailable", `${page.message}, ${restarts} times`);
      offset = null;
      continue;
    }
    const fresh = page.records.filter(({ id }) => !seen.has(id));
    for (const { id } of fresh) seen.add(id);
    yield { records: fresh, offset: page.offset };
    if (page.offset === null) return;
    offset = page.offset;
  }
}

async function pageOrExpired(
  requests: Requests,
  parameters: ListParameters,
  offset: string | null,
  signal: AbortSignal,
): Promise<Page | ReadRefused> {
  try {
    return await listPage(requests, parameters, offset, signal);
  } catch (error) {
    if (error instanceof ReadRefused && error.type === "LIST_RECORDS_ITERATOR_NOT_AVAILABLE") return error;
    throw error;
  }
}

export interface Page {
  readonly records: readonly ApiRecord[];
  /** Where the next page begins; null after the last. */
  readonly offset: string | null;
}

/** One page. */
export async function listPage(
  requests: Requests,
  parameters: ListParameters,
  offset: string | null,
  signal: AbortSignal,
): Promise<Page> {
  const body = await requests.read(requestFor(parameters, offset), signal);
  const records = recordsIn(body);
  if (records === null) {
    throw new UpstreamError(
      "unavailable",
      `Airtable's answer for table "${parameters.table}" holds no list of records`,
    );
  }
  return { records, offset: typeof body.offset === "string" ? body.offset : null };
}

function requestFor({ table, fields, filterByFormula }: ListParameters, offset: string | null): ApiRequest {
  const path = `/${encodeURIComponent(table)}`;
  const shared = { ...(fields === undefined ? {} : { fields }), filterByFormula };
  const query = { ...shared, pageSize: String(PAGE_SIZE), ...(offset === null ? {} : { offset }) };
  if (encodeURIComponent(JSON.stringify(query)).length < MAX_QUERY_LENGTH) return { method: "GET", path, query };
  const body: JsonObject = { ...shared, pageSize: PAGE_SIZE, ...(offset === null ? {} : { offset }) };
  return { method: "POST", path: `${path}/listRecords`, body };
}
