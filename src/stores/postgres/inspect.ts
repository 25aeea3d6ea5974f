import { UpstreamError } from "../../core/ports/errors.ts";
import { type Column, type Content, readTables, type Table } from "../../database/catalogue.ts";
import type { Database, Row } from "../../database/connection.ts";
import { formatTable, quoteIdentifier, quoteTable, type TableName } from "../../database/identifiers.ts";
import { createLayout } from "./layout.ts";
import { findMisfits, type Misfit } from "./misfits.ts";
import { type StoreOptions, WRITTEN } from "./options.ts";
import { rehearseWrites } from "./rehearse.ts";
import { pageStatement } from "./select-jobs.ts";

/** The server, and how it is connected to. */
export interface ServerFacts {
  readonly version: string;
  readonly role: string;
  readonly encrypted: boolean;
  /** Whether server and client are on one machine. */
  readonly local: boolean;
  /** Whether it takes no writes. */
  readonly readOnly: boolean;
}

/** A configured column, as the catalogue has it; null where it does not. */
export interface ColumnFacts {
  /** The key of the configuration that names it. */
  readonly key: string;
  readonly name: string;
  readonly column: Column | null;
  /** Whether the role may read it, and update it. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** What a sweep writes to it; null where it only reads it. */
  readonly content: Content | null;
}

/** A configured table; `columns` is empty where the table is missing. */
export interface TableFacts {
  readonly key: string;
  readonly name: string;
  readonly exists: boolean;
  readonly isView: boolean;
  readonly isUpdatable: boolean;
  /** The columns that name one row at most. */
  readonly keys: readonly string[];
  readonly columns: readonly ColumnFacts[];
  /** Triggers that fire on an update. */
  readonly triggers: readonly string[];
  /** The statements that give the role the rights that it lacks. */
  readonly grants: readonly string[];
  /** Whether row security applies to the role. */
  readonly rowSecurity: boolean;
  /** Rows, as PostgreSQL last counted them; null where it never has. */
  readonly rows: number | null;
}

/** What the planner says of the listing. */
export interface PlanFacts {
  readonly cost: number;
  /** Whether it reads the whole table. */
  readonly scansTable: boolean;
  /** The index that would serve it. */
  readonly createIndex: string;
}

/** Reads what server and connection are. */
export async function inspectServer(database: Database, signal: AbortSignal): Promise<ServerFacts> {
  const [row = {}] = await database.read(
    `SELECT current_setting('server_version') AS version, current_user::text AS role,
  pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only,
  inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr() AS local,
  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS encrypted`,
    [],
    signal,
  );
  return {
    version: String(row.version),
    role: String(row.role),
    encrypted: row.encrypted === true,
    local: row.local === true,
    readOnly: row.read_only === true,
  };
}

/** Reads what the catalogue says of the configured tables and columns, and what the role may do with them. */
export async function inspectTables(
  database: Database,
  options: StoreOptions,
  signal: AbortSignal,
): Promise<readonly TableFacts[]> {
  const wanted = wantedTables(options);
  const tables = await readTables(
    database,
    wanted.map(({ table }) => table),
    signal,
  );
  return await Promise.all(
    wanted.map(async ({ key, table, columns }) => {
      const found = tables.find(({ name }) => formatTable(name) === formatTable(table));
      return found === undefined ? missingTable(key, table) : await inspectTable(database, found, key, columns, signal);
    }),
  );
}

/** Finds the columns that cannot be used as the configuration says. */
export async function inspectMisfits(
  database: Database,
  options: StoreOptions,
  signal: AbortSignal,
): Promise<readonly Misfit[]> {
  const names = [options.jobs.table, ...options.targets.map(({ table }) => table)];
  const tables = await readTables(database, names, signal);
  const found = await findMisfits(database, options, tables, signal);
  return found.length > 0 ? found : await rehearse(database, options, signal);
}

/** Finds a table that takes no such write as a sweep sends. What is missing, or not allowed, is found by itself. */
async function rehearse(database: Database, options: StoreOptions, signal: AbortSignal): Promise<readonly Misfit[]> {
  const layout = createLayout(database, options);
  let isThere = false;
  try {
    await layout.check(signal);
    isThere = true;
    await rehearseWrites(database, layout, options, null, signal);
    return [];
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code === "unavailable") throw error;
    const { code, message, hint } = error;
    return isThere && code === "config"
      ? [{ key: "writes", detail: message, next: hint ?? "Name another table." }]
      : [];
  }
}

type WantedColumn = Pick<ColumnFacts, "key" | "name" | "content">;

function wantedTables({ jobs, links, furtherFields, targets }: StoreOptions) {
  const { fields } = jobs;
  const ofJobs: readonly WantedColumn[] = [
    { key: "jobs.id", name: jobs.id, content: null },
    ...Object.entries(fields).flatMap(([field, name]) =>
      name === null ? [] : [{ key: `jobs.fields.${field}`, name, content: WRITTEN.get(field) ?? null }],
    ),
    ...links.map((name) => ({ key: "target.from", name, content: null })),
    ...furtherFields.map((name) => ({ key: "outputs", name, content: null })),
  ];
  const ofTargets = targets.map(({ label, table, key, fields: places, written: own }) => ({
    key: `the target ${label}`,
    table,
    columns: [
      { key: "target.key", name: key, content: null },
      ...own.map(({ field, content }) => ({ key: field, name: places.get(field)?.column ?? field, content })),
    ],
  }));
  return [{ key: "jobs.table", table: jobs.table, columns: ofJobs }, ...ofTargets];
}

function missingTable(key: string, table: TableName): TableFacts {
  const name = formatTable(table);
  const none = {
    isView: false,
    isUpdatable: false,
    keys: [],
    columns: [],
    triggers: [],
    grants: [],
    rowSecurity: false,
    rows: null,
  };
  return { key, name, exists: false, ...none };
}

async function inspectTable(
  database: Database,
  table: Table,
  key: string,
  columns: readonly WantedColumn[],
  signal: AbortSignal,
): Promise<TableFacts> {
  const quoted = quoteTable(table.name);
  const there = columns.filter(({ name }) => table.columns.has(name)).map(({ name }) => name);
  const rights = await database.read(
    `SELECT name, has_column_privilege($1, name, 'SELECT') AS readable, has_column_privilege($1, name, 'UPDATE') AS writable,
  quote_ident(name) AS quoted, quote_ident(current_user) AS role,
  (SELECT string_agg(quote_ident(part), '.' ORDER BY n) FROM unnest($3::text[]) WITH ORDINALITY AS parts(part, n)) AS at
FROM unnest($2::text[]) AS name`,
    [quoted, there, table.name],
    signal,
  );
  const [facts = {}] = await database.read(
    `SELECT c.reltuples AS rows, row_security_active(c.oid) AS row_security,
  (SELECT coalesce(json_agg(t.tgname ORDER BY t.tgname), '[]') FROM pg_trigger t
    WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 > 0) AS triggers
FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [quoted],
    signal,
  );
  const rightOf = (name: string) => rights.find((row) => row.name === name);
  const grant = (right: "SELECT" | "UPDATE", lacks: (row: Row) => boolean) => {
    const lacking = rights.filter(lacks);
    const [first] = lacking;
    if (first === undefined) return [];
    return [`GRANT ${right} (${lacking.map((row) => row.quoted).join(", ")}) ON ${first.at} TO ${first.role};`];
  };
  const isWritten = (row: Row) => columns.some(({ name, content }) => name === row.name && content !== null);
  return {
    key,
    name: formatTable(table.name),
    exists: true,
    isView: table.isView,
    isUpdatable: table.isUpdatable,
    keys: table.keys,
    columns: columns.map((column) => ({
      ...column,
      column: table.columns.get(column.name) ?? null,
      readable: rightOf(column.name)?.readable === true,
      writable: rightOf(column.name)?.writable === true,
    })),
    grants: [
      ...grant("SELECT", (row) => row.readable !== true),
      ...grant("UPDATE", (row) => isWritten(row) && row.writable !== true),
    ],
    triggers: Array.isArray(facts.triggers) ? facts.triggers.map(String) : [],
    rowSecurity: facts.row_security === true,
    rows: Number(facts.rows ?? -1) < 0 ? null : Number(facts.rows),
  };
}

/** Asks the planner how the listing of a sweep would be carried out. */
export async function inspectPlan(
  database: Database,
  options: StoreOptions,
  statuses: readonly string[],
  signal: AbortSignal,
): Promise<PlanFacts> {
  const filter = { kind: "stuck", statuses, olderThan: 0, ahead: 0, within: null, named: null } as const;
  const { text, values } = pageStatement(options, filter, null);
  const [row = {}] = await database.read(`EXPLAIN (FORMAT JSON) ${text}`, values, signal);
  const plan = JSON.stringify(row["QUERY PLAN"]);
  const { table, fields } = options.jobs;
  const columns = [fields.status, fields.startedAt].map(quoteIdentifier).join(", ");
  return {
    cost: Number(/"Total Cost":\s*([\d.]+)/.exec(plan)?.[1] ?? 0),
    scansTable: plan.includes('"Seq Scan"'),
    createIndex: `CREATE INDEX CONCURRENTLY ON ${quoteTable(table)} (${columns});`,
  };
}
