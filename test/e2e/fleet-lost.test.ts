import { describe, expect, it } from "vitest";
import { openPostgresProxy } from "../support/postgres-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";
import { atWrite, openFleet, passMinute, silence } from "./fleet-world.ts";
import { reportsIn } from "./report.ts";

const server = usePostgres();

describe("a host that is killed in the middle of a sweep", () => {
  it("is replaced by another one, which ends the sweep as an undisturbed one does", { timeout: 120_000 }, async () => {
    let kill = () => {};
    const { world, host, database } = await openFleet(server, 3, { instead: atWrite(2, () => kill()) });
    for (const n of world.ids.keys()) for (let each = 0; each < 3; each += 1) world.stuck(n, "recoverable", each);
    const lost = await host(["recover"], { started: (signal) => (kill = () => signal("SIGKILL")) });
    expect(lost.signal).toBe("SIGKILL");
    await passMinute(database);
    const next = await host(["recover", "-o", "json"]);
    expect([next.code, next.stderr]).toEqual([0, ""]);
    expect(reportsIn(next.stdout).reports.length).toBeGreaterThan(0);
    const statuses = world.ids.flatMap((_, n) => [0, 1, 2].map((each) => world.status(n, "recoverable", each)));
    expect(statuses).toEqual(statuses.map(() => "completed"));
  });
});

const JOBS = 3;

describe("a host that is stopped for longer than its heartbeat, and comes back", () => {
  it("writes nothing any more, although what it reads from then on is new", { timeout: 120_000 }, async () => {
    let [stop, go] = [() => {}, () => {}];
    let requests = 0;
    let isBack = false;
    const writes: string[] = [];
    const { world, host, database } = await openFleet(server, 1, {
      instead: (_, { method, path }) => {
        if (method === "PATCH") writes.push(path);
        requests += 1;
        if (requests === 1) stop();
        return undefined;
      },
    });
    for (let each = 0; each < JOBS; each += 1) world.stuck(0, "recoverable", each);
    const heartbeats: (() => void)[] = [];
    // The queue's answer to its first heartbeat is late: this host has to know by itself that the base is lost.
    const way = await openPostgresProxy(database.url, (text) => {
      if (!isBack || !text.includes("SET heartbeat_on")) return null;
      for (const release of heartbeats) release();
      return heartbeats.length > 0 ? null : new Promise((resolve) => heartbeats.push(resolve));
    });
    const zombie = host(["recover", "-o", "json"], {
      env: { STUCK_JOBS_DATABASE_URL: way.url },
      started: (signal) => {
        stop = () => signal("SIGSTOP");
        go = () => signal("SIGCONT");
      },
    });
    await expect.poll(() => requests, { timeout: 30_000 }).toBe(1);
    await silence();
    await database.query("UPDATE stuck_jobs.job SET retry_count = 1, heartbeat_on = now() WHERE name = 'sweeps'");
    isBack = true;
    go();
    const back = await zombie;
    expect(requests).toBeGreaterThan(1);
    expect([writes, back.code, reportsIn(back.stdout).reports]).toEqual([[], 0, []]);
    expect(await database.query("SELECT state::text AS state, retry_count FROM stuck_jobs.job")).toEqual([
      { state: "active", retry_count: 1 },
    ]);
  });
});
