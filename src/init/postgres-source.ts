import { type Column, canonicalId } from "../database/catalogue.ts";
import type { Database, Row } from "../database/connection.ts";
import { quoteIdentifier, quoteTable, type TableName } from "../database/identifiers.ts";
import type { FieldSchema, TableSchema } from "../stores/airtable/metadata.ts";
import type { SampleQuery } from "../stores/airtable/sample-records.ts";
import { JSON_TYPE } from "./json-columns.ts";
import type { InitSource, SampleRecord } from "./source.ts";

/** A database that is not configured yet. */
export interface PostgresSource extends InitSource {
  /** Returns the column that names one row; null where none does. */
  keyOf(table: string): string | null;
  /** Returns the column of the other table that a foreign key names; null for a column that is none. */
  referencedKey(table: string, column: string): string | null;
  /** Returns the columns with dates, the likeliest for the beginning of a job first. */
  dateColumns(table: string): readonly string[];
}

interface SourceColumn extends Column {
  readonly isKey: boolean;
  readonly references: { readonly table: string; readonly column: string } | null;
}

interface SourceTable {
  readonly label: string;
  readonly name: TableName;
  readonly rows: number;
  readonly columns: readonly SourceColumn[];
}

const SAMPLE_ROWS = 100;

/** Rows of each status in a sample, and how many of the latest rows they are taken from. */
const [OF_EACH, LATEST] = [25, 5_000];

/** Creates a source over the tables that the role may read, described in the words of Airtable's schema. */
export function createPostgresSource(database: Database): PostgresSource {
  let known: readonly SourceTable[] = [];

  const find = (label: string): SourceTable => {
    const found = known.find((table) => table.label === label);
    if (found === undefined) throw new Error(`the table ${label} was not read`);
    return found;
  };

  return {
    kind: "database",

    async tables(signal) {
      known = groupTables(await database.read(CATALOGUE, [], signal));
      return known.map(toSchema);
    },

    async sample(label, query, signal) {
      const table = find(label);
      const statement = sampleStatement(table, query);
      if (statement === null) return [];
      const rows = await database.read(statement.text, statement.values, signal);
      return rows.map((row) => toRecord(row, table));
    },

    keyOf: (label) => keyColumn(find(label))?.name ?? null,
    referencedKey: (label, name) =>
      find(label).columns.find((column) => column.name === name)?.references?.column ?? null,
    dateColumns: (label) => datesOf(find(label)).map(({ name }) => name),
  };
}

/** Ordinary tables and views outside the system's schemas and our own, with the columns that the role may read. */
const CATALOGUE = `
SELECT n.nspname AS schema, c.relname AS table, pg_table_is_visible(c.oid) AS visible, greatest(c.reltuples, 0) AS rows,
  a.attname AS name, a.attnotnull AS not_null, a.attgenerated <> '' AS generated,
  tn.nspname AS type_schema, ty.typname AS type_name, coalesce(base.typname, ty.typname) AS base_name,
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = coalesce(base.oid, ty.oid)) AS labels,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum AND a.attnotnull) AS is_key,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
    AND i.indkey[0] = a.attnum) AS is_primary,
  f.schema AS to_schema, f.table AS to_table, f.visible AS to_visible, f.column AS to_column
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'stuck_jobs')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type ty ON ty.oid = a.atttypid
JOIN pg_namespace tn ON tn.oid = ty.typnamespace
LEFT JOIN pg_type base ON base.oid = ty.typbasetype AND ty.typtype = 'd'
LEFT JOIN LATERAL (
  SELECT fn.nspname AS schema, fc.relname AS table, pg_table_is_visible(fc.oid) AS visible, fa.attname AS column
  FROM pg_constraint k JOIN pg_class fc ON fc.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
  JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[1]
  WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum] LIMIT 1) AS f ON true
WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND has_schema_privilege(n.oid, 'USAGE')
  AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY n.nspname, c.relname, is_primary DESC, a.attnum`;

function groupTables(rows: readonly Row[]): readonly SourceTable[] {
  const tables = new Map<string, { name: TableName; rows: number; columns: SourceColumn[] }>();
  for (const row of rows) {
    const name = [String(row.schema), String(row.table)];
    // Such a name cannot be written as table or schema.table.
    if (name.some((part) => part.includes("."))) continue;
    const label = labelOf(row.schema, row.table, row.visible);
    const table = tables.get(label) ?? { name, rows: Number(row.rows), columns: [] };
    table.columns.push(parseColumn(row));
    tables.set(label, table);
  }
  return [...tables].map(([label, table]) => ({ label, ...table }));
}

/** A table that the search path finds needs no schema. */
function labelOf(schema: unknown, table: unknown, isVisible: unknown): string {
  return isVisible === true ? String(table) : `${schema}.${table}`;
}

function parseColumn(row: Row): SourceColumn {
  const sqlType = `${quoteIdentifier(String(row.type_schema))}.${quoteIdentifier(String(row.type_name))}`;
  return {
    name: String(row.name),
    sqlType,
    declaredType: sqlType,
    type: String(row.base_name),
    labels: Array.isArray(row.labels) ? row.labels.map(String) : null,
    maxLength: null,
    notNull: row.not_null === true,
    computed: row.generated === true,
    isKey: row.is_key === true,
    references:
      row.to_table === null
        ? null
        : { table: labelOf(row.to_schema, row.to_table, row.to_visible), column: String(row.to_column) },
  };
}

/** The primary key where it is one column: it comes first. */
function keyColumn({ columns }: SourceTable): SourceColumn | null {
  return columns.find(({ isKey }) => isKey) ?? null;
}

/** The names of columns that say when a job began, the likeliest first. */
const BEGINNINGS = [/^(started|submitted|dispatched|sent)/i, /^(queued|enqueued|requested)/i, /^(created|inserted)/i];

function datesOf({ columns }: SourceTable): readonly SourceColumn[] {
  const dates = columns.filter(({ type }) => DATES.includes(type));
  const rankOf = ({ name }: SourceColumn) => {
    const rank = BEGINNINGS.findIndex((form) => form.test(name));
    return rank === -1 ? BEGINNINGS.length : rank;
  };
  // One that may be blank says nothing of a job that has not begun.
  return dates.toSorted((a, b) => Number(b.notNull) - Number(a.notNull) || rankOf(a) - rankOf(b));
}

const DATES = ["timestamptz", "timestamp", "date"];
const INTEGERS = ["int2", "int4", "int8"];
const TEXTS = ["text", "varchar", "bpchar", "citext", "name"];
const OTHERS = ["uuid", "json", "jsonb", "numeric", "bool"];

function isRead({ type, labels }: SourceColumn): boolean {
  return labels !== null || [...DATES, ...INTEGERS, ...TEXTS, ...OTHERS].includes(type);
}

function toSchema(table: SourceTable): TableSchema {
  return { id: table.label, name: table.label, fields: table.columns.filter(isRead).map(toField) };
}

function toField(column: SourceColumn): FieldSchema {
  const { name, labels, references } = column;
  return {
    id: name,
    name,
    type: fieldType(column),
    choices: labels,
    linkedTableId: references?.table ?? null,
    resultType: null,
  };
}

/** A text of such a name holds one word; of the second kind the address of a file. */
const [WORDS, ADDRESSES] = [
  /(^|_)(status|state|type|kind|operation|task)$/i,
  /(url|uri|href|link|file|video|audio|image|output|result|asset|src)s?$/i,
];

/** The type of Airtable's that comes nearest to a column's. */
function fieldType({ type, labels, references, name }: SourceColumn): string {
  if (references !== null) return "multipleRecordLinks";
  if (labels !== null) return "singleSelect";
  if (DATES.includes(type)) return "dateTime";
  if (type === "bool") return "checkbox";
  if (type === "numeric" || INTEGERS.includes(type)) return "number";
  if (type === "uuid") return "singleLineText";
  if (type === "jsonb") return JSON_TYPE;
  if (!TEXTS.includes(type)) return "multilineText";
  if (WORDS.test(name)) return "singleLineText";
  return ADDRESSES.test(name) ? "url" : "multilineText";
}

/** Returns the statement of a sample; null where no row can match. */
function sampleStatement(table: SourceTable, query: SampleQuery): { text: string; values: readonly unknown[] } | null {
  const columns = table.columns.filter(isRead);
  const key = keyColumn(table);
  const list = columns.map(({ name }, n) => `r.${quoteIdentifier(name)}::text AS c${n}`).join(", ");
  const id = key === null ? "''" : `r.${quoteIdentifier(key.name)}::text`;
  const select = `SELECT ${id} AS id, ${list} FROM`;
  const from = `${quoteTable(table.name)} AS r`;
  switch (query.kind) {
    case "created-after":
    case "any": {
      const status = columns.find(({ name }) => /^(status|state)$/i.test(name));
      const order = newestFirst(table);
      const latest = `(SELECT r.* FROM ${from} ${order} LIMIT ${LATEST}) AS r`;
      if (status === undefined) return { text: `${select} ${latest} LIMIT ${SAMPLE_ROWS}`, values: [] };
      const ranked = `(SELECT r.*, row_number() OVER (PARTITION BY r.${quoteIdentifier(status.name)} ${order}) AS rank_of_status FROM ${latest}) AS r`;
      return {
        text: `${select} ${ranked} WHERE rank_of_status <= ${OF_EACH} ORDER BY rank_of_status LIMIT ${SAMPLE_ROWS}`,
        values: [],
      };
    }
    case "with-values": {
      const column = columns.find(({ name }) => name === query.field);
      return column === undefined ? null : whereAmong(`${select} ${from}`, column, query.values);
    }
    case "by-id":
      return key === null ? null : whereAmong(`${select} ${from}`, key, query.ids);
  }
}

function whereAmong(select: string, column: SourceColumn, wanted: readonly string[]) {
  const values = wanted.filter((value) =>
    column.labels === null ? canonicalId(value, column) !== null : column.labels.includes(value),
  );
  if (values.length === 0) return null;
  const text = `${select} WHERE r.${quoteIdentifier(column.name)} = ANY($1::${column.sqlType}[]) LIMIT ${SAMPLE_ROWS}`;
  return { text, values: [values] };
}

/** Up to this many rows are sorted without an index. */
const SORTED_ROWS = 200_000;

/** The order that needs no sorting of a large table: by a key that counts up, else by the date. */
function newestFirst(table: SourceTable): string {
  const key = keyColumn(table);
  const [date] = datesOf(table);
  if (key !== null && INTEGERS.includes(key.type)) return `ORDER BY r.${quoteIdentifier(key.name)} DESC`;
  return date !== undefined && table.rows <= SORTED_ROWS
    ? `ORDER BY r.${quoteIdentifier(date.name)} DESC NULLS LAST`
    : "";
}

/** Every cell as the server writes it as text; blank ones are not there. */
function toRecord(row: Row, table: SourceTable): SampleRecord {
  const cells = table.columns.filter(isRead).map(({ name, type }, n) => [name, cellOf(row[`c${n}`], type)] as const);
  return {
    id: String(row.id),
    createdTime: null,
    fields: Object.fromEntries(cells.flatMap(([name, cell]) => (cell === null ? [] : [[name, cell] as const]))),
  };
}

function cellOf(value: unknown, type: string): string | null {
  if (typeof value !== "string" || value === "") return null;
  if (!DATES.includes(type)) return value;
  const date = new Date(type === "timestamptz" ? value : `${value.replace(" ", "T")}${type === "date" ? "" : "Z"}`);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
