import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestServer } from "../support/postgres.ts";
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
  it("writes nothing any more when it comes back after another one took over", { timeout: 120_000 }, async () => {
    const writers: string[] = [];
    let stop = () => {};
    let go = () => {};
    const pause = atWrite(1, () => stop());
    const { world, host, database } = await openFleet(server, 1, {
      instead: (n, request) => {
        if (request.method === "PATCH") writers.push(String(request.headers["user-agent"] ?? ""));
        return pause(n, request);
      },
    });
    for (let each = 0; each < 12; each += 1) world.stuck(0, "recoverable", each);
    const zombie = host(["recover", "-o", "json"], {
      started: (signal) => {
        stop = () => signal("SIGSTOP");
        go = () => signal("SIGCONT");
      },
    });
    await expect.poll(() => writers.length, { timeout: 30_000 }).toBeGreaterThan(0);
    await silence();
    const next = await host(["recover", "-o", "json"]);
    expect([next.code, reportsIn(next.stdout).reports.length]).toEqual([0, 1]);
    const before = writers.length;
    go();
    const back = await zombie;
    expect(writers.length).toBe(before);
    expect([back.code, reportsIn(back.stdout).reports]).toEqual([0, []]);
    for (let each = 0; each < 12; each += 1) expect(world.status(0, "recoverable", each)).toBe("completed");
    const rows = await database.query(
      "SELECT state::text AS state, retry_count FROM stuck_jobs.job WHERE name = 'sweeps'",
    );
    expect(rows).toEqual([{ state: "completed", retry_count: 1 }]);
  });
});
