import { type Database, type Row, upstreamError, WriteFailure } from "../../database/connection.ts";
import { isRaisedByFunction } from "../../database/errors.ts";
import { formatTable, type TableName } from "../../database/identifiers.ts";
import { type RowShape, type RowsWrite, type WriteAnswer, writeStatement } from "./write-statement.ts";

/** The result of one write. `changed`: a row is not as it was read any more, and nothing was written. */
export type RowsResult =
  | { readonly kind: "confirmed" }
  | { readonly kind: "refused" | "deleted" | "changed" | "unconfirmed"; readonly error: string };

/** Writes of one statement: all of one shape. */
export interface RowsBatch {
  readonly shapes: readonly RowShape[];
  readonly writes: readonly RowsWrite[];
}

/**
 * Carries out writes of one shape, each on its own: one that is refused does not undo another. The results are in the
 * order of the writes.
 *
 * @throws UpstreamError where no write can go through: for a right, or for what the configuration names
 */
export async function writeRows(
  database: Database,
  { shapes, writes }: RowsBatch,
  journal: TableName | null,
  signal: AbortSignal,
): Promise<readonly RowsResult[]> {
  const results = new Map<RowsWrite, RowsResult>();
  for (const part of withoutRepeats(writes)) {
    for (const [write, result] of await writePart(database, { shapes, writes: part }, journal, signal)) {
      results.set(write, result);
    }
  }
  return writes.map(
    (write) => results.get(write) ?? { kind: "unconfirmed", error: "the database did not answer for it" },
  );
}

type Results = readonly (readonly [RowsWrite, RowsResult])[];

async function writePart(
  database: Database,
  { shapes, writes }: RowsBatch,
  journal: TableName | null,
  signal: AbortSignal,
): Promise<Results> {
  const all = (result: RowsResult): Results => writes.map((write) => [write, result]);
  if (writes.length === 0) return [];
  try {
    const { text, values } = writeStatement(shapes, writes, journal);
    const answers = await database.write(async (query) => {
      const found = (await query(text, values)).map((row) => parseAnswer(row, shapes.length));
      // A trigger has kept one of the rows as it was, or a jsonb took no value: the other must not stay written.
      if (found.some(({ done, held }) => !done && held.every(Boolean))) throw new SuppressedWrite();
      return found;
    }, signal);
    const byNumber = new Map(answers.map((answer) => [answer.n, answer]));
    return writes.map((write, index) => [write, resultOf(byNumber.get(index + 1), shapes)]);
  } catch (error) {
    if (error instanceof SuppressedWrite) {
      return writes.length === 1 ? all({ kind: "refused", error: error.message }) : await inHalves();
    }
    if (!(error instanceof WriteFailure)) throw error;
    const { failure, committed } = error;
    if (committed === null) return all({ kind: "unconfirmed", error: failure.message });
    // What a trigger says is about its row, also where it says it with the code of a right or a table.
    switch (isRaisedByFunction(error.cause) ? "value" : failure.kind) {
      case "auth":
      case "config":
        throw upstreamError(failure, database.name, 1, error);
      case "unavailable":
        return all({ kind: "unconfirmed", error: failure.message });
      case "conflict":
      case "locked":
        if (writes.length > 1) return await inHalves();
        return all({ kind: "changed", error: "another transaction is writing it" });
      case "slow":
      case "value":
        if (writes.length > 1) return await inHalves();
        return all({ kind: "refused", error: failure.message });
    }
  }

  /** One row is at fault, or locked: it is found in smaller statements, and the others go through. */
  async function inHalves(): Promise<Results> {
    const middle = Math.ceil(writes.length / 2);
    const first = await writePart(database, { shapes, writes: writes.slice(0, middle) }, journal, signal);
    const second = await writePart(database, { shapes, writes: writes.slice(middle) }, journal, signal);
    return [...first, ...second];
  }
}

class SuppressedWrite extends Error {
  constructor() {
    super("the row did not take the value: a trigger kept it as it was, or its jsonb holds no object on the path");
    this.name = "SuppressedWrite";
  }
}

function resultOf(answer: WriteAnswer | undefined, shapes: readonly RowShape[]): RowsResult {
  if (answer === undefined) return { kind: "unconfirmed", error: "the database did not answer for it" };
  if (answer.done) return { kind: "confirmed" };
  const row = answer.held.indexOf(false);
  const table = formatTable(shapes[row]?.layout.table ?? []);
  if (answer.there[row] === false) return { kind: "deleted", error: `${table} has no such row any more` };
  return { kind: "changed", error: `the row in ${table} is not as it was read any more` };
}

function parseAnswer(row: Row, rows: number): WriteAnswer {
  const there: boolean[] = [];
  const held: boolean[] = [];
  for (let r = 0; r < rows; r += 1) {
    there.push(row[`is_there${r}`] === true);
    held.push(row[`is_held${r}`] === true);
  }
  return { n: Number(row.n), done: row.done === true, there, held };
}

/** Parts in which no row stands twice: of two writes of one row in a statement, one would be lost. */
function withoutRepeats(writes: readonly RowsWrite[]): readonly (readonly RowsWrite[])[] {
  const parts: { readonly writes: RowsWrite[]; readonly taken: Set<string> }[] = [];
  for (const write of writes) {
    const names = write.rows.map(({ id }, r) => `${r} ${id}`);
    let part = parts.find(({ taken }) => !names.some((name) => taken.has(name)));
    if (part === undefined) {
      part = { writes: [], taken: new Set() };
      parts.push(part);
    }
    part.writes.push(write);
    for (const name of names) part.taken.add(name);
  }
  return parts.map((part) => part.writes);
}
