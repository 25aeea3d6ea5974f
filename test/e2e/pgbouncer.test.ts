import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectTo, NEVER } from "../stores/postgres/world.ts";
import { HAS_PGBOUNCER, type PgBouncer, startPgBouncer } from "../support/pgbouncer.ts";
import { startPostgres, type TestServer } from "../support/postgres.ts";
import { race } from "./race.ts";
import { createRendersWorld } from "./renders.ts";

describe.skipIf(!HAS_PGBOUNCER)("through PgBouncer in transaction mode, with two connections to the server", () => {
  let server: TestServer;
  let pooler: PgBouncer;
  beforeAll(async () => {
    server = await startPostgres();
    pooler = await startPgBouncer(server.url);
  });
  afterAll(async () => {
    await pooler?.stop();
    await server?.stop();
  });

  it("migrates, examines, recovers and takes it back", async () => {
    const { database, run, statuses } = await createRendersWorld(server);
    const env = { STUCK_JOBS_DATABASE_URL: pooler.urlFor(database.url) };
    expect(await run(["db", "migrate"], undefined, env)).toMatchObject({ code: 0, stderr: "" });
    expect(await run(["doctor"], undefined, env)).toMatchObject({ code: 0 });
    const recover = await run(["recover", "-o", "json"], undefined, env);
    expect(recover).toMatchObject({ code: 0, stderr: "" });
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
    const { runId } = JSON.parse(recover.stdout);
    expect(await run(["undo", runId], undefined, env)).toMatchObject({ code: 0, stderr: "" });
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it("leaves no setting on the connections that others get", async () => {
    const { url } = await server.createDatabase();
    const own = connectTo(pooler.urlFor(url), { statementTimeout: 1234, lockTimeout: 1234 });
    await Promise.all([1, 2, 3, 4].map(() => own.read("SELECT pg_sleep(0.05)", [], NEVER)));
    const other = connectTo(pooler.urlFor(url), { statementTimeout: 0, lockTimeout: 0 });
    const settings =
      "SELECT reset_val FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'default_transaction_read_only') ORDER BY name";
    expect(await other.read(settings, [], NEVER)).toEqual([
      { reset_val: "off" },
      { reset_val: "0" },
      { reset_val: "0" },
    ]);
    expect(await other.read("SHOW statement_timeout", [], NEVER)).toEqual([{ statement_timeout: "0" }]);
  });

  it("writes each job once where processes and a webhook handler race, and a process is killed", async () => {
    const through = (url: string) => pooler.urlFor(url);
    const { problems } = await race(server, { seed: 3, jobs: 200, processes: 3, kills: 1, through });
    expect(problems).toEqual([]);
  });
});
