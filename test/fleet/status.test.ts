import { describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/database/connection.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { DEFAULT_LIMITS } from "../../src/database/limits.ts";
import { migrate, readMigrations } from "../../src/database/migrate.ts";
import { migrateQueue } from "../../src/fleet/queue.ts";
import { readFleetStatus } from "../../src/fleet/status.ts";
import { closeSlots, survey } from "../../src/fleet/tables.ts";
import { systemClock } from "../../src/system/clock.ts";
import { neverAborted } from "../../src/system/never.ts";
import { usePostgres } from "../support/use-postgres.ts";

const server = usePostgres();

const NEVER = neverAborted();

/** Opens a fleet's database, in which the last sweep of base n ended with exit code n. */
async function openFleetDatabase() {
  const { url, query, close } = await server.createDatabase();
  const parsed = parseDatabaseUrl(url);
  if (parsed.kind !== "address") throw new Error(parsed.message);
  const database = openDatabase({
    address: parsed.address,
    limits: DEFAULT_LIMITS,
    clock: systemClock,
    random: Math.random,
  });
  await migrate(database, "stuck_jobs", await readMigrations(), NEVER);
  await migrateQueue(database, "stuck_jobs");
  await query(`INSERT INTO stuck_jobs.sweeps (base, name, job, attempt, host, ended_at, exit_code)
SELECT 'base-' || base, '', gen_random_uuid(), 0, 'host', '2026-03-01T12:00Z'::timestamptz + sweep * interval '1 minute',
  CASE sweep WHEN 2 THEN base ELSE 70 END
FROM generate_series(0, 2) AS sweep, generate_series(0, 1) AS base`);
  return { database, query, close: () => Promise.all([database.close(), close()]) };
}

it("a slot that is closed removes sweeps of three days ago, but for the last of each base", async () => {
  const { database, query, close } = await openFleetDatabase();
  await query(`UPDATE stuck_jobs.sweeps SET started_at = now() - interval '3 days 1 hour' WHERE base = 'base-0';
UPDATE stuck_jobs.sweeps SET started_at = now() - interval '2 days 23 hours' WHERE base = 'base-1';
INSERT INTO stuck_jobs.slots VALUES (now(), now(), '', '', 1), (now() - interval '31 days', now(), '', '', 1)`);
  await closeSlots({ database, schema: "stuck_jobs" }, "host", NEVER);
  const left = await query(
    "SELECT base, count(*)::int AS sweeps, max(exit_code) AS last FROM stuck_jobs.sweeps GROUP BY base ORDER BY base",
  );
  expect(left).toEqual([
    { base: "base-0", sweeps: 1, last: 0 },
    { base: "base-1", sweeps: 3, last: 70 },
  ]);
  expect(await query("SELECT count(*)::int AS slots FROM stuck_jobs.slots")).toEqual([{ slots: 1 }]);
  await close();
});

describe("the state of a fleet", () => {
  it("has the last sweep of each base that is asked for, with who holds it", async () => {
    const { database, query, close } = await openFleetDatabase();
    await query(`INSERT INTO stuck_jobs.sweeps (base, name, job, attempt, host) SELECT 'base-1', '', id, 0, 'other'
FROM (SELECT gen_random_uuid() AS id) AS made`);
    await query(`INSERT INTO stuck_jobs.job (id, name, data, state, policy, singleton_key, started_on)
SELECT job, 'sweeps', '{"base":"base-1"}', 'active', 'exclusive', 'base-1', now() FROM stuck_jobs.sweeps WHERE host = 'other'`);
    const { bases } = await readFleetStatus(database, "stuck_jobs", ["base-1", "base-0", "never"], NEVER);
    expect(bases.map(({ base, lastExitCode, heldBy }) => [base, lastExitCode, heldBy?.host])).toEqual([
      ["base-1", 1, "other"],
      ["base-0", 0, undefined],
      ["never", null, undefined],
    ]);
    expect(bases[0]?.lastSweep).toBe("2026-03-01T12:02:00.000Z");
    await close();
  });

  it("is read by indexes, however many sweeps are kept", async () => {
    const { database, query, close } = await openFleetDatabase();
    const statements: { readonly text: string; readonly values: readonly unknown[] }[] = [];
    const recording: Database = {
      ...database,
      read(text, values, signal) {
        statements.push({ text, values });
        return database.read(text, values, signal);
      },
      write: (work, signal) =>
        database.write((ask) => {
          return work((text, values = []) => {
            statements.push({ text, values });
            return ask(text, values);
          });
        }, signal),
    };
    await query(`INSERT INTO stuck_jobs.slots VALUES (now(), now(), '', '', 1)`);
    await readFleetStatus(recording, "stuck_jobs", ["base-0"], NEVER);
    await survey({ database: recording, schema: "stuck_jobs" }, 120_000, NEVER);
    await closeSlots({ database: recording, schema: "stuck_jobs" }, "host", NEVER);
    expect(statements.length).toBe(10);
    await query(`INSERT INTO stuck_jobs.sweeps (base, name, job, attempt, host, ended_at, exit_code)
SELECT 'base-0', '', gen_random_uuid(), 0, 'host', now(), 0 FROM generate_series(1, 5000);
INSERT INTO stuck_jobs.job (id, name, data, state, policy, singleton_key, started_on, completed_on)
SELECT gen_random_uuid(), 'sweeps', '{"base":"base-0"}', 'completed', 'exclusive', 'base-0', now(), now() FROM generate_series(1, 5000);
ANALYZE`);
    for (const { text, values } of statements) {
      const plan = await query(`EXPLAIN (ANALYZE, FORMAT TEXT) ${text}`, values);
      const lines = plan.map((row) => String(row["QUERY PLAN"]));
      const read = lines.flatMap(
        (line) => /(?:Scan.*actual.* rows=|Rows Removed by Filter: )(\d+)/.exec(line)?.[1] ?? [],
      );
      expect([text, read.filter((rows) => Number(rows) > 100)]).toEqual([text, []]);
    }
    await close();
  });
});
