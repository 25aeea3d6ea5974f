import { describe, expect, it } from "vitest";
import { UpstreamError } from "../../src/core/ports/errors.ts";
import { openDatabase } from "../../src/database/connection.ts";
import { parseDatabaseUrl } from "../../src/database/database-url.ts";
import { withFence } from "../../src/database/fence.ts";
import { DEFAULT_LIMITS } from "../../src/database/limits.ts";
import { systemClock } from "../../src/system/clock.ts";
import { neverAborted } from "../../src/system/never.ts";
import { openPostgresProxy } from "../support/postgres-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";
import { passMinute } from "./fleet-world.ts";
import { CONFIGURATION, createRendersWorld } from "./renders.ts";

const server = usePostgres();

const FLEET = `${CONFIGURATION}fleet: {}\n`;
const SLOT = { POLLING_INTERVAL_MINUTES: "60" };

describe("a fleet over jobs in PostgreSQL", () => {
  it("sweeps them once, with queue, journal and jobs in one database", async () => {
    const { run, statuses, database } = await createRendersWorld(server);
    expect(await run(["db", "migrate"], FLEET)).toMatchObject({ code: 0, stderr: "" });
    const hosts = await Promise.all([1, 2].map(() => run(["recover", "-o", "json"], FLEET, SLOT)));
    expect(hosts.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    expect(hosts.flatMap(({ stdout }) => JSON.parse(stdout).reports)).toHaveLength(1);
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
    const journal = await database.query("SELECT count(*)::int AS writes FROM stuck_jobs.journal WHERE kind = 'write'");
    expect(journal).toEqual([{ writes: 5 }]);
    const status = await run(["fleet", "status"], FLEET, SLOT);
    expect([status.code, status.stderr]).toEqual([0, ""]);
    expect((await run(["doctor", "-o", "json"], FLEET, SLOT)).stdout).toMatch(/"id": ?"fleet"/);
  });
});

describe("a host that is stopped in the middle of a transaction", () => {
  it("keeps no base from another host, and writes nothing when it comes back", { timeout: 120_000 }, async () => {
    const { run, statuses, database } = await createRendersWorld(server);
    const configuration = `${FLEET}postgres: { statementTimeout: 5s }\n`;
    expect((await run(["db", "migrate"], configuration)).code).toBe(0);
    let [stop, go] = [() => {}, () => {}];
    let isStopped = false;
    const way = await openPostgresProxy(database.url, (text) => {
      if (!isStopped && text.includes("FOR SHARE")) {
        isStopped = true;
        stop();
      }
      return null;
    });
    const stopped = run(["recover"], configuration, { ...SLOT, STUCK_JOBS_DATABASE_URL: way.url }, (signal) => {
      stop = () => signal("SIGSTOP");
      go = () => signal("SIGCONT");
    });
    await expect.poll(() => isStopped, { timeout: 60_000 }).toBe(true);
    // Waits for the row of the base until the server has ended the transaction.
    await passMinute(database);
    const next = await run(["recover", "-o", "json"], configuration, SLOT);
    expect([next.code, next.stderr, JSON.parse(next.stdout).reports.length]).toEqual([0, "", 1]);
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
    const count = "SELECT count(*)::int AS lines FROM stuck_jobs.journal";
    const before = await database.query(count);
    go();
    await stopped;
    expect(await database.query(count)).toEqual(before);
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
  });
});

describe("a fence in the transaction of a write", () => {
  it("lets nothing be written once its row is gone, and holds the row until then", async () => {
    const world = await server.createDatabase();
    const parsed = parseDatabaseUrl(world.url);
    if (parsed.kind !== "address") throw new Error(parsed.message);
    const options = { address: parsed.address, limits: DEFAULT_LIMITS, clock: systemClock, random: Math.random };
    const plain = openDatabase(options);
    await world.query("CREATE TABLE held (id int PRIMARY KEY); CREATE TABLE done (n int); INSERT INTO held VALUES (1)");
    const fence = { text: "SELECT FROM held WHERE id = $1 FOR SHARE", values: [1] };
    const database = withFence(plain, { fence, check: () => undefined });
    const order: string[] = [];
    await database.write(async (query) => {
      const gone = world.query("DELETE FROM held").then(() => order.push("lost"));
      await new Promise((resolve) => setTimeout(resolve, 200));
      await query("INSERT INTO done VALUES (1)");
      order.push("written");
      // The delete waits for this transaction, so that it is not waited for here.
      void gone;
    }, neverAborted());
    await expect.poll(() => order).toEqual(["written", "lost"]);
    const late = database.write((query) => query("INSERT INTO done VALUES (2)"), neverAborted());
    await expect(late).rejects.toThrow("another host may sweep this base now");
    expect(await world.query("SELECT n FROM done")).toEqual([{ n: 1 }]);
    await plain.close();
    await world.close();
  });

  it("lets nothing be written by a host that stood still between the start of the transaction and the write", async () => {
    const world = await server.createDatabase();
    const parsed = parseDatabaseUrl(world.url);
    if (parsed.kind !== "address") throw new Error(parsed.message);
    const options = { address: parsed.address, limits: DEFAULT_LIMITS, clock: systemClock, random: Math.random };
    const plain = openDatabase(options);
    await world.query("CREATE TABLE done (n int)");
    let checks = 0;
    const check = () => {
      checks += 1;
      if (checks > 1) throw new UpstreamError("unavailable", "silent for too long");
    };
    const database = withFence(plain, { fence: { text: "SELECT 1", values: [] }, check });
    const late = database.write((query) => query("INSERT INTO done VALUES (1)"), neverAborted());
    await expect(late).rejects.toThrow("silent for too long");
    expect(await world.query("SELECT n FROM done")).toEqual([]);
    await Promise.all([plain.close(), world.close()]);
  });
});
