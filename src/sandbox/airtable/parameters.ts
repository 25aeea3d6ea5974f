import * as z from "zod";
import { type ApiError, invalid } from "./api-error.ts";

const sortKey = z.strictObject({ field: z.string(), direction: z.literal(["asc", "desc"]).optional() });

const listSchema = z.strictObject({
  fields: z.array(z.string()).optional(),
  filterByFormula: z.string().optional(),
  pageSize: z.int().min(1).max(100).optional(),
  maxRecords: z.int().min(1).optional(),
  offset: z.string().optional(),
  sort: z.array(sortKey).optional(),
  returnFieldsByFieldId: z.boolean().optional(),
  cellFormat: z.literal("json").optional(),
});

/** The parameters of a listing. */
export type ListParameters = z.output<typeof listSchema>;

export type SortKey = z.output<typeof sortKey>;

// A typecast invents select options, and this tool must never send one.
const typecast = z.literal(false, { error: "the sandbox refuses typecast, which invents select options" }).optional();
const fields = z.record(z.string(), z.json());
const updateSchema = z.strictObject({ records: z.array(z.strictObject({ id: z.string(), fields })), typecast });
const updateOneSchema = z.strictObject({ fields, typecast });

/** One record of a write. */
export type Update = z.output<typeof updateSchema>["records"][number];

/** Airtable's limit for one write. */
const MAX_RECORDS = 10;

/** @throws ApiError for a parameter that the sandbox does not support, or a value that Airtable would not accept */
export function parseListQuery(query: URLSearchParams): ListParameters {
  const value: Record<string, unknown> = {};
  const sort: Record<string, string>[] = [];
  for (const [key, text] of query) {
    const [, index, part = ""] = /^sort\[(\d)\]\[(\w+)\]$/.exec(key) ?? [];
    if (index !== undefined) sort[Number(index)] = { ...sort[Number(index)], [part]: text };
    else if (key === "fields[]") value.fields = query.getAll(key);
    else value[key] = parseParameter(key, text);
  }
  return validate(listSchema, sort.length === 0 ? value : { ...value, sort: Array.from(sort) });
}

/** @throws ApiError as `parseListQuery` does */
export function parseListBody(body: string): ListParameters {
  return validate(listSchema, parseJson(body));
}

/** @throws ApiError for more than 10 records, for none, and for a record that is there twice */
export function parseUpdates(body: string): readonly Update[] {
  const { records } = validate(updateSchema, parseJson(body));
  if (records.length > MAX_RECORDS) throw invalidRequest(`A maximum of ${MAX_RECORDS} records can be updated at once`);
  if (records.length === 0) throw invalidRequest("At least one record is needed");
  if (new Set(records.map(({ id }) => id)).size < records.length) {
    throw invalidRequest("You cannot update the same record multiple times in a single request");
  }
  return records;
}

/** @throws ApiError */
export function parseUpdate(id: string, body: string): Update {
  return { id, fields: validate(updateOneSchema, parseJson(body)).fields };
}

/** @throws ApiError for any parameter: the sandbox supports them for listings only */
export function refuseQuery(query: URLSearchParams): void {
  const [key] = query.keys();
  if (key !== undefined) throw invalidRequest(`The sandbox does not support the parameter ${key} here`);
}

/** Parses a parameter of the query. Text that is no number or boolean is left as it is, and refused by the schema. */
function parseParameter(key: string, text: string): unknown {
  if (key === "pageSize" || key === "maxRecords") return /^\d+$/.test(text) ? Number(text) : text;
  if (key === "returnFieldsByFieldId" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalidRequest("The body is no JSON");
    throw error;
  }
}

function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidRequest(`Invalid request: ${z.prettifyError(result.error)}`);
}

function invalidRequest(message: string): ApiError {
  return invalid("INVALID_REQUEST_UNKNOWN", message);
}
