import * as z from "zod";
import { identifierProblem, parseTableName } from "../../database/identifiers.ts";
import { text } from "./fields.ts";
import { duration } from "./thresholds.ts";

/** A table: its name, or its parts where one of them holds a dot. */
export const tableName = z.union([text, z.array(text).min(1).max(2)]);

/** A status; PostgreSQL has columns in which it is a number. */
export const status = z.union([text, z.number()]).transform(String);

/** How the database is connected to. */
export const postgres = z.strictObject({
  connections: z
    .int()
    .min(1)
    .max(50)
    .default(4)
    .describe("Maximum number of connections of one run; a journal in PostgreSQL takes up to two more."),
  statementTimeout: duration.prefault("30s").describe("The time limit of a statement."),
  lockTimeout: duration
    .prefault("5s")
    .describe("How long a write waits for a row that another transaction holds; then the job is left to the next run."),
});

/** Where the journal's tables are. */
export const journalTables = z.strictObject({
  schema: text.default("stuck_jobs").describe("The schema of the tables; `stuck-jobs db migrate` creates it."),
  keep: duration.prefault("180d").describe("Rows older than this are removed, if the role may delete."),
});

/** Says what is wrong with a table's name; null where PostgreSQL could have one of that name. */
export function tableProblem(name: string | readonly string[]): string | null {
  const parts = parseTableName(name);
  if (parts.length > 2) return "expected table or schema.table, or a list of the two names";
  const [problem] = parts.flatMap((part) => identifierProblem(part) ?? []);
  return problem === undefined ? null : `a part of the name ${problem}`;
}
