import { invalid } from "./api-error.ts";
import { isBlank } from "./cells.ts";
import { compile, FormulaError } from "./formula.ts";
import { compare } from "./formula-values.ts";
import type { ListCursors } from "./list-cursors.ts";
import type { ListParameters, SortKey } from "./parameters.ts";
import { formulaValue, formulaViews, renderCell, renderRecord, type ShownRecord } from "./render-record.ts";
import type { Field, TableSchema } from "./schema.ts";
import type { StoredRecord, Tables } from "./tables.ts";

/** The answer to a listing: one page. */
export interface ListAnswer {
  readonly records: readonly ShownRecord[];
  readonly offset?: string;
}

/**
 * Lists records of a table. The request for the first page decides which records are listed; each page shows the cells
 * of the time of its own request, and leaves out records that are deleted by then.
 *
 * @throws ApiError
 */
export function list(
  tables: Tables,
  cursors: ListCursors,
  table: TableSchema,
  parameters: ListParameters,
  now: number,
): ListAnswer {
  const { offset, pageSize = 100, fields, returnFieldsByFieldId = false } = parameters;
  const only = fields?.map((name) => tables.field(table, name));
  const page =
    offset === undefined
      ? cursors.begin(table.id, findMatching(tables, table, parameters), pageSize, now)
      : cursors.resume(table.id, offset, pageSize, now);
  const showing = { byId: returnFieldsByFieldId, ...(only === undefined ? {} : { fields: only }) };
  const records = page.ids.flatMap((id) => {
    const record = tables.of(table).get(id);
    return record === undefined ? [] : [renderRecord(table, record, showing)];
  });
  return page.offset === null ? { records } : { records, offset: page.offset };
}

function findMatching(
  tables: Tables,
  table: TableSchema,
  { filterByFormula = "", maxRecords, sort = [] }: ListParameters,
): readonly string[] {
  const order = createOrder(tables, table, sort);
  const named = parseIds(filterByFormula);
  const all = [...tables.of(table).values()].filter(({ id }) => named === null || named.has(id));
  const found = filterByFormula === "" ? all : all.filter(compileFilter(table, filterByFormula));
  const sorted = order === null ? found : found.sort(order);
  return sorted.slice(0, maxRecords).map(({ id }) => id);
}

/** Returns the ids of a formula that compares ids only, which need not be evaluated for each record; null of any other. */
function parseIds(formula: string): ReadonlySet<string> | null {
  if (!/^(OR\()?(RECORD_ID\(\)='\w+'[,)]?)+$/.test(formula)) return null;
  return new Set([...formula.matchAll(/'(\w+)'/g)].map(([, id = ""]) => id));
}

function compileFilter(table: TableSchema, formula: string): (record: StoredRecord) => boolean {
  try {
    const matches = compile(formula, new Set(table.fields.map(({ name }) => name)));
    const view = formulaViews(table);
    return (record) => matches(view(record));
  } catch (error) {
    if (!(error instanceof FormulaError)) throw error;
    throw invalid("INVALID_FILTER_BY_FORMULA", `The formula for filtering records is invalid: ${error.message}`);
  }
}

type Order = (a: StoredRecord, b: StoredRecord) => number;

function createOrder(tables: Tables, table: TableSchema, sort: readonly SortKey[]): Order | null {
  if (sort.length === 0) return null;
  const orders = sort.map(({ field, direction }) => orderBy(tables.field(table, field), direction === "desc" ? -1 : 1));
  return (a, b) => {
    for (const order of orders) {
      const difference = order(a, b);
      if (difference !== 0) return difference;
    }
    return 0;
  };
}

/** Sorts blank cells first, and the options of a select in the order of its choices. */
function orderBy(field: Field, sign: 1 | -1): Order {
  const ranks = new Map(field.options?.choices?.map(({ name }, index) => [name, index]));
  const keyOf = (record: StoredRecord) => {
    const cell = renderCell(field, record);
    if (cell === undefined || isBlank(cell)) return null;
    return (typeof cell === "string" ? ranks.get(cell) : undefined) ?? formulaValue(cell);
  };
  return (a, b) => {
    const [first, second] = [keyOf(a), keyOf(b)];
    if (first === null || second === null) return sign * (Number(first !== null) - Number(second !== null));
    return sign * compare(first, second);
  };
}
