import { expect, it } from "vitest";
import { openDatabase } from "../../src/database/connection.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { DEFAULT_LIMITS } from "../../src/database/limits.ts";
import { migrate, readMigrations } from "../../src/database/migrate.ts";
import { sweepingOrder } from "../../src/fleet/tables.ts";
import { systemClock } from "../../src/system/clock.ts";
import { neverAborted } from "../../src/system/never.ts";
import { usePostgres } from "../support/use-postgres.ts";

const server = usePostgres();

it("bases that the last slot left out are swept first, then those that took longest, then as given", async () => {
  const { url, query, close } = await server.createDatabase();
  const parsed = parseDatabaseUrl(url);
  if (parsed.kind !== "address") throw new Error(parsed.message);
  const { address } = parsed;
  const database = openDatabase({ address, limits: DEFAULT_LIMITS, clock: systemClock, random: Math.random });
  await migrate(database, "stuck_jobs", await readMigrations(), neverAborted());
  const bases = ["quick", "left-out", "slow", "also-quick", "slower", "new"];
  const order = () => sweepingOrder("stuck_jobs", bases, query);
  // The slot that is being planned is there already.
  await query(`INSERT INTO stuck_jobs.slots (start, ends, digest, host, bases)
SELECT '2026-03-01T12:00Z'::timestamptz + n * interval '2 minutes', '2026-03-01T12:02Z'::timestamptz + n * interval '2 minutes', 'd', 'h', 5
FROM generate_series(0, 2) n`);
  expect(await order()).toEqual(bases);
  const sweep = (base: string, slot: string, seconds: number) =>
    query(
      `INSERT INTO stuck_jobs.sweeps (base, name, slot, job, attempt, host, started_at, ended_at)
VALUES ($1, $1, $2, gen_random_uuid(), 0, 'h', $2, $2::timestamptz + $3 * interval '1 second')`,
      [base, slot, seconds],
    );
  for (const base of bases.filter((each) => each !== "new")) await sweep(base, "2026-03-01T12:00Z", 1);
  for (const [base, seconds] of [
    ["quick", 2],
    ["also-quick", 2],
    ["slow", 30],
    ["slower", 60],
  ] as const) {
    await sweep(base, "2026-03-01T12:02Z", seconds);
  }
  expect(await order()).toEqual(["left-out", "new", "slower", "slow", "quick", "also-quick"]);
  await Promise.all([database.close(), close()]);
});
