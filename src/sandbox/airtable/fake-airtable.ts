import { decoded, type Reply, type Request } from "../http.ts";
import { ApiError } from "./api-error.ts";
import type { Json } from "./cells.ts";
import { createIterators } from "./list-cursors.ts";
import { list } from "./listing.ts";
import {
  listParametersOfBody,
  listParametersOfQuery,
  refuseQuery,
  type Update,
  updateOf,
  updatesOf,
} from "./parameters.ts";
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
  /** Airtable's own by default; null for none. */
  readonly limit?: RateLimit | null;
  /** Full by default. */
  readonly access?: Access;
}

/** A base that behaves as Airtable's API does, as far as this tool asks it. What it does not know, it refuses. */
export interface FakeAirtable {
  /** `now` in milliseconds since 1970. */
  handle(request: Request, now: number): Reply;
  /** Requests so far, refused ones included. */
  requestCount(): number;
  /** By the table's name or id, here and below. Records do not change: a write puts a new one in the place of the old. */
  record(table: string, id: string): StoredRecord | undefined;
  records(table: string): readonly StoredRecord[];
  /** What a person or the application does: no limits, no checks. Null blanks. */
  edit(table: string, id: string, fields: Readonly<Record<string, Json>>): void;
  upsert(table: string, record: StoredRecord): void;
  remove(table: string, id: string): void;
  /** Written, and yet to be fetched. */
  pendingAttachments(): readonly PendingAttachment[];
  /** What came of fetching a file; null: it failed, and the entry vanishes from its cell without a word. */
  settleAttachment(id: string, file: { readonly bytes: number; readonly contentType: string } | null): void;
  /** Makes every listing that is under way start over. */
  expireIterators(): void;
  /** Records and files that are yet to be fetched, as JSON; listings that are under way are not in it. */
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
}

/** What is longer is refused (Airtable's API docs, list records). */
const LONGEST_URL = 16_000;

/** A base in memory. */
export function createBase(options: BaseOptions): FakeAirtable {
  const { schema, baseId, token, random, limit = AIRTABLE_LIMIT, access = FULL_ACCESS } = options;
  const tables = new Tables(schema, random);
  const open = limit === null ? () => true : createRateLimiter(limit);
  const iterators = createIterators();
  let count = 0;

  function handle(request: Request, now: number): Reply {
    count += 1;
    try {
      if (!open(now)) return replyOf(429, RATE_LIMITED, now);
      return replyOf(200, answer(request, now), now);
    } catch (error) {
      if (error instanceof ApiError) return replyOf(error.status, error.body, now);
      throw error;
    }
  }

  function answer(request: Request, now: number): unknown {
    const { path, query, headers } = request;
    if (headers.authorization !== `Bearer ${token}`) {
      throw new ApiError(401, "AUTHENTICATION_REQUIRED", "Authentication required");
    }
    if (path.length + lengthOf(query) > LONGEST_URL) throw new ApiError(414, "REQUEST_URI_TOO_LONG", "URL too long");
    // The airtable client ends the path of a write with a slash.
    const [version, base, ...rest] = path.replace(/\/$/, "").split("/").slice(1).map(decoded);
    if (version !== "v0" || rest.includes(null)) throw new UnknownPath();
    if (base === "meta" && request.method === "GET") return ofMeta(rest.join("/"), query);
    requireScope(request.method === "PATCH" ? "data.records:write" : "data.records:read", access);
    const [name, id, ...more] = rest;
    const table = base === baseId ? tables.find(name ?? "") : null;
    if (table === null) throw forbidden();
    if (more.length > 0) throw new UnknownPath();
    return id === undefined || id === null ? ofTable(table, request, now) : ofRecord(table, id, request, now);
  }

  function ofMeta(what: string, query: URLSearchParams): unknown {
    refuseQuery(query);
    if (what === "whoami") return identity(access);
    requireScope("schema.bases:read", access);
    if (what === "bases") return bases(baseId, access);
    if (what === `bases/${baseId}/tables`) return schema;
    throw forbidden();
  }

  function ofTable(table: TableSchema, { method, query, body }: Request, now: number): unknown {
    if (method === "GET") return list(tables, iterators, table, listParametersOfQuery(query), now);
    if (method !== "PATCH") throw new UnknownPath();
    refuseQuery(query);
    return { records: update(table, updatesOf(body)) };
  }

  function ofRecord(table: TableSchema, id: string, { method, query, body }: Request, now: number): unknown {
    const listing = method === "POST" && id === "listRecords";
    if (!listing && method !== "GET" && method !== "PATCH") throw new UnknownPath();
    refuseQuery(query);
    if (listing) return list(tables, iterators, table, listParametersOfBody(body), now);
    if (method === "GET") return read(id);
    const single = updateOf(id, body);
    if (!tables.of(table).has(id)) throw noRecord(id);
    return update(table, [single])[0];
  }

  /** Whichever table the record is in: Airtable ignores the table of the URL when it reads one. */
  function read(id: string): ShownRecord {
    for (const table of schema.tables) {
      const record = tables.of(table).get(id);
      if (record !== undefined) return renderRecord(table, record);
    }
    throw noRecord(id);
  }

  /** Everything is checked before anything is written. */
  function update(table: TableSchema, updates: readonly Update[]): readonly ShownRecord[] {
    const writes = updates.map(({ id, fields }) => tables.prepared(table, id, fields));
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
    settleAttachment: (id, file) => tables.settle(id, file),
    expireIterators: () => iterators.expire(),
    snapshot: () => tables.snapshot(),
    restore: (snapshot) => {
      iterators.expire();
      tables.restore(snapshot);
    },
  };
}

/** Nothing that the sandbox knows. The bare word is one of Airtable's two shapes of a 404. */
class UnknownPath extends ApiError {
  override readonly body = { error: "NOT_FOUND" };
  constructor() {
    super(404, "NOT_FOUND", "Not found");
  }
}

/** Of one record; in a batch a missing one is a 422. */
function noRecord(id: string): ApiError {
  return new ApiError(404, "MODEL_ID_NOT_FOUND", `no record ${id}`);
}

const RATE_LIMITED = {
  errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" }],
};

/** As clients encode it; URLSearchParams would escape quotes and brackets too, of which formulas are full. */
function lengthOf(query: URLSearchParams): number {
  const pairs = [...query].map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  return pairs.length === 0 ? 0 : pairs.join("&").length + 1;
}

function replyOf(status: number, body: unknown, now: number): Reply {
  const headers = { "content-type": "application/json; charset=utf-8", date: new Date(now).toUTCString() };
  return { status, headers, body: JSON.stringify(body) };
}
