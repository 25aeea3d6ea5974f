import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startPostgres, type TestDatabase, type TestServer } from "../support/postgres.ts";
import { type Ran, stuckJobs } from "./cli.ts";
import { type ManyBases, type ManyBasesOptions, openManyBases } from "./many-world.ts";
import { reportsIn } from "./report.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(async () => {
  await server.stop();
});

interface Fleet {
  readonly world: ManyBases;
  readonly database: TestDatabase;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  host(args: readonly string[], env?: Readonly<Record<string, string>>, cwd?: string): Promise<Ran>;
}

async function openFleet(count: number, more = "", options: ManyBasesOptions = {}): Promise<Fleet> {
  const world = await openManyBases(count, options);
  const database = await server.createDatabase();
  onTestFinished(() => database.close());
  // A slot of an hour: a test that begins at the end of one is rare.
  const env = { ...world.env, STUCK_JOBS_DATABASE_URL: database.url, POLLING_INTERVAL_MINUTES: "60" };
  const cwd = world.configured(`fleet: { schema: stuck_jobs }\n${more}`);
  const host: Fleet["host"] = (args, extra = {}, folder = cwd) =>
    stuckJobs(args, { env: { ...env, ...extra }, cwd: folder });
  const migrated = await host(["db", "migrate"]);
  expect([migrated.code, migrated.stderr]).toEqual([0, ""]);
  return { world, database, env, cwd, host };
}

describe("two hosts of a fleet", () => {
  it("share the bases of a slot: each is swept once, whoever comes first", async () => {
    const { world, host } = await openFleet(12);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const ran = await Promise.all([host(["recover", "-o", "json"]), host(["recover", "-o", "json"])]);
    expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    const swept = ran.flatMap(({ stdout }) => reportsIn(stdout).reports.map(({ base }) => base?.id));
    expect(swept.toSorted()).toEqual(world.ids.toSorted());
    expect(world.ids.map((_, n) => world.status(n, "recoverable"))).toEqual(world.ids.map(() => "completed"));
    const again = await host(["recover", "-o", "json"]);
    expect([again.code, reportsIn(again.stdout).reports]).toEqual([0, []]);
  });
});
