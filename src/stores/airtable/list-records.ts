import type Airtable from "airtable";
import { isObject, type JsonObject } from "../../core/domain/json.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { type ApiRecord, holdsRecords } from "./api-records.ts";
import { AnswerTooLarge, type ApiRequest } from "./client.ts";
import { ReadRefused, type Requests } from "./requests.ts";
import type { OpenTable } from "./tables.ts";

/** What to list of one table: names of fields, not ids, in the formula; either in `fields`. */
export interface ListParameters {
  readonly table: string;
  /** Absent means all. */
  readonly fields?: readonly string[];
  readonly filterByFormula: string;
}

export interface Page {
  readonly records: readonly ApiRecord[];
  /** Whether no page follows. */
  readonly last: boolean;
}

/** Streams the pages of a listing. */
export type ListRecords = (parameters: ListParameters, signal: AbortSignal) => AsyncIterable<Page>;

/** Airtable's largest page. */
const PAGE_SIZE = 100;

/** Airtable refuses an URL above 16,000 characters, and a proxy half of that: what is longer is posted. */
const MAX_QUERY_LENGTH = 8_000;

/** An iterator lives for some minutes; one that expires more often than this has another cause. */
const MAX_RESTARTS = 3;

export function createListing(requests: Requests, openTable: OpenTable): ListRecords {
  return (parameters, signal) => {
    const readPage = createPageReader(requests, parameters.table, signal);
    return listRecords(() => listOnce(openTable, readPage, parameters));
  };
}

/** Reads pages until there are `max` records. `complete`: there are no others. */
export async function firstRecords(
  pages: AsyncIterable<Page>,
  max: number,
): Promise<{ readonly records: readonly ApiRecord[]; readonly complete: boolean }> {
  const records: ApiRecord[] = [];
  for await (const page of pages) {
    records.push(...page.records);
    if (records.length >= max && !page.last) return { records: records.slice(0, max), complete: false };
  }
  return { records: records.slice(0, max), complete: records.length <= max };
}

/** Starts the listing again when its iterator has expired, and leaves out what was listed before. */
async function* listRecords(begin: () => AsyncIterable<Page>): AsyncGenerator<Page> {
  const seen = new Set<string>();
  for (let restarts = 0; ; restarts += 1) {
    try {
      for await (const { records, last } of begin()) {
        const unseen = records.filter(({ id }) => !seen.has(id));
        for (const { id } of unseen) seen.add(id);
        yield { records: unseen, last };
      }
      return;
    } catch (error) {
      if (!(error instanceof ReadRefused) || error.type !== "LIST_RECORDS_ITERATOR_NOT_AVAILABLE") throw error;
      if (restarts === MAX_RESTARTS) throw new UpstreamError("unavailable", `${error.message}, ${restarts + 1} times`);
    }
  }
}

type ReadPage = (request: ApiRequest) => Promise<JsonObject>;

/** Reads single pages of one listing, of as many records as fit into an answer. */
function createPageReader(requests: Requests, table: string, signal: AbortSignal): ReadPage {
  let pageSize = PAGE_SIZE;
  return async (request) => {
    for (;;) {
      try {
        const page = await requests.read(withPageSize(request, pageSize), signal);
        if (holdsRecords(page)) return page;
        throw new UpstreamError("unavailable", `Airtable's answer for table "${table}" holds no list of records`);
      } catch (error) {
        if (!(error instanceof AnswerTooLarge)) throw error;
        if (pageSize === 1) throw tooLarge(table, error);
        pageSize = Math.floor(pageSize / 2);
      }
    }
  };
}

function withPageSize({ query, body, ...request }: ApiRequest, pageSize: number): ApiRequest {
  return isObject(body)
    ? { ...request, body: { ...body, pageSize } }
    : { ...request, query: { ...query, pageSize: String(pageSize) } };
}

function tooLarge(table: string, error: AnswerTooLarge): UpstreamError {
  return new UpstreamError(
    "unavailable",
    `${error.message}, for a single record of table "${table}"`,
    "Shorten the long texts of that table's records, or keep the large ones in fields that the configuration does not name.",
    { cause: error },
  );
}

/** Streams the pages as the client's Query finds them. An error ends the stream. */
async function* listOnce(
  openTable: OpenTable,
  readPage: ReadPage,
  { table, fields, filterByFormula }: ListParameters,
): AsyncGenerator<Page> {
  let last = false;
  const opened = await openTable(table, async (request) => {
    const page = await readPage(request);
    last = typeof page.offset !== "string";
    return page;
  });
  const queryLength = new URLSearchParams({ fields: (fields ?? []).join(), filterByFormula }).toString().length;
  const query = opened.select({
    ...(fields === undefined ? {} : { fields: [...fields] }),
    filterByFormula,
    pageSize: PAGE_SIZE,
    ...(queryLength > MAX_QUERY_LENGTH ? { method: "post" } : {}),
  });
  for await (const records of eachPage(query)) yield { records: records.map(toApiRecord), last };
}

type ClientRecord = Airtable.Record<Airtable.FieldSet>;

/** Turns the client's callbacks into a stream. They only resolve promises: the client would swallow what they throw. */
async function* eachPage(query: Airtable.Query<Airtable.FieldSet>): AsyncGenerator<readonly ClientRecord[]> {
  let resolvePage: (page: readonly ClientRecord[] | null) => void;
  let rejectPage: (error: unknown) => void;
  let askForNext = () =>
    query.eachPage(
      (page, fetchNextPage) => {
        askForNext = fetchNextPage;
        resolvePage(page);
      },
      (error: unknown) => (error === null ? resolvePage(null) : rejectPage(error)),
    );
  for (;;) {
    const page = await new Promise<readonly ClientRecord[] | null>((resolve, reject) => {
      resolvePage = resolve;
      rejectPage = reject;
      askForNext();
    });
    if (page === null) return;
    yield page;
  }
}

/** The client keeps `createdTime` in the record's raw JSON only, of which it declares no type. */
function toApiRecord({ id, fields, _rawJson }: ClientRecord): ApiRecord {
  const raw: unknown = _rawJson;
  const createdTime = isObject(raw) && typeof raw.createdTime === "string" ? raw.createdTime : null;
  return { id, createdTime, fields };
}
