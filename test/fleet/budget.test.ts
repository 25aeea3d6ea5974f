import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../../src/database/connection.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { DEFAULT_LIMITS } from "../../src/database/limits.ts";
import { migrate, readMigrations } from "../../src/database/migrate.ts";
import { createBudget, type TakeTurn } from "../../src/fleet/budget.ts";
import { systemClock } from "../../src/system/clock.ts";
import { neverAborted } from "../../src/system/never.ts";
import { mostInASecond } from "../e2e/many-world.ts";
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

/** A limiter of one account on each of the hosts. */
function budgetsOf(account: string): readonly TakeTurn[] {
  return hosts.map((database) => createBudget({ database, schema: "stuck_jobs", account }, systemClock));
}

/** How far the next turn of an account is ahead, ms. */
async function ahead(account: string): Promise<number> {
  const [found] = await shared.query(
    "SELECT extract(epoch FROM tat - clock_timestamp()) * 1000 AS ahead FROM stuck_jobs.budgets WHERE account = $1",
    [account],
  );
  return Number(found?.ahead);
}

/** Takes turns for so many bases of each host until `until`; returns when each was given. */
async function takeUntil(until: number, budgets: readonly TakeTurn[], bases: number): Promise<readonly number[]> {
  const given: number[] = [];
  const base = async (take: TakeTurn) => {
    while (performance.now() < until) {
      await take(signal);
      given.push(performance.now());
    }
  };
  await Promise.all(budgets.flatMap((take) => Array.from({ length: bases }, () => base(take))));
  return given;
}

describe("the budget of an account", () => {
  it("gives all hosts together 40 requests a second", async () => {
    const begun = performance.now();
    const given = await takeUntil(begun + 1_600, budgetsOf("all"), 12);
    const took = performance.now() - begun;
    expect(given.length).toBeLessThanOrEqual(took / 25 + 1);
    expect(mostInASecond(given.map((at) => ({ at })))).toBeLessThanOrEqual(45);
  });

  it("gives no more than 50 in any second where the hosts are held up again and again", async () => {
    const begun = performance.now();
    const stalls = setInterval(() => {
      const end = performance.now() + 450;
      while (performance.now() < end);
    }, 1_000);
    const given = await takeUntil(begun + 2_600, budgetsOf("held-up"), 12);
    clearInterval(stalls);
    expect(given.length).toBeGreaterThan(0);
    expect(mostInASecond(given.map((at) => ({ at })))).toBeLessThanOrEqual(50);
  });

  it("is one for each account", async () => {
    const [busy] = budgetsOf("busy");
    const [quiet] = budgetsOf("quiet");
    const leaving = new AbortController();
    const left = Array.from({ length: 9 }, () => busy?.(leaving.signal).catch(() => undefined));
    await quiet?.(signal);
    expect(await ahead("quiet")).toBeLessThan(30);
    leaving.abort();
    await Promise.all(left);
  });

  it("gives the next turn to the base whose sweep began first", async () => {
    const [take] = budgetsOf("order");
    const order: number[] = [];
    const asked = [5, 3, 4, 3, 1, 2].map(async (since) => {
      await take?.(signal, since);
      order.push(since);
    });
    await Promise.all(asked);
    expect(order).toEqual([1, 2, 3, 3, 4, 5]);
  });

  it("makes all hosts wait for 30 seconds after a 429, with what they had taken before", async () => {
    const [one, other] = budgetsOf("limited");
    const leaving = new AbortController();
    let given = 0;
    const count = () => {
      given += 1;
    };
    const first = one?.(signal).then((ticket) => {
      count();
      ticket.refused("rate");
    });
    const left = Array.from({ length: 7 }, () => one?.(leaving.signal).then(count, () => undefined));
    await first;
    await expect.poll(() => ahead("limited")).toBeGreaterThan(25_000);
    expect(await ahead("limited")).toBeLessThan(30_600);
    left.push(other?.(leaving.signal).then(count, () => undefined));
    await systemClock.sleep(300);
    expect(given).toBe(1);
    leaving.abort();
    await Promise.all(left);
  });

  it("is two requests a second once the monthly quota is spent", async () => {
    const [one, other] = budgetsOf("spent");
    const ticket = await one?.(signal);
    ticket?.refused("quota");
    const slow = async () =>
      (await shared.query("SELECT slow_until > now() AS slow FROM stuck_jobs.budgets WHERE account = 'spent'"))[0]
        ?.slow;
    await expect.poll(slow).toBe(true);
    const begun = performance.now();
    await Promise.all([other?.(signal), other?.(signal), other?.(signal)]);
    expect(performance.now() - begun).toBeGreaterThan(950);
  });

  it("serves those who wait when others have left", async () => {
    const [take] = budgetsOf("leaving");
    const leaving = new AbortController();
    const left = Array.from({ length: 8 }, () => take?.(leaving.signal).catch(() => "left"));
    const waits = [take?.(signal), take?.(signal)];
    leaving.abort();
    await Promise.all(waits);
    expect(await Promise.all(left)).toContain("left");
    await expect(take?.(leaving.signal)).rejects.toThrow();
  });

  it("goes on where every answer of the database takes long", async () => {
    const [database] = hosts;
    if (database === undefined) throw new Error("no host");
    const distant: Database = {
      ...database,
      async execute(...statement) {
        await systemClock.sleep(120);
        const rows = await database.execute(...statement);
        await systemClock.sleep(120);
        return rows;
      },
    };
    const take = createBudget({ database: distant, schema: "stuck_jobs", account: "distant" }, systemClock);
    await Promise.all(Array.from({ length: 20 }, () => take(signal)));
  });

  it("ends the wait of all where the database is away", async () => {
    const [database] = hosts;
    if (database === undefined) throw new Error("no host");
    const away: Database = {
      ...database,
      execute: () => Promise.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })),
    };
    const clock = { ...systemClock, sleep: async () => undefined };
    const take = createBudget({ database: away, schema: "stuck_jobs", account: "away" }, clock);
    const waits = await Promise.allSettled([take(signal), take(signal), take(signal)]);
    expect(waits.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
  });
});
