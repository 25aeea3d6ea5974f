import type { Duration } from "../core/domain/job.ts";
import { UpstreamError } from "../core/ports/errors.ts";
import { asUpstreamError, type Database, type Query, type Row } from "../database/connection.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import { readMigrations } from "../database/migrate.ts";
import { systemClock } from "../system/clock.ts";
import { IS_OPEN, QUEUE, QUEUE_VERSION } from "./versions.ts";

/** The tables of a fleet. */
export interface FleetTables {
  readonly database: Database;
  readonly schema: string;
}

/** The slot that is current by the database's clock, and the configuration that planned it. */
export interface PlannedSlot {
  readonly start: string;
  readonly digest: string;
  readonly host: string;
}

/** What a host has to know before it does anything: one statement. */
export interface Survey {
  /** Where the current slot begins, as ISO. */
  readonly slot: string;
  /** Null where no host has planned the current slot. */
  readonly planned: PlannedSlot | null;
  /** Sweeps that wait for a host. */
  readonly ready: number;
  /** Sweeps that a host is at. */
  readonly held: number;
  /** Those of them whose host is silent. */
  readonly lapsed: number;
  /** Slots whose sweeps are all done, and that nobody has closed. */
  readonly closable: number;
}

/** A sweep is lost where its host was silent for the heartbeat, or took longer than it may. */
const LAPSED = `(heartbeat_seconds IS NOT NULL AND coalesce(heartbeat_on, started_on) + heartbeat_seconds * interval '1 s' < clock_timestamp()
  OR started_on + expire_seconds * interval '1 s' < clock_timestamp())`;

/**
 * Reads the state of the fleet.
 *
 * @throws UpstreamError where the database could not be asked, or the schema is not as this version needs it
 */
export async function survey(
  { database, schema }: FleetTables,
  interval: Duration,
  signal: AbortSignal,
): Promise<Survey> {
  const s = quoteIdentifier(schema);
  const text = `WITH slot AS (SELECT to_timestamp(floor(extract(epoch FROM clock_timestamp()) * 1000 / $1) * $1 / 1000) AS start),
queue AS (SELECT state, ${LAPSED} AS lapsed, data->>'slot' AS slot FROM ${s}.job WHERE name = $2 AND ${IS_OPEN})
SELECT (SELECT max(version) FROM ${s}.migrations) AS tables, (SELECT max(version) FROM ${s}.version) AS queue,
  ${isoOf("slot.start")} AS slot, planned.digest, planned.host, ${isoOf("planned.start")} AS planned,
  (SELECT count(*) FROM queue WHERE state < 'active') AS ready,
  (SELECT count(*) FROM queue WHERE state = 'active') AS held,
  (SELECT count(*) FROM queue WHERE state = 'active' AND lapsed) AS lapsed,
  (SELECT count(*) FROM ${s}.slots WHERE closed_at IS NULL AND NOT EXISTS (SELECT FROM queue WHERE queue.slot = ${isoOf("slots.start")})) AS closable
FROM slot LEFT JOIN LATERAL (SELECT * FROM ${s}.slots WHERE ends > clock_timestamp() ORDER BY start DESC LIMIT 1) planned ON true`;
  let row: Row | undefined;
  try {
    [row] = await database.read(text, [interval, QUEUE], signal);
  } catch (error) {
    // A table, a column or the schema itself is missing.
    if (error instanceof UpstreamError && /SQLSTATE (42P01|42703|3F000)/.test(error.message)) {
      throw notMigrated(database, schema, "lacks tables of the fleet");
    }
    throw error;
  }
  const newest = Math.max(...(await readMigrations()).map(({ version }) => version));
  checkVersion(database, schema, "tables", Number(row?.tables ?? 0), newest);
  checkVersion(database, schema, "queue", Number(row?.queue ?? 0), QUEUE_VERSION);
  const { planned } = row ?? {};
  return {
    slot: String(row?.slot),
    planned:
      typeof planned === "string" ? { start: planned, digest: String(row?.digest), host: String(row?.host) } : null,
    ready: Number(row?.ready),
    held: Number(row?.held),
    lapsed: Number(row?.lapsed),
    closable: Number(row?.closable),
  };
}

function checkVersion(database: Database, schema: string, what: string, found: number, needed: number): void {
  if (found === needed) return;
  if (found < needed) throw notMigrated(database, schema, `has ${what} of version ${found}; expected ${needed}`);
  const message = `PostgreSQL ${database.name}: the schema "${schema}" has ${what} of version ${found}, which a newer stuck-jobs made`;
  throw new UpstreamError("config", message, "Upgrade stuck-jobs on this host.");
}

function notMigrated(database: Database, schema: string, what: string): UpstreamError {
  return new UpstreamError(
    "config",
    `PostgreSQL ${database.name}: the schema "${schema}" ${what}`,
    "Run stuck-jobs db migrate as a role that may create tables there.",
  );
}

/** Returns SQL for a time as ISO text, the same on every server. */
function isoOf(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/**
 * Plans a slot, with its sweeps, in one transaction; returns false where another host has planned it. Sweeps that still
 * wait under another configuration are taken out of the queue.
 */
export async function openSlot(
  { database, schema }: FleetTables,
  slot: PlannedSlot & { readonly interval: Duration; readonly bases: number },
  plan: (query: Query) => Promise<void>,
  signal: AbortSignal,
): Promise<boolean> {
  const s = quoteIdentifier(schema);
  const { start, digest, host, interval, bases } = slot;
  try {
    return await database.write(async (query) => {
      const opened = await query(
        `INSERT INTO ${s}.slots (start, ends, digest, host, bases)
SELECT $1::timestamptz, $1::timestamptz + $2 * interval '1 ms', $3, $4, $5
ON CONFLICT (start) DO NOTHING RETURNING start`,
        [start, interval, digest, host, bases],
      );
      if (opened.length === 0) return false;
      await query(
        `UPDATE ${s}.job SET state = 'cancelled', completed_on = now()
WHERE name = $1 AND ${IS_OPEN} AND state < 'active' AND data->>'digest' <> $2`,
        [QUEUE, digest],
      );
      await plan(query);
      return true;
    }, signal);
  } catch (error) {
    throw asUpstreamError(error, database.name);
  }
}

/** How many slots back a base counts as swept lately. */
const LATELY = 3;

/**
 * Returns the bases in the order in which they are to be swept: first those that the last slot did not come to, so that
 * none is left out again, then those whose last sweep took longest, so that none of them is begun last, and then as given.
 */
export async function sweepingOrder(
  schema: string,
  bases: readonly string[],
  query: Query,
): Promise<readonly string[]> {
  const s = quoteIdentifier(schema);
  const rows = await query(
    `WITH lately AS (SELECT start FROM ${s}.slots ORDER BY start DESC OFFSET 1 LIMIT ${LATELY})
SELECT DISTINCT ON (base) base, slot = (SELECT max(start) FROM lately) AS newest, extract(epoch FROM ended_at - started_at) AS took
FROM ${s}.sweeps WHERE slot IN (SELECT start FROM lately) AND ended_at IS NOT NULL ORDER BY base, id DESC`,
  );
  const last = new Map(rows.map(({ base, newest, took }) => [String(base), newest === true ? Number(took) : null]));
  const weight = (base: string) => last.get(base) ?? Number.POSITIVE_INFINITY;
  return [...bases].sort((one, other) => (weight(one) === weight(other) ? 0 : weight(other) - weight(one)));
}

/** A sweep as the history knows it. */
export interface SweepRow {
  readonly base: string;
  readonly name: string;
  readonly slot: string | null;
  readonly job: string;
  readonly attempt: number;
  readonly host: string;
}

/** Records that a host begins to sweep a base. */
export async function recordBegin({ database, schema }: FleetTables, sweep: SweepRow, signal: AbortSignal) {
  const { base, name, slot, job, attempt, host } = sweep;
  await run(
    database,
    `INSERT INTO ${quoteIdentifier(schema)}.sweeps (base, name, slot, job, attempt, host) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (job, attempt) DO NOTHING`,
    [base, name, slot, job, attempt, host],
    signal,
  );
}

/** The result of a sweep. `result` is what monitoring gets, as JSON. */
export interface SweepEnd {
  readonly run: string | null;
  readonly exitCode: number;
  readonly fault: string | null;
  readonly summary: object | null;
  readonly result: string;
}

/** Records how a sweep ended. */
export async function recordEnd(
  { database, schema }: FleetTables,
  { job, attempt }: Pick<SweepRow, "job" | "attempt">,
  { run: runId, exitCode, fault, summary, result }: SweepEnd,
  signal: AbortSignal,
) {
  await run(
    database,
    `UPDATE ${quoteIdentifier(schema)}.sweeps SET ended_at = clock_timestamp(), run = $3, exit_code = $4, fault = $5,
summary = $6::json, result = $7::json WHERE job = $1 AND attempt = $2`,
    [job, attempt, runId, exitCode, fault, summary === null ? null : JSON.stringify(summary), result],
    signal,
  );
}

/** A slot that this host has closed, with the last result of each base that was swept in it. */
export interface ClosedSlot {
  readonly start: string;
  readonly bases: number;
  readonly results: readonly { readonly base: string; readonly fault: string | null; readonly result: string | null }[];
}

/** Closes the slots whose sweeps are all done. Each is closed by one host: what it returns, it has to report. */
export async function closeSlots(
  { database, schema }: FleetTables,
  host: string,
  signal: AbortSignal,
): Promise<readonly ClosedSlot[]> {
  const s = quoteIdentifier(schema);
  try {
    return await database.write(async (query) => {
      const closed = await query(
        `UPDATE ${s}.slots SET closed_at = clock_timestamp(), closed_by = $1 WHERE closed_at IS NULL
AND NOT EXISTS (SELECT FROM ${s}.job WHERE name = $2 AND ${IS_OPEN} AND data->>'slot' = ${isoOf("slots.start")})
RETURNING ${isoOf("start")} AS start, bases`,
        [host, QUEUE],
      );
      const slots: ClosedSlot[] = [];
      for (const { start, bases } of closed) {
        const results = await query(
          `SELECT DISTINCT ON (base) base, fault, result::text AS result FROM ${s}.sweeps
WHERE slot = $1::timestamptz AND ended_at IS NOT NULL ORDER BY base, id DESC`,
          [start],
        );
        await query(`UPDATE ${s}.sweeps SET result = NULL WHERE slot = $1::timestamptz`, [start]);
        slots.push({
          start: String(start),
          bases: Number(bases),
          results: results.map(({ base, fault, result }) => ({
            base: String(base),
            fault: typeof fault === "string" ? fault : null,
            result: typeof result === "string" ? result : null,
          })),
        });
      }
      if (closed.length > 0) await prune(query, s);
      return slots;
    }, signal);
  } catch (error) {
    throw asUpstreamError(error, database.name);
  }
}

/**
 * Rows that one slot removes at most: several times what it adds. After a change of what is kept, or of the bases, a
 * delete of all that is old would take longer than a statement may.
 */
const PRUNED = 10_000;

/**
 * Removes slots of a month ago, and sweeps of three days ago but for the last of each base: the fleet itself looks at the
 * last sweeps alone. now() is constant within the transaction, which the index needs.
 */
async function prune(query: Query, s: string): Promise<void> {
  await query(`DELETE FROM ${s}.slots WHERE start < now() - interval '30 days'`);
  await query(
    `DELETE FROM ${s}.sweeps WHERE id IN (SELECT id FROM ${s}.sweeps old WHERE started_at < now() - interval '3 days'
AND EXISTS (SELECT FROM ${s}.sweeps newer WHERE newer.base = old.base AND newer.id > old.id) ORDER BY started_at LIMIT ${PRUNED})`,
  );
}

/** Reads what a key holds; null where there is nothing. */
export async function readState({ database, schema }: FleetTables, key: string, signal: AbortSignal) {
  const [row] = await database.read(
    `SELECT value::text AS value FROM ${quoteIdentifier(schema)}.states WHERE key = $1`,
    [key],
    signal,
  );
  return typeof row?.value === "string" ? row.value : null;
}

/** Replaces what a key holds. */
export async function writeState(tables: FleetTables, key: string, value: string, signal: AbortSignal) {
  const text = `INSERT INTO ${quoteIdentifier(tables.schema)}.states (key, value) VALUES ($1, $2::json)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, at = clock_timestamp()`;
  await run(tables.database, text, [key, value], signal);
}

/** Attempts of a statement that changes nothing more when it is repeated: the database may just be restarting. */
const ATTEMPTS = 4;
const RETRY_MS = 500;

/** Runs one statement that may be repeated, without a transaction around it. */
async function run(database: Database, text: string, values: readonly unknown[], signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await database.execute(text, values, signal);
      return;
    } catch (error) {
      const failure = asUpstreamError(error, database.name);
      const mayPass = failure instanceof UpstreamError && failure.code === "unavailable";
      if (!mayPass || attempt === ATTEMPTS) throw failure;
    }
    await systemClock.sleep(RETRY_MS * attempt, signal);
  }
}
