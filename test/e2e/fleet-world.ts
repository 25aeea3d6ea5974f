import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { TestDatabase, TestServer } from "../support/postgres.ts";
import { folder, type Ran, type RunOptions, stuckJobs } from "./cli.ts";
import { type ManyBases, type ManyBasesOptions, openManyBases } from "./many-world.ts";

/** Hosts that share one database and the bases of one world. */
export interface Fleet {
  readonly world: ManyBases;
  readonly database: TestDatabase;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  host(args: readonly string[], options?: RunOptions): Promise<Ran>;
}

/** Opens a fleet over a database of its own, with its tables made. */
export async function openFleet(
  server: TestServer,
  count: number,
  options: ManyBasesOptions & { readonly more?: string } = {},
): Promise<Fleet> {
  const { more = "" } = options;
  const world = await openManyBases(count, options);
  const database = await server.createDatabase(await migratedDatabase(server));
  onTestFinished(() => database.close());
  // A slot of an hour: a test that begins at the end of one is rare.
  const env = { ...world.env, STUCK_JOBS_DATABASE_URL: database.url, POLLING_INTERVAL_MINUTES: "60" };
  const cwd = world.configured(`fleet: { schema: stuck_jobs }\n${more}`);
  const host: Fleet["host"] = (args, options = {}) =>
    stuckJobs(args, { cwd, ...options, env: { ...env, ...options.env } });
  return { world, database, env, cwd, host };
}

/** The database of each server that has the tables, and nothing in them. */
const migratedDatabases = new WeakMap<TestServer, Promise<TestDatabase>>();

/** Makes the tables once for all tests of a server: each gets a copy. */
export function migratedDatabase(server: TestServer): Promise<TestDatabase> {
  const made = migratedDatabases.get(server) ?? createMigrated(server);
  migratedDatabases.set(server, made);
  return made;
}

async function createMigrated(server: TestServer): Promise<TestDatabase> {
  const database = await server.createDatabase();
  const cwd = folder();
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), "fleet: {}\nbases: [{ baseId: appMany0000000000, name: base-0 }]\n");
  const migrated = await stuckJobs(["db", "migrate"], { cwd, env: { STUCK_JOBS_DATABASE_URL: database.url } });
  expect([migrated.code, migrated.stderr]).toEqual([0, ""]);
  return database;
}

/** Moves what hosts have said of themselves, and what they announced to write, a minute into the past. */
export async function passMinute(database: TestDatabase): Promise<void> {
  await database.query(
    `UPDATE stuck_jobs.job SET heartbeat_on = heartbeat_on - interval '1 minute' WHERE name = 'sweeps' AND state = 'active';
UPDATE stuck_jobs.queue SET monitor_claim_on = now() - interval '1 minute';
UPDATE stuck_jobs.journal SET line = jsonb_set(line::jsonb, '{at}', to_jsonb((line->>'at')::timestamptz - interval '1 minute'))
WHERE line->>'at' IS NOT NULL`,
  );
}

/** Ends or stops a host at the nth request that writes, before it is answered. */
export function atWrite(nth: number, act: () => void): NonNullable<ManyBasesOptions["instead"]> {
  let writes = 0;
  return (_, { method }) => {
    if (method !== "PATCH") return undefined;
    writes += 1;
    if (writes === nth) act();
    return undefined;
  };
}

/** Longer than the shortest heartbeat, as the database counts it. */
export const silence = () => new Promise((resolve) => setTimeout(resolve, 10_500));
