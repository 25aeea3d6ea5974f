import type { Database, Row } from "./connection.ts";
import { quoteIdentifier, quoteTable, type TableName } from "./identifiers.ts";

/** A column as the catalogue describes it. */
export interface Column {
  readonly name: string;
  /** The type to cast to, quoted for SQL. */
  readonly sqlType: string;
  /** The type with what limits it, such as the digits of a number, as SQL. */
  readonly declaredType: string;
  /** The built-in type's name (`text`, `uuid`, `int8`, `jsonb`, …), of a domain that of what it stands on. */
  readonly type: string;
  /** The values of an enumeration; null for other types. */
  readonly labels: readonly string[] | null;
  /** How many characters fit; null for as many as are wanted. */
  readonly maxLength: number | null;
  readonly notNull: boolean;
  /** Whether the server computes it: a generated column, or an expression of a view. */
  readonly computed: boolean;
}

/** A table as the catalogue describes it. */
export interface Table {
  readonly name: TableName;
  readonly columns: ReadonlyMap<string, Column>;
  /** Columns that name one row at most: each has a unique index of its own. */
  readonly keys: readonly string[];
  /** Whether it is a view: then nothing is known of its keys. */
  readonly isView: boolean;
  /** Whether a key may name several rows all the same: in a view, or a table that others inherit from. */
  readonly mayRepeat: boolean;
  /** Whether rows can be updated: a view of groups takes no write. */
  readonly isUpdatable: boolean;
}

/** Reads what the catalogue says of tables, in one statement; one that is not there is not in the list. */
export async function readTables(
  database: Database,
  tables: readonly TableName[],
  signal: AbortSignal,
): Promise<readonly Table[]> {
  const rows = await database.read(TABLES, [tables.map(quoteTable)], signal);
  return tables.flatMap((name, n) => {
    const own = rows.filter((row) => Number(row.n) === n + 1);
    const [first] = own;
    if (first === undefined) return [];
    const columns = own.map(parseColumn);
    return [
      {
        name,
        columns: new Map(columns.map((column) => [column.name, column])),
        keys: own.flatMap((row) => (row.is_key === true ? [String(row.name)] : [])),
        isView: first.relkind === "v",
        mayRepeat: first.relkind === "v" || first.is_inherited === true,
        isUpdatable: first.is_updatable === true,
      },
    ];
  });
}

/** `to_regclass` takes a quoted name as a value and finds it as a statement would; null where there is none. */
const TABLES = `
SELECT wanted.n, c.relkind, pg_relation_is_updatable(c.oid, true) & 4 = 4 AS is_updatable, a.attname AS name, a.attnotnull,
  c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) AS is_inherited,
  a.attgenerated <> '' OR c.relkind = 'v' AND NOT pg_column_is_updatable(c.oid, a.attnum, true)
    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 80 = 80)
    AND NOT EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type = '2') AS computed,
  format_type(a.atttypid, a.atttypmod) AS declared_type, ns.nspname AS type_schema, ty.typname AS type_name, base.typname AS base_name,
  CASE base.typname WHEN 'varchar' THEN length - 4 WHEN 'bpchar' THEN length - 4 WHEN 'char' THEN 1 WHEN 'name' THEN 63
    END AS max_length,
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = base.oid) AS labels,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_key
FROM unnest($1::text[]) WITH ORDINALITY AS wanted(name, n)
JOIN pg_class c ON c.oid = to_regclass(wanted.name)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type ty ON ty.oid = a.atttypid
JOIN pg_namespace ns ON ns.oid = ty.typnamespace
CROSS JOIN LATERAL (
  WITH RECURSIVE under(oid, name, kind, base, length) AS (
    SELECT ty.oid, ty.typname, ty.typtype, ty.typbasetype, greatest(a.atttypmod, ty.typtypmod)
    UNION ALL
    SELECT t.oid, t.typname, t.typtype, t.typbasetype, greatest(under.length, t.typtypmod)
    FROM under JOIN pg_type t ON t.oid = under.base WHERE under.kind = 'd'
  ) SELECT oid, name AS typname, nullif(length, -1) AS length FROM under WHERE kind <> 'd'
) AS base
ORDER BY wanted.n, a.attnum`;

function parseColumn(row: Row): Column {
  return {
    name: String(row.name),
    sqlType: `${quoteIdentifier(String(row.type_schema))}.${quoteIdentifier(String(row.type_name))}`,
    declaredType: String(row.declared_type),
    type: String(row.base_name),
    labels: Array.isArray(row.labels) ? row.labels.map(String) : null,
    maxLength: row.max_length === null ? null : Number(row.max_length),
    notNull: row.attnotnull === true,
    computed: row.computed === true,
  };
}

/**
 * What is written to a column: a text of any form, the text of a JSON document, a number, a moment, a value that is
 * checked by itself, or a place inside of it.
 */
export type Content = "text" | "json" | "number" | "moment" | "value" | "place";

const INTEGER_TYPES = ["int2", "int4", "int8"];
const NUMBER_TYPES = [...INTEGER_TYPES, "numeric", "float4", "float8", "money"];
const DATE_TYPES = ["timestamptz", "timestamp", "date"];
const JSON_TYPES = ["json", "jsonb"];

/** Built-in types that take no text of any form. */
const NO_TEXTS = [
  ...["bool", ...NUMBER_TYPES, "uuid", "bytea", "bit", "varbit", ...JSON_TYPES],
  ...[...DATE_TYPES, "time", "timetz", "interval", "inet", "cidr", "macaddr", "xml"],
];

/** Whether a column holds texts as they are written. */
export function isText({ type, labels }: Column): boolean {
  return labels === null && !type.startsWith("_") && !NO_TEXTS.includes(type);
}

/** Returns what of a column does not fit what is written to it, with what is expected; null where it fits. */
export function misfitOf(column: Column, content: Content): string | null {
  const { type, computed } = column;
  if (computed) return "is computed by the server; expected a column that can be written";
  const isJson = JSON_TYPES.includes(type);
  switch (content) {
    case "text":
      return isText(column) ? null : `is ${type}; expected a text${isJson ? ", or a jsonb with deliver.path" : ""}`;
    case "json":
      return readMisfitOf(column, "json");
    case "number":
      return isText(column) || isJson || NUMBER_TYPES.includes(type) ? null : `is ${type}; expected a number or a text`;
    case "moment":
      return isText(column) || DATE_TYPES.includes(type) ? null : `is ${type}; expected a timestamptz or a text`;
    case "place":
      return type === "jsonb" ? null : `is ${type}; expected jsonb, since a path into it is configured`;
    case "value":
      return null;
  }
}

/** Returns what of a column does not fit what is read from it: a JSON document, or a part of a file's name. */
export function readMisfitOf(column: Column, content: "json" | "name"): string | null {
  const { type, labels } = column;
  if (isText(column)) return null;
  switch (content) {
    case "json":
      return JSON_TYPES.includes(type) ? null : `is ${type}; expected jsonb, json or a text`;
    case "name": {
      const isName = labels !== null || type === "uuid" || NUMBER_TYPES.includes(type);
      return isName ? null : `is ${type}; expected a text, a uuid or a number, as names of outputs contain it`;
    }
  }
}

/** Types whose values all have one form, which those of no other such type have. */
const FORMS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(NUMBER_TYPES.map((type) => [type, "number"])),
  ...Object.fromEntries(DATE_TYPES.map((type) => [type, "date"])),
  ...Object.fromEntries(JSON_TYPES.map((type) => [type, "json"])),
  ...Object.fromEntries(["inet", "cidr"].map((type) => [type, "network"])),
  ...Object.fromEntries(["uuid", "bool", "bytea", "time", "timetz", "interval", "xml"].map((type) => [type, type])),
};

/** Whether a value of one column can be a value of another: never an integer's a uuid's. A text can be any. */
export function canMeet(one: Column, other: Column): boolean {
  const [form, otherForm] = [one, other].map(({ type }) => (type.startsWith("_") ? "array" : FORMS[type]));
  if (form === undefined || otherForm === undefined || form === otherForm) return true;
  // A JSON document may be a number; a text in it has quotes.
  return [form, otherForm].sort().join() === "json,number";
}

const UUID = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;

/** The largest values of the integer types. */
const INTEGERS: Readonly<Record<string, bigint>> = { int2: 32_767n, int4: 2_147_483_647n, int8: 2n ** 63n - 1n };

/**
 * Returns an id as the server would write it, so that ids can be compared as texts; null where a column of that type
 * cannot hold it.
 */
export function canonicalId(text: string, { type }: Column): string | null {
  if (text.includes("\0")) return null;
  const largest = INTEGERS[type];
  if (largest !== undefined) {
    // The same number as a column with decimals has it.
    const [, digits] = /^(-?\d{1,19})(?:\.0+)?$/.exec(text) ?? [];
    if (digits === undefined) return null;
    const value = BigInt(digits);
    return value <= largest && value >= -largest - 1n ? String(value) : null;
  }
  if (type === "numeric" && /^-?\d+\.\d+$/.test(text)) return text.replace(/\.?0+$/, "");
  if (type === "uuid") {
    if (!UUID.test(text)) return null;
    return text
      .toLowerCase()
      .replaceAll("-", "")
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  return text;
}
