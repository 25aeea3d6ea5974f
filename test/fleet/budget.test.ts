import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Clock } from "../../src/core/ports/ports.ts";
import { type Database, openDatabase } from "../../src/database/connection.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { DEFAULT_LIMITS } from "../../src/database/limits.ts";
import { migrate, readMigrations } from "../../src/database/migrate.ts";
import { createBudget } from "../../src/fleet/budget.ts";
import { systemClock } from "../../src/system/clock.ts";
import { neverAborted } from "../../src/system/never.ts";
import { startPostgres, type TestDatabase, type TestServer } from "../support/postgres.ts";

let server: TestServer;
let shared: TestDatabase;
let hosts: readonly Database[];
const signal = neverAborted();
beforeAll(async () => {
  server = await startPostgres();
  shared = await server.createDatabase();
  const parsed = parseDatabaseUrl(shared.url);
  if (parsed.kind !== "address") throw new Error(parsed.message);
  const { address } = parsed;
  const open = () => openDatabase({ address, limits: DEFAULT_LIMITS, clock: systemClock, random: Math.random });
  hosts = [open(), open(), open()];
  const [first] = hosts;
  if (first !== undefined) await migrate(first, "stuck_jobs", await readMigrations(), signal);
}, 60_000);
afterAll(async () => {
  await Promise.all(hosts.map((each) => each.close()));
  await shared.close();
  await server.stop();
});

/** Budgets of one account on several hosts, and how long each request was made to wait, ms. */
function budgetsOf(account: string) {
  const waits: number[] = [];
  let now = 0;
  // Sleeps at once, so that the test does not wait.
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms) => {
      waits.push(ms);
      now += ms;
    },
  };
  const budgets = hosts.map((database) => {
    return createBudget({ database, schema: "stuck_jobs", account }, clock, () => now);
  });
  return { budgets, waits };
}

const [row] = [
  "SELECT extract(epoch FROM tat - clock_timestamp()) * 1000 AS ahead FROM stuck_jobs.budgets WHERE account = $1",
];
async function ahead(account: string): Promise<number> {
  const [found] = await shared.query(row ?? "", [account]);
  return Number(found?.ahead);
}

describe("the budget of an account", () => {
  it("gives all hosts together 40 requests a second", async () => {
    const { budgets } = budgetsOf("all");
    const begun = performance.now();
    await Promise.all(budgets.flatMap((take) => Array.from({ length: 40 }, () => take(signal))));
    const took = performance.now() - begun;
    // 120 requests are three seconds' worth, whatever of them has passed by now.
    expect(await ahead("all")).toBeGreaterThan(3_000 - took - 100);
    expect(await ahead("all")).toBeLessThan(3_100);
  });

  it("is one for each account", async () => {
    await Promise.all(Array.from({ length: 40 }, () => budgetsOf("busy").budgets[0]?.(signal)));
    const { budgets, waits } = budgetsOf("quiet");
    await budgets[0]?.(signal);
    expect(waits.filter((ms) => ms > 25)).toEqual([]);
  });

  it("makes all hosts wait for 30 seconds after a 429", async () => {
    const { budgets } = budgetsOf("limited");
    const [one] = budgets;
    const ticket = await one?.(signal);
    ticket?.refused("rate");
    await expect.poll(() => ahead("limited")).toBeGreaterThan(25_000);
    expect(await ahead("limited")).toBeLessThan(30_100);
  });

  it("is two requests a second once the monthly quota is spent", async () => {
    const { budgets } = budgetsOf("spent");
    const ticket = await budgets[0]?.(signal);
    ticket?.refused("quota");
    const slow = async () =>
      (await shared.query("SELECT slow_until > now() AS slow FROM stuck_jobs.budgets WHERE account = 'spent'"))[0]
        ?.slow;
    await expect.poll(slow).toBe(true);
    const begun = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => budgets[1]?.(signal)));
    expect(await ahead("spent")).toBeGreaterThan(2_000 - (performance.now() - begun) - 100);
  });

  it("gives a request that was held up another turn", async () => {
    const [database] = hosts;
    if (database === undefined) throw new Error("no host");
    let [now, sleeps] = [0, 0];
    const clock: Clock = {
      now: () => 0,
      async sleep(ms) {
        sleeps += 1;
        // The process stands still in its first wait.
        now += sleeps === 1 ? ms + 500 : ms;
      },
    };
    const take = createBudget({ database, schema: "stuck_jobs", account: "held-up" }, clock, () => now);
    await take(signal);
    await Promise.all([take(signal), take(signal), take(signal)]);
    const tickets = await ahead("held-up");
    expect(sleeps).toBeGreaterThan(1);
    expect(tickets).toBeGreaterThan(0);
  });
});
