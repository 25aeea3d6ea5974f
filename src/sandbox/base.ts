import { z } from "zod";
import type { Json } from "./cells.ts";
import { compile, FormulaError } from "./formula.ts";
import type { Reply, Request } from "./http.ts";
import { AIRTABLE_LIMIT, createGate, type RateLimit } from "./rate-limit.ts";
import { invalid, Refused } from "./refused.ts";
import type { BaseSchema, TableSchema } from "./schema.ts";
import { type PendingAttachment, type Snapshot, type StoredRecord, Tables } from "./tables.ts";
import type { Value } from "./values.ts";

export interface BaseOptions {
  readonly schema: BaseSchema;
  readonly baseId: string;
  readonly token: string;
  /** At least 0, below 1; for ids. */
  readonly random: () => number;
  /** Airtable's own by default; null for none. */
  readonly limit?: RateLimit | null;
}

/** A base that behaves as Airtable's API does, as far as this tool asks it. What it does not know, it refuses. */
export interface Base {
  handle(request: Request, now: number): Reply;
  /** Requests so far, refused ones included. */
  requestCount(): number;
  record(table: string, id: string): StoredRecord | undefined;
  records(table: string): readonly StoredRecord[];
  /** What a person or the application does: no limits, no checks. */
  edit(table: string, id: string, fields: Readonly<Record<string, Json>>): void;
  upsert(table: string, record: StoredRecord): void;
  remove(table: string, id: string): void;
  pendingAttachments(): readonly PendingAttachment[];
  settleAttachment(id: string, file: { readonly bytes: number; readonly contentType: string } | null): void;
  /** Makes every listing that is under way start over. */
  expireIterators(): void;
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
}

/** How long a listing may take before its iterator is gone. */
const ITERATOR_LIFE = 300_000;

/** What is longer is refused (Airtable's API docs, list records). */
const LONGEST_URL = 16_000;

interface Listing {
  readonly ids: readonly string[];
  readonly bornAt: number;
}

/** A base in memory. */
export function createBase({ schema, baseId, token, random, limit = AIRTABLE_LIMIT }: BaseOptions): Base {
  const tables = new Tables(schema, random);
  const open = limit === null ? () => true : createGate(limit);
  const iterators = new Map<string, Listing>();
  let count = 0;
  let iteratorCount = 0;

  function handle(request: Request, now: number): Reply {
    count += 1;
    try {
      if (!open(now)) return replyOf(429, RATE_LIMITED, now);
      return replyOf(200, answer(request, now), now);
    } catch (error) {
      if (error instanceof Refused) return replyOf(error.status, error.body, now);
      throw error;
    }
  }

  function answer(request: Request, now: number): unknown {
    const { method, path, query, headers, body } = request;
    if (headers.authorization !== `Bearer ${token}`) {
      throw new Refused(401, "AUTHENTICATION_REQUIRED", "Authentication required");
    }
    if (path.length + query.toString().length > LONGEST_URL)
      throw new Refused(414, "REQUEST_URI_TOO_LONG", "URL too long");
    const [version, base, ...rest] = path.split("/").slice(1).map(decodeURIComponent);
    if (version !== "v0") throw new Refused(404, "NOT_FOUND", "Not found");
    if (base === "meta" && rest.join("/") === `bases/${baseId}/tables` && method === "GET") return schema;
    const [name = "", id, ...more] = rest;
    const table = base === baseId ? tables.find(name) : null;
    if (table === null || more.length > 0) throw new Refused(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", NOT_FOUND);
    if (method === "GET" && id === undefined) return list(table, parametersOf(query), now);
    if (method === "POST" && id === "listRecords") return list(table, parse(listSchema, body), now);
    if (method === "GET" && id !== undefined) return one(id);
    if (method === "PATCH" && id === undefined) return update(table, parse(updateSchema, body));
    throw new Refused(404, "NOT_FOUND", `The sandbox does not know ${method} ${path}`);
  }

  function list(table: TableSchema, parameters: ListParameters, now: number) {
    const { offset, pageSize = 100, maxRecords = Number.POSITIVE_INFINITY } = parameters;
    const fields = parameters.fields?.map((name) => tables.field(table, name).name) ?? null;
    const [key, start] = offset === undefined ? [begin(table, parameters, now), 0] : resume(offset, now);
    const ids = (iterators.get(key)?.ids ?? []).slice(0, maxRecords);
    const page = ids.slice(start, start + pageSize).flatMap((id) => {
      const record = tables.of(table).get(id);
      return record === undefined ? [] : [shown(record, fields)];
    });
    const end = start + pageSize;
    if (end < ids.length) return { records: page, offset: `${key}/${end}` };
    iterators.delete(key);
    return { records: page };
  }

  /** Takes down which records match now; the pages show what the cells hold when they are asked for. */
  function begin(table: TableSchema, { filterByFormula }: ListParameters, now: number): string {
    const matches =
      filterByFormula === undefined || filterByFormula === "" ? () => true : filter(table, filterByFormula);
    const ids = [...tables.of(table).values()].filter(matches).map(({ id }) => id);
    iteratorCount += 1;
    const key = `itr${String(iteratorCount).padStart(14, "0")}`;
    iterators.set(key, { ids, bornAt: now });
    return key;
  }

  function resume(offset: string, now: number): [string, number] {
    const [key = "", start = ""] = offset.split("/");
    const iterator = iterators.get(key);
    if (iterator === undefined || now - iterator.bornAt > ITERATOR_LIFE || !/^\d+$/.test(start)) {
      throw invalid("LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The iterator is not available. Start over.");
    }
    return [key, Number(start)];
  }

  function filter(table: TableSchema, formula: string): (record: StoredRecord) => boolean {
    try {
      const matches = compile(formula, new Set(table.fields.map(({ name }) => name)));
      return ({ id, createdTime, fields }) => matches({ id, createdTime, fields: valuesOf(fields) });
    } catch (error) {
      if (!(error instanceof FormulaError)) throw error;
      throw invalid("INVALID_FILTER_BY_FORMULA", `The formula for filtering records is invalid: ${error.message}`);
    }
  }

  function one(id: string) {
    const record = tables.anywhere(id);
    if (record === null) throw new Refused(404, "MODEL_ID_NOT_FOUND", `no record ${id}`);
    return shown(record, null);
  }

  function update(
    table: TableSchema,
    { records }: { records: readonly { id: string; fields: Record<string, Json> }[] },
  ) {
    if (records.length === 0 || records.length > 10) {
      throw invalid("INVALID_RECORDS", "A maximum of 10 records, and at least one, can be updated at once");
    }
    if (new Set(records.map(({ id }) => id)).size < records.length) {
      throw invalid("INVALID_RECORDS", "You cannot update the same record multiple times in a single request");
    }
    const writes = records.map(({ id, fields }) => tables.prepared(table, id, fields));
    return { records: writes.map((write) => shown(write(), null)) };
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
    expireIterators: () => iterators.clear(),
    snapshot: () => tables.snapshot(),
    restore: (snapshot) => tables.restore(snapshot),
  };
}

const NOT_FOUND =
  "Invalid permissions, or the requested model was not found. Check that both your user and your token have the required permissions, and that the model names and/or ids are correct.";

const RATE_LIMITED = {
  errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" }],
};

const listSchema = z.strictObject({
  fields: z.array(z.string()).optional(),
  filterByFormula: z.string().optional(),
  pageSize: z.int().min(1).max(100).optional(),
  maxRecords: z.int().min(1).optional(),
  offset: z.string().optional(),
});

type ListParameters = z.output<typeof listSchema>;

// No `typecast`: it would invent select options, and this tool must never send it.
const updateSchema = z.strictObject({
  records: z.array(z.strictObject({ id: z.string(), fields: z.record(z.string(), z.json()) })),
});

function parse<T>(schema: z.ZodType<T>, body: string): T {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid("INVALID_REQUEST_UNKNOWN", "The body is no JSON");
    throw error;
  }
  return checked(schema, value);
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid("INVALID_REQUEST_UNKNOWN", `Invalid request: ${z.prettifyError(result.error)}`);
}

function parametersOf(query: URLSearchParams): ListParameters {
  const value: Record<string, unknown> = {};
  for (const key of new Set(query.keys())) {
    if (key === "fields[]") value.fields = query.getAll(key);
    else value[key] = key === "pageSize" || key === "maxRecords" ? Number(query.get(key)) : query.get(key);
  }
  return checked(listSchema, value);
}

function shown({ id, createdTime, fields }: StoredRecord, only: readonly string[] | null) {
  const cells = Object.entries(fields).filter(([name]) => only === null || only.includes(name));
  return { id, createdTime, fields: Object.fromEntries(cells) };
}

/** Cells as formulas see them: attachments by their file names. */
function valuesOf(fields: StoredRecord["fields"]): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(fields).map(([name, cell]) => [name, cellValue(cell)]));
}

function cellValue(cell: Json): Value {
  if (Array.isArray(cell)) return cell.map(cellValue);
  if (typeof cell !== "object" || cell === null) return cell;
  return "filename" in cell ? String(cell.filename) : JSON.stringify(cell);
}

function replyOf(status: number, body: unknown, now: number): Reply {
  const headers = { "content-type": "application/json; charset=utf-8", date: new Date(now).toUTCString() };
  return { status, headers, body: JSON.stringify(body) };
}
