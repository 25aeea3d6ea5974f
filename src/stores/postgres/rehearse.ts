import { UpstreamError } from "../../core/ports/errors.ts";
import type { Database } from "../../database/connection.ts";
import type { TableName } from "../../database/identifiers.ts";
import { versionTerm } from "./job-version.ts";
import type { Layout, RowLayout } from "./layout.ts";
import type { StoreOptions } from "./options.ts";
import { type RowShape, writeStatement } from "./write-statement.ts";

/**
 * Has the server plan the writes of a sweep without carrying them out: a right that is missing, a view or a rule that
 * does not allow them is found before the first job is written.
 *
 * @throws UpstreamError where one of them cannot go through
 */
export async function rehearseWrites(
  database: Database,
  layout: Layout,
  options: StoreOptions,
  journal: TableName | null,
  signal: AbortSignal,
): Promise<void> {
  const { status, responsePayload, error, notes } = options.jobs.fields;
  const jobs = await layout.jobs(signal);
  const written = [status, responsePayload, error, notes].filter((name) => name !== null);
  await explain({ ...shapeOf(jobs, written), guards: [versionTerm(options)] }, journal);
  for (const target of options.targets) {
    if (target.written.length === 0) continue;
    const fields = target.written.map(({ field }) => field);
    await explain(shapeOf(await layout.target(target.label, signal), fields), null);
  }

  async function explain(shape: RowShape, into: TableName | null): Promise<void> {
    const blank = { id: null, sets: shape.sets.map(() => null), guards: shape.guards.map(() => null) };
    const { text, values } = writeStatement([shape], [{ rows: [blank], lines: [] }], into);
    await database.read(`EXPLAIN ${text}`, values, signal);
  }
}

/** Throws `UpstreamError` where the server, or the role's settings, allow no write: a replica, or a full disk's guard. */
export async function requireWritable(database: Database, signal: AbortSignal): Promise<void> {
  const [row = {}] = await database.read(
    "SELECT pg_is_in_recovery() AS replica, current_setting('default_transaction_read_only') AS read_only",
    [],
    signal,
  );
  if (row.replica !== true && row.read_only !== "on") return;
  const why = row.replica === true ? "it is a replica" : "default_transaction_read_only is on";
  throw new UpstreamError("unavailable", `PostgreSQL ${database.name} takes no writes: ${why}`, READ_ONLY);
}

const READ_ONLY = "Connect to the primary; on a primary, find out why its writes were turned off. Nothing was written.";

function shapeOf(layout: RowLayout, fields: readonly string[]): RowShape {
  const cells = fields.map((field) => layout.cell(field));
  return { layout, sets: cells, guards: cells };
}
