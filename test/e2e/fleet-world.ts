import { expect, onTestFinished } from "vitest";
import type { TestDatabase, TestServer } from "../support/postgres.ts";
import { type Ran, type RunOptions, stuckJobs } from "./cli.ts";
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
  const database = await server.createDatabase();
  onTestFinished(() => database.close());
  // A slot of an hour: a test that begins at the end of one is rare.
  const env = { ...world.env, STUCK_JOBS_DATABASE_URL: database.url, POLLING_INTERVAL_MINUTES: "60" };
  const cwd = world.configured(`fleet: { schema: stuck_jobs }\n${more}`);
  const host: Fleet["host"] = (args, options = {}) =>
    stuckJobs(args, { cwd, ...options, env: { ...env, ...options.env } });
  const migrated = await host(["db", "migrate"]);
  expect([migrated.code, migrated.stderr]).toEqual([0, ""]);
  return { world, database, env, cwd, host };
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
