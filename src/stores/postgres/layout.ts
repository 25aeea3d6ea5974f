import { TableRefused, UpstreamError } from "../../core/ports/errors.ts";
import { type Column, type Content, canonicalId, misfitOf, readTables, type Table } from "../../database/catalogue.ts";
import type { Database } from "../../database/connection.ts";
import { formatTable, type TableName } from "../../database/identifiers.ts";

/** Where the configuration says that jobs and their targets are; columns that it leaves out are null. */
export interface StoreOptions {
  readonly jobs: {
    readonly table: TableName;
    /** The column that names one job. */
    readonly id: string;
    readonly fields: JobColumns;
    readonly completedStatus: string;
    readonly failedStatus: string;
  };
  /** Columns of a job that name its target. */
  readonly links: readonly string[];
  /** Further columns of a job: those that names of outputs contain, and the one with its output's URL. */
  readonly furtherFields: readonly string[];
  readonly targets: readonly TargetTable[];
}

/** What is written to the columns of a job, by their keys in `jobs.fields`. */
export const WRITTEN: ReadonlyMap<string, Content> = new Map<string, Content>([
  ["status", "value"],
  ["responsePayload", "json"],
  ["error", "text"],
  ["notes", "text"],
]);

/** The columns of the jobs' table, by what they hold. */
export interface JobColumns {
  readonly status: string;
  readonly externalId: string;
  readonly startedAt: string;
  readonly ownId: string | null;
  readonly type: string | null;
  readonly requestPayload: string | null;
  readonly responsePayload: string | null;
  readonly webhookUrl: string | null;
  readonly error: string | null;
  readonly notes: string | null;
  /** Only the jobs' history asks for it. */
  readonly completedAt: string | null;
}

/** A table whose rows receive outputs, by the name that operations call it. */
export interface TargetTable {
  readonly label: string;
  readonly table: TableName;
  readonly key: string;
  /** Fields that are no column of their name: where they are. */
  readonly fields: ReadonlyMap<string, FieldPlace>;
  /** The fields that are written, and with what. */
  readonly written: readonly { readonly field: string; readonly content: Content }[];
  /** The values that are the same for every job. */
  readonly values: readonly { readonly field: string; readonly value: string }[];
}

/** A column, or a place inside its jsonb. */
export interface FieldPlace {
  readonly column: string;
  /** Empty for the whole column. */
  readonly path: readonly string[];
}

/** A column of the catalogue, or a place inside its jsonb. */
export interface Cell {
  readonly column: Column;
  readonly path: readonly string[];
}

/** A table as it is written and read again. */
export interface RowLayout {
  readonly table: TableName;
  readonly key: Column;
  /** Finds a configured field. Throws `UpstreamError` where the table has no such column. */
  cell(field: string): Cell;
}

/** The tables of the configuration as the catalogue has them, read when they are first needed. */
export interface Layout {
  jobs(signal: AbortSignal): Promise<RowLayout>;
  /** Throws `TableRefused` where the target's table cannot be used. */
  target(label: string, signal: AbortSignal): Promise<RowLayout>;
  /** Throws `UpstreamError` where a table or a column of the configuration is missing. */
  check(signal: AbortSignal): Promise<void>;
}

export function createLayout(database: Database, { jobs, links, furtherFields, targets }: StoreOptions): Layout {
  const names = [jobs.table, ...targets.map(({ table }) => table)];
  const readAll = once((signal) => readTables(database, names, signal));

  async function find(table: TableName, signal: AbortSignal): Promise<Table> {
    const tables = await readAll(signal);
    const found = tables.find(({ name }) => formatTable(name) === formatTable(table));
    if (found !== undefined) return found;
    throw new UpstreamError(
      "config",
      `PostgreSQL ${database.name} has no table ${formatTable(table)}`,
      "Check the table's name in the configuration; name its schema as well: schema.table.",
    );
  }

  const jobsLayout = once(async (signal) => {
    const layout = rowLayout(await find(jobs.table, signal), jobs.id, new Map());
    checkJobs(layout, jobs);
    return layout;
  });

  async function targetLayout({ table, key, fields }: TargetTable, signal: AbortSignal): Promise<RowLayout> {
    return rowLayout(await find(table, signal), key, fields);
  }

  async function check(signal: AbortSignal): Promise<void> {
    const layout = await jobsLayout(signal);
    for (const name of [...links, ...furtherFields]) layout.cell(name);
    requireUpdatable(await find(jobs.table, signal));
    for (const [key, name] of Object.entries(jobs.fields)) {
      if (name === null) continue;
      const cell = layout.cell(name);
      const content = WRITTEN.get(key);
      if (content !== undefined) requireFit(cell, content, `jobs.fields.${key}`, jobs.table);
    }
    for (const target of targets) {
      const own = await targetLayout(target, signal);
      requireUpdatable(await find(target.table, signal));
      for (const { field, content } of target.written) requireFit(own.cell(field), content, field, target.table);
      for (const { field, value } of target.values) {
        requireValue(`set.${field}`, value, own.cell(field), target.table);
      }
    }
  }

  return {
    jobs: jobsLayout,
    async target(label, signal) {
      const target = targets.find((each) => each.label === label);
      if (target === undefined) throw new Error(`no target table ${label} is configured`);
      try {
        return await targetLayout(target, signal);
      } catch (error) {
        throw error instanceof UpstreamError && error.code === "config" ? new TableRefused(label, error) : error;
      }
    },
    check: once(check),
  };
}

/** Returns a function that does its work once; where that fails, the next call tries again. */
function once<T>(work: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let done: Promise<T> | null = null;
  return async (signal) => {
    done ??= work(signal).catch((error: unknown) => {
      done = null;
      throw error;
    });
    return await done;
  };
}

function rowLayout(table: Table, keyName: string, fields: ReadonlyMap<string, FieldPlace>): RowLayout {
  const name = formatTable(table.name);
  const find = (column: string): Column => {
    const found = table.columns.get(column);
    if (found !== undefined) return found;
    const known = [...table.columns.keys()].join(", ");
    throw new UpstreamError("config", `table ${name} has no column "${column}"`, `It has: ${known}.`);
  };
  const key = find(keyName);
  if (!table.isView && !table.keys.includes(keyName)) {
    throw new UpstreamError(
      "config",
      `${name}.${keyName} may name several rows: it has no unique index of its own`,
      `Name the primary key${table.keys.length === 0 ? "" : ` (${table.keys.join(" or ")})`} instead.`,
    );
  }
  return {
    table: table.name,
    key,
    cell(field) {
      const { column: columnName, path } = fields.get(field) ?? { column: field, path: [] };
      const column = find(columnName);
      if (path.length > 0 && column.type !== "jsonb") {
        throw new UpstreamError(
          "config",
          `${name}.${columnName} is ${column.type}; expected jsonb, since a path into it is configured`,
          "Name a jsonb column, or a text column without a path.",
        );
      }
      return { column, path };
    },
  };
}

const DATES = ["timestamptz", "timestamp", "date"];

/** What can be known to go wrong before anything is written. */
function checkJobs(layout: RowLayout, { table, fields, completedStatus, failedStatus }: StoreOptions["jobs"]): void {
  const { column: startedAt } = layout.cell(fields.startedAt);
  if (!DATES.includes(startedAt.type)) {
    throw new UpstreamError(
      "config",
      `${formatTable(table)}.${startedAt.name} is ${startedAt.type}; expected ${DATES.join(", ")}`,
      "Name in jobs.fields.startedAt the column that says when a job began.",
    );
  }
  for (const [key, value] of Object.entries({ completedStatus, failedStatus })) {
    requireValue(`jobs.${key}`, value, layout.cell(fields.status), table);
  }
}

function requireUpdatable({ name, isUpdatable }: Table): void {
  if (isUpdatable) return;
  throw new UpstreamError(
    "config",
    `${formatTable(name)} is a view whose rows cannot be updated`,
    "Name the table that it shows, or give the view an INSTEAD OF trigger.",
  );
}

/** Throws where no value of that kind can be written to a column. */
function requireFit({ column }: Cell, content: Content, key: string, table: TableName): void {
  const misfit = misfitOf(column, content);
  if (misfit === null) return;
  throw new UpstreamError(
    "config",
    `${formatTable(table)}.${column.name} ${misfit}`,
    `Name another column for ${key} in the configuration.`,
  );
}

/** Throws where a column cannot hold a value of the configuration. A place inside a jsonb holds any. */
function requireValue(key: string, value: string, { column, path }: Cell, table: TableName): void {
  if (path.length > 0 || holds(column, value)) return;
  throw new UpstreamError(
    "config",
    `${key}: found "${value}", which ${formatTable(table)}.${column.name} cannot hold`,
    column.labels === null ? `It is ${column.type}.` : `It has: ${column.labels.join(", ")}.`,
  );
}

function holds(column: Column, value: string): boolean {
  if (column.labels !== null) return column.labels.includes(value);
  if (column.type === "bool") return value === "true" || value === "false";
  return canonicalId(value, column) !== null && (column.maxLength === null || value.length <= column.maxLength);
}
