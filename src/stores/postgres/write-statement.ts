import { misfitOf } from "../../database/catalogue.ts";
import { quoteIdentifier, quoteTable, type TableName } from "../../database/identifiers.ts";
import { Parameters, type Statement } from "../../database/statement.ts";
import type { Cell, RowLayout, Term } from "./layout.ts";

/** One row that is written, for all writes of a statement: which cells are set, and what has to be as it was. */
export interface RowShape {
  readonly layout: RowLayout;
  readonly sets: readonly Cell[];
  readonly guards: readonly Term[];
  /** Statuses of which the first cell is to hold none any more; left out where it is no job's, or is set to one. */
  readonly stuck?: readonly string[];
}

/** What one write puts into a row; null blanks a cell. `guards` are texts as the server writes them. */
export interface RowValues {
  /** Null names no row. */
  readonly id: string | null;
  readonly sets: readonly (string | null)[];
  readonly guards: readonly (string | null)[];
}

/** A job, or a job and its target: written together, or not at all. */
export interface RowsWrite {
  readonly rows: readonly RowValues[];
  /** What the journal is to hold of it, each the text of a JSON object. */
  readonly lines: readonly string[];
}

/** What the statement answers for each write, by its number from 1. */
export interface WriteAnswer {
  readonly n: number;
  /** Whether all its rows were written. */
  readonly done: boolean;
  /** By row: whether it is there, and was as the guards say. */
  readonly there: readonly boolean[];
  readonly held: readonly boolean[];
}

/**
 * Returns one statement that carries out several writes, each on its own: rows are locked in the order of their keys
 * where they are as the guards say; only a write whose rows are all locked is done; the journal's lines of it go with
 * it. No row may stand in two writes of one statement.
 */
export function writeStatement(
  shapes: readonly RowShape[],
  writes: readonly RowsWrite[],
  journal: TableName | null,
): Statement {
  const columns: Column[] = shapes.flatMap((shape, r) => inputColumns(shape, r, writes));
  const parameters = new Parameters();
  // What is the same in all rows, such as the status, goes once.
  const [constant, varying] = [columns.filter(isConstant), columns.filter((column) => !isConstant(column))];
  const given = varying.map(({ values }) => `${parameters.add(values)}::text[]`);
  const inputs = [
    ...varying.map(({ name, sqlType }) => `${name}::${sqlType} AS ${name}`),
    ...constant.map(({ name, sqlType, values: [value] }) => `${parameters.add(value)}::text::${sqlType} AS ${name}`),
  ];
  const last = shapes.length - 1;
  const parts = [
    `input AS MATERIALIZED (
  SELECT n, ${inputs.join(", ")}
  FROM unnest(${given.join(", ")})
    WITH ORDINALITY AS given(${varying.map(({ name }) => name).join(", ")}, n))`,
    ...shapes.map((shape, r) => heldPart(shape, r, parameters)),
    ...shapes.map((shape, r) => setPart(shape, r, last, parameters)),
  ];
  if (journal !== null) parts.push(journalPart(journal, writes, parameters));
  const text = `WITH ${parts.join(",\n")}
SELECT input.n::int AS n, ${shapes.map((_, r) => `set${r}.landed IS TRUE`).join(" AND ")} AS done,
  ${shapes.map((_, r) => `held${r}.n IS NOT NULL AS is_held${r}`).join(", ")},
  ${shapes.map((shape, r) => `${isThere(shape, r)} AS is_there${r}`).join(", ")}
FROM input ${shapes.map((_, r) => `LEFT JOIN held${r} USING (n) LEFT JOIN set${r} USING (n)`).join(" ")}`;
  return { text, values: parameters.values };
}

/** A column of the statement's input, with the value of each write. */
interface Column {
  /** Whether it names rows: then it says how many writes there are. */
  readonly isKey: boolean;
  readonly name: string;
  readonly sqlType: string;
  readonly values: readonly (string | null)[];
}

function inputColumns({ layout, sets, guards }: RowShape, r: number, writes: readonly RowsWrite[]): Column[] {
  const valuesOf = (read: (row: RowValues) => string | null) => writes.map(({ rows }) => read(rows[r] ?? NO_ROW));
  return [
    { isKey: true, name: `key${r}`, sqlType: layout.key.sqlType, values: valuesOf(({ id }) => id) },
    ...sets.map(({ column, path }, c) => ({
      isKey: false,
      name: `set${r}_${c}`,
      sqlType: path.length === 0 ? column.sqlType : "jsonb",
      values: valuesOf((row) => row.sets[c] ?? null),
    })),
    ...guards.map((_, c) => ({
      isKey: false,
      name: `was${r}_${c}`,
      sqlType: "text",
      values: valuesOf((row) => row.guards[c] ?? null),
    })),
  ];
}

function isConstant({ isKey, values }: Column): boolean {
  return !isKey && values.every((value) => value === values[0]);
}

const NO_ROW: RowValues = { id: "", sets: [], guards: [] };

/** Locks the rows that are as they were. Blank and missing are the same, as in what was read. */
function heldPart(shape: RowShape, r: number, parameters: Parameters): string {
  const { layout } = shape;
  const conditions = guardConditions(shape, r, parameters);
  const before = r === 0 ? "" : ` JOIN held${r - 1} USING (n)`;
  return `held${r} AS MATERIALIZED (
  SELECT input.n FROM input${before} JOIN ${quoteTable(layout.table)} AS t ON ${keyIs(layout, r)}
  ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
  ORDER BY t.${quoteIdentifier(layout.key.name)} FOR NO KEY UPDATE OF t)`;
}

function guardConditions({ guards }: RowShape, r: number, parameters: Parameters): readonly string[] {
  return guards.map((term, c) => `coalesce(${term.text(parameters)}, '') = coalesce(input.was${r}_${c}, '')`);
}

/** Looked up only for a row that was not as it was: asked of each, the server may read the whole table for it. */
function isThere({ layout }: RowShape, r: number): string {
  return `(held${r}.n IS NOT NULL OR EXISTS (SELECT FROM ${quoteTable(layout.table)} AS t WHERE ${keyIs(layout, r)}))`;
}

function setPart(shape: RowShape, r: number, last: number, parameters: Parameters): string {
  const { layout, sets } = shape;
  const byColumn = new Map<string, string>();
  for (const [c, { column, path }] of sets.entries()) {
    const name = quoteIdentifier(column.name);
    const value = `input.set${r}_${c}`;
    // Two places inside one jsonb are set one in the other.
    byColumn.set(
      name,
      path.length === 0 ? value : withPath(byColumn.get(name) ?? `t.${name}`, path, value, parameters),
    );
  }
  const landed = sets.flatMap((cell, c) => landedCondition(shape, r, cell, c, parameters));
  // The key of a view, or of a table with heirs, may name a row besides the one that is held.
  const own = layout.mayRepeat ? guardConditions(shape, r, parameters) : [];
  const assignments = [...byColumn].map(([name, value]) => `${name} = ${value}`);
  return `set${r} AS (
  UPDATE ${quoteTable(layout.table)} AS t SET ${assignments.join(", ")}
  FROM input JOIN held${last} USING (n) WHERE ${[keyIs(layout, r), ...own].join(" AND ")}
  RETURNING input.n, ${["true", ...landed].join(" AND ")} AS landed)`;
}

/** Says of a cell that is set whether the row has taken it, as far as that can fail without an error. */
function landedCondition(
  { guards, stuck }: RowShape,
  r: number,
  { name, column, path }: Cell,
  c: number,
  parameters: Parameters,
): readonly string[] {
  const held = `t.${quoteIdentifier(column.name)}`;
  const value = `input.set${r}_${c}`;
  // jsonb_set leaves a document as it is where the path leads through a text or a number.
  if (path.length > 0) return [`${held} #> ${parameters.add(path)}::text[] IS NOT DISTINCT FROM ${value}`];
  // A trigger may write something else, such as a further status, but not keep what was there.
  if (stuck !== undefined && c === 0) return [`${held}::text <> ALL(${parameters.add(stuck)}::text[])`];
  const g = guards.findIndex((term) => term.name === name);
  if (g === -1 || misfitOf(column, "text") !== null) return [];
  const was = `coalesce(input.was${r}_${g}, '')`;
  return [`(coalesce(${held}::text, '') <> ${was} OR coalesce(${value}::text, '') = ${was})`];
}

/** The lines go as one JSON text: as an array of the server's each of their quotes would have to be escaped. */
function journalPart(journal: TableName, writes: readonly RowsWrite[], parameters: Parameters): string {
  const lines = parameters.add(`[${writes.map(({ lines }) => `[${lines.join(",")}]`).join(",")}]`);
  return `log AS (
  INSERT INTO ${quoteTable(journal)} (base, run, kind, job, line, result)
  SELECT line->>'base', line->>'run', line->>'kind', line#>>'{job,id}', line, 'confirmed'
  FROM json_array_elements(${lines}::json) WITH ORDINALITY AS given(lines, n) JOIN set0 USING (n)
    CROSS JOIN LATERAL json_array_elements(given.lines) AS line)`;
}

function keyIs({ key }: RowLayout, r: number): string {
  return `t.${quoteIdentifier(key.name)} = input.key${r}`;
}

/** Sets a place inside a jsonb, with the objects above it made where they are missing; null takes it out. */
function withPath(document: string, path: readonly string[], value: string, parameters: Parameters): string {
  let whole = orObject(document);
  for (let depth = 1; depth < path.length; depth += 1) {
    const part = `${parameters.add(path.slice(0, depth))}::text[]`;
    whole = `jsonb_set(${whole}, ${part}, ${orObject(`${whole} #> ${part}`)})`;
  }
  const place = `${parameters.add(path)}::text[]`;
  return `CASE WHEN ${value} IS NULL THEN ${document} #- ${place} ELSE jsonb_set(${whole}, ${place}, ${value}) END`;
}

function orObject(document: string): string {
  return `coalesce(nullif(${document}, 'null'::jsonb), '{}'::jsonb)`;
}
