import { type Database, upstreamError, WriteFailure } from "../../database/connection.ts";
import { quoteTable } from "../../database/identifiers.ts";
import { requireMigrated } from "../../database/migrate.ts";
import type { Statement } from "../../database/statement.ts";
import { type JournalLine, parseLine } from "../read.ts";
import type { LineSink } from "../write.ts";

/** A schema in which journal and history are kept. */
export interface JournalTables {
  readonly database: Database;
  readonly schema: string;
}

/**
 * Opens the tables for appending. Rows are only ever added: the role needs INSERT and SELECT.
 *
 * @throws UpstreamError where the schema is not as this version needs it
 */
export async function openJournalTables(tables: JournalTables, signal: AbortSignal): Promise<LineSink> {
  const { database, schema } = tables;
  await requireMigrated(database, schema, signal);
  return {
    async append(lines) {
      await inTransaction(database, insertStatements(schema, lines), signal);
    },
    // A committed row is durable.
    sync: async () => {},
    close: async () => {},
  };
}

/** Removes rows that are older than `keep`, some thousands at a time: so a sweep does not wait for it. */
export async function pruneJournalTables(
  { database, schema }: JournalTables,
  keep: number,
  signal: AbortSignal,
): Promise<void> {
  const statements = ["verdicts", "runs", "journal"].map((name) => {
    const table = quoteTable([schema, name]);
    const text = `DELETE FROM ${table} WHERE id IN
      (SELECT id FROM ${table} WHERE at < now() - $1 * interval '1 millisecond' ORDER BY at LIMIT ${PRUNED_ROWS})`;
    return { text, values: [keep] };
  });
  await inTransaction(database, statements, signal);
}

const PRUNED_ROWS = 5000;

/** The tables, the kinds of lines that each holds, and what of a line has a column of its own. */
const TABLES: readonly JournalTableLayout[] = [
  {
    name: "journal",
    kinds: ["write", "webhook", "result", "refusal"],
    columns: { kind: "line->>'kind'", job: "line#>>'{job,id}'" },
  },
  { name: "runs", kinds: ["run"], columns: {} },
  { name: "verdicts", kinds: ["verdict"], columns: { job: "line#>>'{job,id}'" } },
];

interface JournalTableLayout {
  readonly name: string;
  readonly kinds: readonly JournalLine["kind"][];
  readonly columns: Readonly<Record<string, string>>;
}

/** One statement a table: all lines of it are one parameter. */
function insertStatements(schema: string, lines: readonly string[]): readonly Statement[] {
  const read = lines.map((line) => ({ line, kind: kindOf(line) }));
  return TABLES.flatMap(({ name, kinds, columns }): readonly Statement[] => {
    const own = read.filter(({ kind }) => kinds.some((each) => each === kind)).map(({ line }) => line);
    if (own.length === 0) return [];
    const text = `INSERT INTO ${quoteTable([schema, name])} (${["base", "run", ...Object.keys(columns), "line"].join(", ")})
SELECT ${["line->>'base'", "line->>'run'", ...Object.values(columns), "line"].join(", ")}
FROM json_array_elements($1::json) WITH ORDINALITY AS given(line, n) ORDER BY n`;
    return [{ text, values: [`[${own.join(",")}]`] }];
  });
}

/** Every line begins with its schema and its kind, so that as a rule it need not be parsed for that. */
const BEGINNING = /^\{"schema":"[^"\\]*","kind":"(\w+)"/;

function kindOf(line: string): string {
  const [, kind] = BEGINNING.exec(line) ?? [];
  if (kind !== undefined) return kind;
  const value: unknown = JSON.parse(line);
  return typeof value === "object" && value !== null && "kind" in value ? String(value.kind) : "";
}

async function inTransaction(database: Database, statements: readonly Statement[], signal: AbortSignal): Promise<void> {
  try {
    await database.write(async (query) => {
      for (const { text, values } of statements) await query(text, values);
    }, signal);
  } catch (error) {
    if (error instanceof WriteFailure) throw upstreamError(error.failure, database.name, 1, error);
    throw error;
  }
}

const PAGE_ROWS = 1000;

/**
 * Reads the lines of a base from the tables, oldest first; of all bases where it is null. Lines of kinds that are not
 * wanted are not asked for.
 */
export async function* readJournalTables(
  { database, schema }: JournalTables,
  base: string | null,
  kinds: readonly JournalLine["kind"][],
  signal: AbortSignal,
): AsyncIterable<JournalLine> {
  for (const { name, kinds: own } of TABLES) {
    if (!own.some((kind) => kinds.includes(kind))) continue;
    const result = name === "journal" ? "result" : "NULL";
    const ofKinds = name === "journal" ? { sql: "AND kind = ANY($3)", values: [kinds] } : { sql: "", values: [] };
    const text = `SELECT id, line::text AS line, ${result} AS result FROM ${quoteTable([schema, name])}
WHERE ($1::text IS NULL OR base = $1) AND id > $2 ${ofKinds.sql} ORDER BY id LIMIT ${PAGE_ROWS}`;
    let after = "0";
    for (;;) {
      const rows: readonly Readonly<Record<string, unknown>>[] = await database.read(
        text,
        [base, after, ...ofKinds.values],
        signal,
      );
      for (const row of rows) {
        const line = parseLine(String(row.line), kinds);
        if (line === null) continue;
        yield line;
        if (line.kind !== "write" || typeof row.result !== "string") continue;
        const { schema: version, at, base: of, run, command, version: by, write } = line;
        const head = { schema: version, at, ...(of === undefined ? {} : { base: of }), run, command, version: by };
        yield { ...head, kind: "result", write, result: row.result, error: null, files: {} };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) break;
      after = String(last.id);
    }
  }
}
