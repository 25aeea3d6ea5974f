import { randomUUID } from "node:crypto";
import pg from "pg";

/** Creates a database of its own for one measurement. */
export async function createDatabase(url: string) {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  await admin.query(`CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: own.href });
  await client.connect();
  return {
    url: own.href,
    query: async (text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]> =>
      (await client.query(text, values === undefined ? undefined : [...values])).rows ?? [],
    async close() {
      await client.end();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
