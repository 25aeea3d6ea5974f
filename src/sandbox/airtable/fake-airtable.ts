import { decoded, type Reply, type Request } from "../http.ts";
import { ApiError } from "./api-error.ts";
import type { Json } from "./cells.ts";
import { createListCursors } from "./list-cursors.ts";
import { list } from "./listing.ts";
import { parseListBody, parseListQuery, parseUpdate, parseUpdates, refuseQuery, type Update } from "./parameters.ts";
import { type Access, bases, FULL_ACCESS, forbidden, identity, requireScope } from "./permissions.ts";
import { AIRTABLE_LIMIT, createRateLimiter, type RateLimit } from "./rate-limit.ts";
import { renderRecord, type ShownRecord } from "./render-record.ts";
import type { BaseSchema, TableSchema } from "./schema.ts";
import { type PendingAttachment, type Snapshot, type StoredRecord, Tables } from "./tables.ts";

export interface BaseOptions {
  readonly schema: BaseSchema;
  readonly baseId: string;
  readonly token: string;
  /** At least 0, below 1; for ids. */
  readonly random: () => number;
  /** Airtable's own by default; null for no limit. */
  readonly limit?: RateLimit | null;
  /** `FULL_ACCESS` by default. */
  readonly access?: Access;
}

/** A base that behaves as Airtable's API does, for the requests of this tool. Any other request is refused. */
export interface FakeAirtable {
  /** Answers a request. `now` is in milliseconds since 1970. */
  handle(request: Request, now: number): Reply;
  /** Returns how many requests there were, refused ones included. */
  requestCount(): number;
  /** `table` is a name or an id, here and below. Records are immutable: a write replaces the record. */
  record(table: string, id: string): StoredRecord | undefined;
  records(table: string): readonly StoredRecord[];
  /** Writes as a person or the application does, without limits and checks. Null blanks a cell. */
  edit(table: string, id: string, fields: Readonly<Record<string, Json>>): void;
  upsert(table: string, record: StoredRecord): void;
  remove(table: string, id: string): void;
  /** Returns the attachments that were written and are not fetched yet. */
  pendingAttachments(): readonly PendingAttachment[];
  /** Records that a file was fetched; null: the fetch failed, and the entry vanishes from its cell silently. */
  completeAttachment(id: string, file: { readonly bytes: number; readonly contentType: string } | null): void;
  /** Expires the iterators of all listings in progress. */
  expireIterators(): void;
  /** Returns the records and the pending attachments as JSON; listings in progress are not included. */
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
}

/** The longest URL that Airtable accepts (its API docs, list records). */
const MAX_URL_LENGTH = 16_000;

/** Creates a base in memory. */
export function createBase(options: BaseOptions): FakeAirtable {
  const { schema, baseId, token, random, limit = AIRTABLE_LIMIT, access = FULL_ACCESS } = options;
  const tables = new Tables(schema, random);
  const isAllowed = limit === null ? () => true : createRateLimiter(limit);
  const cursors = createListCursors();
  let count = 0;

  function handle(request: Request, now: number): Reply {
    count += 1;
    try {
      if (!isAllowed(now)) return createReply(429, RATE_LIMITED, now);
      return createReply(200, answer(request, now), now);
    } catch (error) {
      if (error instanceof ApiError) return createReply(error.status, error.body, now);
      throw error;
    }
  }

  function answer(request: Request, now: number): unknown {
    const { path, query, headers } = request;
    if (headers.authorization !== `Bearer ${token}`) {
      throw new ApiError(401, "AUTHENTICATION_REQUIRED", "Authentication required");
    }
    if (path.length + lengthOf(query) > MAX_URL_LENGTH) throw new ApiError(414, "REQUEST_URI_TOO_LONG", "URL too long");
    // The airtable client ends the path of a write with a slash.
    const [version, base, ...rest] = path.replace(/\/$/, "").split("/").slice(1).map(decoded);
    if (version !== "v0" || rest.includes(null)) throw new UnknownPath();
    if (base === "meta" && request.method === "GET") return answerMeta(rest.join("/"), query);
    requireScope(request.method === "PATCH" ? "data.records:write" : "data.records:read", access);
    const [name, id, ...more] = rest;
    const table = base === baseId ? tables.find(name ?? "") : null;
    if (table === null) throw forbidden();
    if (more.length > 0) throw new UnknownPath();
    return id === undefined || id === null ? answerTable(table, request, now) : answerRecord(table, id, request, now);
  }

  function answerMeta(what: string, query: URLSearchParams): unknown {
    refuseQuery(query);
    if (what === "whoami") return identity(access);
    requireScope("schema.bases:read", access);
    if (what === "bases") return bases(baseId, access);
    if (what === `bases/${baseId}/tables`) return schema;
    throw forbidden();
  }

  function answerTable(table: TableSchema, { method, query, body }: Request, now: number): unknown {
    if (method === "GET") return list(tables, cursors, table, parseListQuery(query), now);
    if (method !== "PATCH") throw new UnknownPath();
    refuseQuery(query);
    return { records: update(table, parseUpdates(body), now) };
  }

  function answerRecord(table: TableSchema, id: string, { method, query, body }: Request, now: number): unknown {
    const listing = method === "POST" && id === "listRecords";
    if (!listing && method !== "GET" && method !== "PATCH") throw new UnknownPath();
    refuseQuery(query);
    if (listing) return list(tables, cursors, table, parseListBody(body), now);
    if (method === "GET") return read(id);
    const single = parseUpdate(id, body);
    if (!tables.of(table).has(id)) throw noRecord(id);
    return update(table, [single], now)[0];
  }

  /** Reads a record of any table: Airtable ignores the table of the URL when it reads one. */
  function read(id: string): ShownRecord {
    for (const table of schema.tables) {
      const record = tables.of(table).get(id);
      if (record !== undefined) return renderRecord(table, record);
    }
    throw noRecord(id);
  }

  /** Checks all records of the batch before it writes any. */
  function update(table: TableSchema, updates: readonly Update[], now: number): readonly ShownRecord[] {
    const writes = updates.map(({ id, fields }) => tables.prepare(table, id, fields, now));
    return writes.map((write) => renderRecord(table, write()));
  }

  function tableOf(name: string): TableSchema {
    const table = tables.find(name);
    if (table === null) throw new Error(`no table ${name}`);
    return table;
  }

  return {
    handle,
    requestCount: () => count,
    record: (table, id) => tables.of(tableOf(table)).get(id),
    records: (table) => [...tables.of(tableOf(table)).values()],
    edit: (table, id, fields) => {
      tables.put(tableOf(table), id, fields);
    },
    upsert: (table, record) => {
      tables.of(tableOf(table)).set(record.id, record);
    },
    remove: (table, id) => {
      tables.of(tableOf(table)).delete(id);
    },
    pendingAttachments: () => tables.pending,
    completeAttachment: (id, file) => tables.completeAttachment(id, file),
    expireIterators: () => cursors.expire(),
    snapshot: () => tables.snapshot(),
    restore: (snapshot) => {
      cursors.expire();
      tables.restore(snapshot);
    },
  };
}

/** A path that the sandbox does not serve. The bare string is one of Airtable's two shapes of a 404. */
class UnknownPath extends ApiError {
  override readonly body = { error: "NOT_FOUND" };
  constructor() {
    super(404, "NOT_FOUND", "Not found");
  }
}

/** Creates the answer for a single missing record; in a batch a missing one is a 422. */
function noRecord(id: string): ApiError {
  return new ApiError(404, "MODEL_ID_NOT_FOUND", `no record ${id}`);
}

const RATE_LIMITED = {
  errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" }],
};

/** Returns the length as the airtable client encodes it. URLSearchParams would escape the quotes and brackets of formulas too. */
function lengthOf(query: URLSearchParams): number {
  const pairs = [...query].map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? 0 : pairs.join("&").length + 1;
}

function createReply(status: number, body: unknown, now: number): Reply {
  const headers = { "content-type": "application/json; charset=utf-8", date: new Date(now).toUTCString() };
  return { status, headers, body: JSON.stringify(body) };
}
