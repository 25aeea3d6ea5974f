import { TableRefused, UpstreamError } from "../../core/ports/errors.ts";
import { type Column, readTables, type Table } from "../../database/catalogue.ts";
import type { Database } from "../../database/connection.ts";
import { formatTable, quoteIdentifier, quoteTable, type TableName } from "../../database/identifiers.ts";
import type { Parameters } from "../../database/statement.ts";
import { findMisfits } from "./misfits.ts";
import { type FieldPlace, namedColumns, type StoreOptions, type TargetTable } from "./options.ts";

/** What can be read of a row as a text, and may have to be as it was where the row is written. */
export interface Term {
  /** No two terms of a table have the same. */
  readonly name: string;
  /** Returns the expression of it, for a row that is called `t`. */
  text(parameters: Parameters): string;
}

/** A column of the catalogue, or a place inside its jsonb. Its name is quoted. */
export interface Cell extends Term {
  readonly column: Column;
  readonly path: readonly string[];
}

/** A table as it is written and read again. */
export interface RowLayout {
  readonly table: TableName;
  /** Quoted as in statements. */
  readonly name: string;
  readonly key: Column;
  /** Whether the key may name several rows. */
  readonly mayRepeat: boolean;
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

export function createLayout(database: Database, options: StoreOptions): Layout {
  const { jobs, targets } = options;
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

  const jobsLayout = once(async (signal) => rowLayout(await find(jobs.table, signal), jobs.id, new Map()));

  const targetLayouts = new Map<TargetTable, RowLayout>();

  async function targetLayout(target: TargetTable, signal: AbortSignal): Promise<RowLayout> {
    const { table, key, fields } = target;
    const layout = targetLayouts.get(target) ?? rowLayout(await find(table, signal), key, fields);
    targetLayouts.set(target, layout);
    return layout;
  }

  async function check(signal: AbortSignal): Promise<void> {
    const problems: { readonly detail: string; readonly next: string }[] = [];
    /** Goes on after what the configuration names wrongly, so that all of it is said at once. */
    const attempt = async (step: () => Promise<void> | void) => {
      try {
        await step();
      } catch (error) {
        if (!(error instanceof UpstreamError) || error.code !== "config") throw error;
        problems.push({ detail: error.message, next: error.hint ?? "" });
      }
    };
    const attemptRow = async (table: TableName, row: () => Promise<RowLayout>, fields: readonly string[]) => {
      await attempt(async () => {
        requireUpdatable(await find(table, signal));
        const layout = await row();
        for (const field of fields) await attempt(() => void layout.cell(field));
      });
    };
    await attemptRow(jobs.table, () => jobsLayout(signal), namedColumns(options));
    for (const target of targets) {
      const fields = target.written.map(({ field }) => field);
      await attemptRow(target.table, () => targetLayout(target, signal), fields);
    }
    problems.push(...(await findMisfits(database, options, await readAll(signal), signal)));
    if (problems.length === 0) return;
    const all = (text: "detail" | "next") => [...new Set(problems.map((problem) => problem[text]))];
    throw new UpstreamError("config", all("detail").join("; "), all("next").join(" "));
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
export function once<T>(work: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
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
  if (key.type.startsWith("_")) {
    const detail = `${name}.${keyName} is an array; expected a column that names one row by one value`;
    throw new UpstreamError(
      "config",
      detail,
      "Name the primary key, or another column with a unique index of its own.",
    );
  }
  if (!table.isView && !table.keys.includes(keyName)) {
    throw new UpstreamError(
      "config",
      `${name}.${keyName} may name several rows: it has no unique index of its own`,
      `Name the primary key${table.keys.length === 0 ? "" : ` (${table.keys.join(" or ")})`} instead.`,
    );
  }
  const findCell = (field: string): Cell => {
    const { column: columnName, path } = fields.get(field) ?? { column: field, path: [] };
    const column = find(columnName);
    if (path.length > 0 && column.type !== "jsonb") {
      throw new UpstreamError(
        "config",
        `${name}.${columnName} is ${column.type}; expected jsonb, since a path into it is configured`,
        "Name a jsonb column, or a text column without a path.",
      );
    }
    const whole = `t.${quoteIdentifier(columnName)}`;
    return {
      name: JSON.stringify([columnName, ...path]),
      column,
      path,
      text: (parameters) => (path.length === 0 ? `${whole}::text` : `${whole} #>> ${parameters.add(path)}::text[]`),
    };
  };
  const cells = new Map<string, Cell>();
  return {
    table: table.name,
    name: quoteTable(table.name),
    key,
    mayRepeat: table.mayRepeat,
    cell(field) {
      const cell = cells.get(field) ?? findCell(field);
      cells.set(field, cell);
      return cell;
    },
  };
}

function requireUpdatable({ name, isUpdatable }: Table): void {
  if (isUpdatable) return;
  throw new UpstreamError(
    "config",
    `${formatTable(name)} is a view whose rows cannot be updated`,
    "Name the table that it shows, or give the view an INSTEAD OF trigger.",
  );
}
