import type { Job } from "../../core/domain/job.ts";
import type { Signature } from "../../core/domain/notes.ts";
import type { AtomicWrite, AtomicWriter } from "../../core/ports/atomic-writer.ts";
import { asWritesRefused, UpstreamError } from "../../core/ports/errors.ts";
import type { PendingWrite } from "../../core/ports/journal.ts";
import type {
  CellValue,
  Clock,
  JobHistory,
  JobStore,
  JobUpdate,
  TargetRecord,
  TargetUpdate,
  WriteResult,
} from "../../core/ports/ports.ts";
import { type Column, canonicalId } from "../../database/catalogue.ts";
import type { Database, Row } from "../../database/connection.ts";
import { formatTable, quoteIdentifier, quoteTable, type TableName } from "../../database/identifiers.ts";
import { Parameters } from "../../database/statement.ts";
import { versionTerm } from "./job-version.ts";
import { type Cell, createLayout, type Layout, once, type RowLayout, type Term } from "./layout.ts";
import type { StoreOptions } from "./options.ts";
import { parseCell, parseInstant, parseJob } from "./parse-rows.ts";
import { rehearseWrites, requireWritable } from "./rehearse.ts";
import {
  type Cursor,
  completedStatement,
  type JobFilter,
  jobsByStatement,
  PAGE_ROWS,
  pageStatement,
} from "./select-jobs.ts";
import { readStoredForms } from "./stored-forms.ts";
import { type RowsResult, writeRows } from "./write-rows.ts";
import type { RowShape, RowsWrite, RowValues } from "./write-statement.ts";

/** A journal in the same database. */
export interface JournalTable {
  readonly table: TableName;
  /** Checks that its rows can be written. Throws `UpstreamError` where they cannot. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Returns the journal's lines for writes, in the same order. */
  linesOf(records: readonly PendingWrite[], by: Signature & { readonly command: string }): readonly string[];
}

export interface PostgresStoreOptions extends StoreOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** Null where the journal is elsewhere, or off. */
  readonly journal: JournalTable | null;
}

/** How many completed jobs are read in search of the newest of each operation. */
const COMPLETED_ROWS = 500;

/** How many jobs are written in one statement. */
const WRITE_ROWS = 500;

/** The jobs and targets of one database. */
export function createStore(options: PostgresStoreOptions): JobStore & JobHistory & { readonly atomic: AtomicWriter } {
  const { database, clock, jobs, journal } = options;
  const layout = createLayout(database, options);
  /** Checks once, before the first write, that writes can go through. */
  const prepare = once(async (signal) => {
    try {
      await requireWritable(database, signal);
      await layout.check(signal);
      await journal?.prepare(signal);
      await rehearseWrites(database, layout, options, journal?.table ?? null, signal);
    } catch (error) {
      throw asWritesRefused(error);
    }
  });
  let skew: number | null = null;

  const serverNow = () => clock.now() + (skew ?? 0);

  /** Reads one page, and the server's clock with it. */
  async function readPage(filter: JobFilter, after: Cursor | null, signal: AbortSignal): Promise<readonly Row[]> {
    const { text, values } = pageStatement(options, filter, after);
    const sentAt = clock.now();
    const rows = await database.read(text, values, signal).catch(async (error: unknown) => {
      // The catalogue says more precisely what is wrong than the server does of a statement.
      if (error instanceof UpstreamError && error.code === "config") await layout.check(signal);
      throw error;
    });
    const at = Number(rows[0]?.clock);
    // The server read its clock between these two: as little difference as that allows is believed.
    skew = Math.max(Math.min(0, at - sentAt), at - clock.now());
    // A job without an id cannot be named: the column that is configured is none of ids.
    if (rows.some(({ id, status }) => typeof id !== "string" && typeof status === "string")) await layout.check(signal);
    return rows.filter(({ id }) => typeof id === "string");
  }

  /** Streams all rows that match, page by page. */
  async function* readAll(filter: JobFilter, signal: AbortSignal): AsyncIterable<readonly Row[]> {
    let after: Cursor | null = null;
    for (;;) {
      const rows: readonly Row[] = await readPage(filter, after, signal);
      if (rows.length > 0) yield rows;
      const last = rows.at(-1);
      const inDates = after === null || after.at !== null;
      if (last !== undefined && rows.length === PAGE_ROWS) {
        after = { at: typeof last.cursor === "string" ? last.cursor : null, id: String(last.id) };
      } else if (after !== null && inDates) {
        // Jobs without a date come after all that have one, and are asked for by themselves.
        after = { at: null, id: null };
      } else return;
    }
  }

  async function readBy(
    { name, sqlType }: Pick<Column, "name" | "sqlType">,
    wanted: readonly string[],
    signal: AbortSignal,
  ) {
    if (wanted.length === 0) return [];
    const { text, values } = jobsByStatement(options, { name, sqlType }, wanted);
    return (await database.read(text, values, signal)).map((row) => parseJob(row, options));
  }

  return {
    async *list({ statuses, before, future, after, named, revisit }, signal) {
      const now = serverNow();
      const stuck: JobFilter = {
        kind: "stuck",
        statuses,
        olderThan: now - before,
        ahead: future - now,
        within: after === undefined ? null : now - after,
        named: named ?? null,
      };
      for await (const rows of readAll(stuck, signal)) {
        // What the configuration names wrongly is said before anything is probed; an idle sweep need not ask.
        await layout.check(signal);
        const jobsOfPage = rows.map((row) => parseJob(row, options));
        requireNamed(jobsOfPage, statuses, options);
        yield jobsOfPage;
      }
      // What was delivered stays where it was written, so that completed jobs need no second look.
      const failed = revisit?.failed ?? null;
      if (failed === null || jobs.fields.notes === null) return;
      const noted: JobFilter = {
        kind: "noted",
        status: failed.status,
        notes: [...failed.notes, ...failed.undated.notes],
        within: now - failed.undated.after,
      };
      for await (const rows of readAll(noted, signal)) yield rows.map((row) => parseJob(row, options));
    },

    async readJobs(ids, signal) {
      const { key } = await layout.jobs(signal);
      const found = await readBy(key, canonicalIds(ids, key), signal);
      return new Map(found.map((job) => [job.id, job]));
    },

    async findJobs(externalIds, signal) {
      const { column } = (await layout.jobs(signal)).cell(jobs.fields.externalId);
      return await readBy(column, canonicalIds(externalIds, column), signal);
    },

    async readTargets(table, ids, { attachments, cells }, signal) {
      const target = await layout.target(table, signal);
      const fields = [...new Set([...attachments, ...cells])];
      return await readTargets(database, target, ids, fields, signal);
    },

    async storedForms(table, cells, signal) {
      const target = await layout.target(table, signal);
      return await readStoredForms(database, target, cells, signal);
    },

    async updateTargets(table, updates, { signal }) {
      const target = await layout.target(table, signal);
      const writes = updates.map((update) => ({ id: update.id, rows: [targetRow(target, update, null)] }));
      return await writeAll(database, writes, null, signal);
    },

    async updateJobs(updates, { signal }) {
      const table = await layout.jobs(signal);
      const writes = updates.map((update) => ({ id: update.id, rows: [jobRow(table, options, update, null)] }));
      return await writeAll(database, writes, null, signal);
    },

    async listCompleted(after, signal) {
      const { text, values } = completedStatement(options, after, COMPLETED_ROWS);
      const rows = await database.read(text, values, signal);
      return { jobs: rows.map((row) => parseJob(row, options)), complete: rows.length < COMPLETED_ROWS };
    },

    async *listSince(after, signal) {
      const finished = (row: Row) => ({ job: parseJob(row, options), completedAt: parseInstant(row.completed) });
      for await (const rows of readAll({ kind: "since", after }, signal))
        yield { jobs: rows.map(finished), last: false };
      yield { jobs: [], last: true };
    },

    kind: "postgres",
    requests: () => database.statements(),
    clockSkewMs: () => skew,

    atomic: {
      batchSize: WRITE_ROWS,
      keepsJournal: journal !== null,
      async write(writes, by, signal) {
        await prepare(signal);
        const tables = await tablesOf(writes, layout, signal);
        const planned = writes.map((write) => plan(write, by, tables, options));
        return await writeAll(database, planned, journal?.table ?? null, signal);
      },
    },
  };
}

/**
 * A status may be equal to another without having the same text: in a column that ignores case, or of numbers with
 * decimals. A job must not be passed over for that.
 *
 * @throws UpstreamError where the server listed a status that is not named
 */
function requireNamed(listed: readonly Job[], statuses: readonly string[], { jobs }: StoreOptions): void {
  const other = listed.find(({ status }) => !statuses.includes(status));
  if (other === undefined) return;
  const at = `${formatTable(jobs.table)}.${jobs.fields.status}`;
  throw new UpstreamError(
    "config",
    `jobs.stuckStatuses: ${at} of ${other.id} is "${other.status}", which the server compares as equal; found ${statuses.map((each) => `"${each}"`).join(", ")}`,
    `Add "${other.status}" to jobs.stuckStatuses, and name completedStatus and failedStatus in the same form.`,
  );
}

/** One write of a job, with what its rows are to be. */
interface PlannedWrite {
  readonly id: string;
  readonly rows: readonly PlannedRow[];
  readonly lines?: readonly string[];
}

/** One row of a write: `values` in the order of `shape`. */
interface PlannedRow {
  readonly shape: RowShape;
  readonly values: RowValues;
}

/** The tables of some writes; those of the targets by their labels. */
interface WrittenTables {
  readonly jobs: RowLayout;
  readonly targets: ReadonlyMap<string, RowLayout>;
}

async function tablesOf(writes: readonly AtomicWrite[], layout: Layout, signal: AbortSignal): Promise<WrittenTables> {
  const jobs = await layout.jobs(signal);
  const labels = new Set(writes.flatMap(({ target }) => (target === null ? [] : [target.table])));
  const targets = new Map<string, RowLayout>();
  for (const label of labels) targets.set(label, await layout.target(label, signal));
  return { jobs, targets };
}

function plan(
  { job, target, records }: AtomicWrite,
  by: Signature & { readonly command: string },
  { jobs: jobsTable, targets }: WrittenTables,
  options: PostgresStoreOptions,
): PlannedWrite {
  const lines = options.journal?.linesOf(records, by) ?? [];
  const ownRow = job === null ? null : jobRow(jobsTable, options, job.update, job.read);
  const targetTable = target === null ? undefined : targets.get(target.table);
  if (target === null || targetTable === undefined) {
    return { id: job?.update.id ?? "", rows: ownRow === null ? [] : [ownRow], lines };
  }
  if (ownRow === null)
    return { id: target.update.id, rows: [targetRow(targetTable, target.update, target.read)], lines };
  const { id } = ownRow.values;
  // A job that receives its output itself is one row, with what is written and guarded of both.
  const isSame = targetTable.name === jobsTable.name && rowId(target.update, targetTable) === id;
  if (isSame) addTarget(ownRow, targetTable, target.update, target.read);
  return { id, rows: isSame ? [ownRow] : [ownRow, targetRow(targetTable, target.update, target.read)], lines };
}

/** A row to which cells are added. */
interface GrowingRow {
  readonly shape: {
    readonly layout: RowLayout;
    readonly sets: Cell[];
    readonly guards: Term[];
    stuck?: readonly string[];
  };
  readonly values: { readonly id: string; readonly sets: (string | null)[]; readonly guards: (string | null)[] };
}

function emptyRow(layout: RowLayout, id: string): GrowingRow {
  return { shape: { layout, sets: [], guards: [] }, values: { id, sets: [], guards: [] } };
}

/** Adds a cell that is written. One that is not configured, or that has no value, is left as it is. */
function put(
  { shape, values }: GrowingRow,
  cell: Cell | null,
  value: string | number | boolean | null | undefined,
): void {
  if (cell === null || value === undefined) return;
  shape.sets.push(cell);
  values.sets.push(encode(value, cell));
}

function guard({ shape, values }: GrowingRow, term: Term, value: string | null): void {
  shape.guards.push(term);
  values.guards.push(value);
}

/**
 * A job's row: guarded by its version, where it was listed with one; else by its status, its external id and, where a
 * line is added to them, its notes as read.
 */
function jobRow(layout: RowLayout, options: StoreOptions, update: JobUpdate, read: Job | null): GrowingRow {
  const { fields, stuckStatuses } = options.jobs;
  const row = emptyRow(layout, update.id);
  const cell = (name: string | null) => (name === null ? null : layout.cell(name));
  put(row, cell(fields.status), update.status);
  if (update.status !== undefined && !stuckStatuses.includes(update.status)) row.shape.stuck = stuckStatuses;
  put(row, cell(fields.responsePayload), update.responsePayload);
  put(row, cell(fields.error), update.error);
  put(row, cell(fields.notes), update.notes);
  if (read === null) return row;
  if (read.version !== undefined) {
    guard(row, versionTerm(options), read.version);
    return row;
  }
  guard(row, layout.cell(fields.status), read.status);
  guard(row, layout.cell(fields.externalId), read.externalId);
  if (fields.notes !== null && update.notes !== undefined) guard(row, layout.cell(fields.notes), read.notes);
  return row;
}

function targetRow(layout: RowLayout, update: TargetUpdate, read: TargetRecord | null): GrowingRow {
  const row = emptyRow(layout, rowId(update, layout));
  addTarget(row, layout, update, read);
  return row;
}

/** Returns the id of a target as its key's type has it. */
function rowId({ id }: TargetUpdate, { key }: RowLayout): string {
  return canonicalId(id, key) ?? id;
}

/** Adds to a row what is written to a target: guarded by what each field that is written held when it was read. */
function addTarget(row: GrowingRow, layout: RowLayout, { fields }: TargetUpdate, read: TargetRecord | null): void {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value === undefined) continue;
    const cell = layout.cell(name);
    put(row, cell, toScalar(value));
    if (read !== null) guard(row, cell, toGuard(read.cells[name]));
  }
}

/** A value as text for its cell's type. A blank text is missing where the column may be. */
function encode(value: string | number | boolean | null, { column, path }: Cell): string | null {
  if (path.length > 0) return value === null || value === "" ? null : JSON.stringify(value);
  if (value === null || value === "") return column.notNull ? "" : null;
  return String(value);
}

/** A column holds one text: of files, their URLs. */
function toScalar(value: CellValue): string | number | boolean | null {
  if (typeof value !== "object" || value === null) return value;
  return value.flatMap((file) => ("url" in file ? [file.url] : [])).join(" ");
}

function toGuard(value: unknown): string | null {
  return value === undefined || value === null ? null : String(value);
}

async function readTargets(
  database: Database,
  layout: RowLayout,
  ids: readonly string[],
  fields: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TargetRecord>> {
  const wanted = new Map(
    ids.flatMap((id) => (canonicalId(id, layout.key) === null ? [] : [[canonicalId(id, layout.key), id]])),
  );
  if (wanted.size === 0) return new Map();
  const cells = fields.map((field) => [field, layout.cell(field)] as const);
  const parameters = new Parameters();
  const key = `t.${quoteIdentifier(layout.key.name)}`;
  const columns = cells.map(([, cell], n) => `, ${cell.text(parameters)} AS cell_${n}`);
  const text = `SELECT ${key}::text AS id${columns.join("")} FROM ${quoteTable(layout.table)} AS t
WHERE ${key} = ANY(${parameters.add([...wanted.keys()])}::${layout.key.sqlType}[])`;
  const rows = await database.read(text, parameters.values, signal);
  return new Map(
    rows.map((row) => {
      const values = cells.map(([field, cell], n) => [field, parseCell(row[`cell_${n}`], cell)] as const);
      const id = wanted.get(canonicalId(String(row.id), layout.key)) ?? String(row.id);
      return [
        id,
        { id, attachments: {}, cells: Object.fromEntries(values.filter(([, value]) => value !== undefined)) },
      ];
    }),
  );
}

/** Writes that touch the same columns go in one statement. */
async function writeAll(
  database: Database,
  writes: readonly PlannedWrite[],
  journal: TableName | null,
  signal: AbortSignal,
): Promise<readonly WriteResult[]> {
  const groups: { readonly shapes: readonly RowShape[]; readonly writes: PlannedWrite[] }[] = [];
  for (const write of writes) {
    const group = groups.find(({ shapes }) => haveShapes(write.rows, shapes));
    if (group === undefined) groups.push({ shapes: write.rows.map(({ shape }) => shape), writes: [write] });
    else group.writes.push(write);
  }
  const results = new Map<PlannedWrite, RowsResult>();
  for (const group of groups) {
    const { shapes } = group;
    const planned = group.writes.map(({ rows, lines = [] }): RowsWrite => {
      return { rows: rows.map(({ values }) => values), lines };
    });
    const answered = await writeRows(database, { shapes, writes: planned }, journal, signal);
    for (const [n, write] of group.writes.entries()) {
      const result = answered[n];
      if (result !== undefined) results.set(write, result);
    }
  }
  return writes.map((write): WriteResult => {
    const { id } = write;
    const result = results.get(write) ?? { kind: "unconfirmed", error: "the database did not answer for it" };
    return result.kind === "confirmed" ? { id, kind: "confirmed" } : { id, kind: result.kind, error: result.error };
  });
}

/** Whether rows are of these tables, with the same cells set, and the same guarded. */
function haveShapes(rows: readonly PlannedRow[], shapes: readonly RowShape[]): boolean {
  const isSame = (one: readonly Term[], other: readonly Term[] = []) =>
    one.length === other.length && one.every(({ name }, n) => name === other[n]?.name);
  return (
    rows.length === shapes.length &&
    rows.every(({ shape: { layout, sets, guards, stuck } }, r) => {
      const other = shapes[r];
      if (layout.name !== other?.layout.name || stuck !== other.stuck) return false;
      return isSame(sets, other.sets) && isSame(guards, other.guards);
    })
  );
}

function canonicalIds(ids: readonly string[], column: Column): readonly string[] {
  return ids.map((id) => canonicalId(id, column)).filter((id) => id !== null);
}
