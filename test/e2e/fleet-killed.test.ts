import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestServer } from "../support/postgres.ts";
import { openPostgresProxy } from "../support/postgres-proxy.ts";
import { atWrite, openFleet, silence } from "./fleet-world.ts";
import { reportsIn } from "./report.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(async () => {
  await server.stop();
});

describe("a host that is lost in the middle of a sweep", () => {
  it("is replaced by another one, which ends the sweep as an undisturbed one does", { timeout: 120_000 }, async () => {
    let kill = () => {};
    const { world, host } = await openFleet(server, 3, { instead: atWrite(2, () => kill()) });
    for (const n of world.ids.keys()) for (let each = 0; each < 3; each += 1) world.stuck(n, "recoverable", each);
    const lost = await host(["recover"], { started: (signal) => (kill = () => signal("SIGKILL")) });
    expect(lost.signal).toBe("SIGKILL");
    const early = await host(["recover", "-o", "json"]);
    expect(early.code).toBe(0);
    await silence();
    const next = await host(["recover", "-o", "json"]);
    expect([next.code, next.stderr]).toEqual([0, ""]);
    expect(reportsIn(next.stdout).reports.length).toBeGreaterThan(0);
    const statuses = world.ids.flatMap((_, n) => [0, 1, 2].map((each) => world.status(n, "recoverable", each)));
    expect(statuses).toEqual(statuses.map(() => "completed"));
  });

  it("by its way to the database writes nothing more, and says so", { timeout: 120_000 }, async () => {
    let cut = () => {};
    const writes: number[] = [];
    const pause = atWrite(1, () => cut());
    const { world, host, database } = await openFleet(server, 1, {
      instead: (n, request) => {
        if (request.method === "PATCH") writes.push(Date.now());
        return pause(n, request);
      },
    });
    for (let each = 0; each < 25; each += 1) world.stuck(0, "recoverable", each);
    const way = await openPostgresProxy(database.url);
    cut = () => way.cut();
    const ran = await host(["recover"], { env: { STUCK_JOBS_DATABASE_URL: way.url } });
    expect([3, 5]).toContain(ran.code);
    expect(writes.length).toBeLessThan(6);
  });
});
