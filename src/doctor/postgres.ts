import type { UpstreamError } from "../core/ports/errors.ts";
import type { ColumnFacts, PlanFacts, ServerFacts, TableFacts } from "../stores/postgres/inspect.ts";
import type { Misfit } from "../stores/postgres/misfits.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";
import { unreachable } from "./token.ts";

/** What was read of a database; `error` is what cut the reading short. */
export interface DatabaseFacts {
  /** What the database is called for people. */
  readonly name: string;
  readonly server: ServerFacts | null;
  readonly tables: readonly TableFacts[] | null;
  /** Columns that cannot be used as the configuration says. */
  readonly misfits: readonly Misfit[];
  readonly plan: PlanFacts | null;
  /** Null where no journal is kept in it. */
  readonly journal: { readonly schema: string; readonly pending: readonly string[] } | null;
  readonly error: UpstreamError | null;
}

/** Checks the connection, the tables and columns, the rights, the index of the listing, triggers and the journal. */
export function checkDatabase(facts: DatabaseFacts): readonly CheckResult[] {
  const { name, server, tables, misfits, plan, journal, error } = facts;
  return [
    ...(server === null ? [] : checkServer(server, name)),
    ...(tables ?? []).flatMap(checkTable),
    ...misfits.map(({ key, detail, next }) => fail("configuration", "database.column", key, detail, next)),
    ...(tables === null || server === null ? [] : checkRights(tables, server)),
    ...(tables ?? []).flatMap(checkTriggers),
    ...(plan === null ? [] : checkPlan(plan, tables?.[0]?.rows ?? null)),
    ...(journal === null ? [] : checkJournal(journal)),
    ...(error === null ? [] : [failureOf(error)]),
  ];
}

function failureOf(error: UpstreamError): CheckResult {
  const { code, message, hint } = error;
  if (code === "unavailable") return unreachable("database", "database", error, "postgres");
  const next = hint ?? "Check STUCK_JOBS_DATABASE_URL.";
  return fail(code === "auth" ? "token" : "configuration", "database", "database", message, next);
}

function checkServer({ version, role, encrypted, local, readOnly }: ServerFacts, name: string): readonly CheckResult[] {
  const tls = encrypted ? "with TLS" : "without TLS";
  const connected = `${name}, PostgreSQL ${version}, as ${role}, ${tls}`;
  if (readOnly) {
    const next = "Connect to the primary; on a primary, turn default_transaction_read_only off.";
    return [fail("configuration", "database", "database", `${connected}: takes no writes`, next)];
  }
  if (encrypted || local) return [pass("database", "database", connected)];
  const next =
    "Add ?sslmode=verify-full to the database URL, or ?sslmode=require where its certificate cannot be checked.";
  return [warn("database", "database", connected, next)];
}

function checkTable(table: TableFacts): readonly CheckResult[] {
  const { key, name, exists, isView, isUpdatable, keys, columns } = table;
  if (!exists) {
    const next =
      "Check the name, and name the schema: schema.table. A table that the role may not see counts as missing.";
    return [fail("configuration", "database.table", key, `there is no table ${name}`, next)];
  }
  if (!isUpdatable) {
    const next = "Name the table that it shows, or give the view an INSTEAD OF trigger.";
    return [fail("configuration", "database.table", key, `${name} is a view whose rows cannot be updated`, next)];
  }
  const missing = columns.filter(({ column }) => column === null);
  const keyColumn = columns.find((each) => each.key === "jobs.id" || each.key === "target.key");
  const ambiguous = keyColumn !== undefined && keyColumn.column !== null && !isView && !keys.includes(keyColumn.name);
  const found = [
    ...missing.map((each) =>
      fail("configuration", "database.column", each.key, `${name} has no column ${each.name}`, "Correct the name."),
    ),
    ...(ambiguous
      ? [
          fail(
            "configuration",
            "database.column",
            keyColumn.key,
            `${name}.${keyColumn.name} may name several rows`,
            `Name a column with a unique index of its own${keys.length === 0 ? "" : `: ${keys.join(" or ")}`}.`,
          ),
        ]
      : []),
    ...columns.flatMap((column) => checkTimeZone(column, name)),
  ];
  const fits = found.every(({ level }) => level === "pass");
  return fits ? [pass("database.table", key, `${name}, ${formatSize(table.rows)}: all columns are there`)] : found;
}

function checkTimeZone({ key, name, column }: ColumnFacts, table: string): readonly CheckResult[] {
  if (key !== "jobs.fields.startedAt" || column === null) return [];
  const at = `${table}.${name}`;
  switch (column.type) {
    case "timestamp": {
      const next = "Nothing, if the application writes UTC. Else make it a timestamptz: ages would be off by the zone.";
      return [warn("database.column", key, `${at} has no time zone; it is read as UTC`, next)];
    }
    case "date": {
      const next = "Name a timestamptz, if there is one: by a date alone a job is failed up to a day and a half later.";
      return [warn("database.column", key, `${at} has no time`, next)];
    }
    default:
      return [];
  }
}

function checkRights(tables: readonly TableFacts[], { role }: ServerFacts): readonly CheckResult[] {
  const grants = tables.flatMap((table) => table.grants);
  const secured = tables.filter(({ rowSecurity }) => rowSecurity).map(({ name }) => name);
  const policies = secured.map((name) =>
    warn(
      "database.rights",
      "row security",
      `${name} has policies that apply to ${role}`,
      "Make sure that they show the stuck jobs and allow updating them: a row that they hide counts as missing.",
    ),
  );
  if (grants.length === 0) {
    return [pass("database.rights", "rights", `${role} may read and update what is configured`), ...policies];
  }
  return [fail("token", "database.rights", "rights", `${role} lacks rights`, grants.join(" ")), ...policies];
}

function checkTriggers({ name, triggers }: TableFacts): readonly CheckResult[] {
  if (triggers.length === 0) return [];
  const detail = `${name} has ${triggers.join(", ")}, which fire when a row is updated`;
  return [
    warn(
      "database.triggers",
      "triggers",
      detail,
      "Make sure that they may fire when stuck-jobs completes or fails a job: they cannot distinguish it from the application.",
    ),
  ];
}

/** A table that is smaller than this is read as fast without an index. */
const SMALL_TABLE = 10_000;

/** What PostgreSQL has counted: it does so at ANALYZE, VACUUM and CREATE INDEX. */
function formatSize(rows: number | null): string {
  return rows === null ? "rows not counted yet" : `about ${rows} rows`;
}

/** The planner's cost of reading a table of that size. */
const SMALL_COST = 1_000;

function checkPlan({ cost, scansTable, createIndex }: PlanFacts, rows: number | null): readonly CheckResult[] {
  const detail = `cost ${Math.round(cost)}, ${formatSize(rows)}`;
  if (!scansTable) return [pass("database.index", "listing", `uses an index: ${detail}`)];
  if (rows === null ? cost < SMALL_COST : rows < SMALL_TABLE)
    return [pass("database.index", "listing", `reads the whole table, which is small: ${detail}`)];
  return [warn("database.index", "listing", `reads the whole table: ${detail}`, createIndex)];
}

function checkJournal({ schema, pending }: NonNullable<DatabaseFacts["journal"]>): readonly CheckResult[] {
  if (pending.length === 0) return [pass("database.journal", "journal", `in the schema ${schema}, up to date`)];
  const detail = `the schema ${schema} lacks ${pending.join(", ")}`;
  return [fail("configuration", "database.journal", "journal", detail, "Run stuck-jobs db migrate.")];
}
