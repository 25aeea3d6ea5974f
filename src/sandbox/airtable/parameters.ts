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

/** What may be asked of a listing. */
export type ListParameters = z.output<typeof listSchema>;

export type SortKey = z.output<typeof sortKey>;

// A typecast invents select options, and this tool must never send one.
const typecast = z.literal(false, { error: "the sandbox refuses typecast, which invents select options" }).optional();
const fields = z.record(z.string(), z.json());
const updateSchema = z.strictObject({ records: z.array(z.strictObject({ id: z.string(), fields })), typecast });
const updateOneSchema = z.strictObject({ fields, typecast });

/** What a record is to be updated with. */
export type Update = z.output<typeof updateSchema>["records"][number];

/** Airtable's limit for one write. */
const MOST_RECORDS = 10;

/** @throws Refused for a parameter that the sandbox does not know, or a value that Airtable would not take */
export function listParametersOfQuery(query: URLSearchParams): ListParameters {
  const value: Record<string, unknown> = {};
  const sort: Record<string, string>[] = [];
  for (const [key, text] of query) {
    const [, index, part = ""] = /^sort\[(\d)\]\[(\w+)\]$/.exec(key) ?? [];
    if (index !== undefined) sort[Number(index)] = { ...sort[Number(index)], [part]: text };
    else if (key === "fields[]") value.fields = query.getAll(key);
    else value[key] = ofText(key, text);
  }
  return checked(listSchema, sort.length === 0 ? value : { ...value, sort: Array.from(sort) });
}

/** @throws Refused likewise */
export function listParametersOfBody(body: string): ListParameters {
  return checked(listSchema, parsed(body));
}

/** @throws Refused for more than 10 records, none, or one twice */
export function updatesOf(body: string): readonly Update[] {
  const { records } = checked(updateSchema, parsed(body));
  if (records.length > MOST_RECORDS) throw unknown(`A maximum of ${MOST_RECORDS} records can be updated at once`);
  if (records.length === 0) throw unknown("At least one record is needed");
  if (new Set(records.map(({ id }) => id)).size < records.length) {
    throw unknown("You cannot update the same record multiple times in a single request");
  }
  return records;
}

/** @throws Refused */
export function updateOf(id: string, body: string): Update {
  return { id, fields: checked(updateOneSchema, parsed(body)).fields };
}

/** @throws Refused: only listings take parameters in the query here */
export function refuseQuery(query: URLSearchParams): void {
  const [key] = query.keys();
  if (key !== undefined) throw unknown(`The sandbox does not know the parameter ${key} here`);
}

/** Text that stands for no number or no boolean is left as it is, and then refused. */
function ofText(key: string, text: string): unknown {
  if (key === "pageSize" || key === "maxRecords") return /^\d+$/.test(text) ? Number(text) : text;
  if (key === "returnFieldsByFieldId" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) throw unknown("The body is no JSON");
    throw error;
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw unknown(`Invalid request: ${z.prettifyError(result.error)}`);
}

function unknown(message: string): ApiError {
  return invalid("INVALID_REQUEST_UNKNOWN", message);
}
