import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UpstreamError } from "../core/ports/errors.ts";
import { type Database, upstreamError, WriteFailure } from "./connection.ts";
import { quoteIdentifier } from "./identifiers.ts";

/** One step of a schema: a file of plain SQL, whose name begins with its version. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The bundle lies in dist/, the source in src/database/. */
const FOLDERS = ["../migrations/", "../../migrations/"];

/** Reads the migrations of this installation, in their order. */
export async function readMigrations(): Promise<readonly Migration[]> {
  const folder = FOLDERS.map((each) => fileURLToPath(new URL(each, import.meta.url))).find((each) => existsSync(each));
  if (folder === undefined) throw new Error("the folder migrations/ is missing from this installation");
  const names = (await readdir(folder)).filter((name) => /^\d+-.+\.sql$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => ({
      version: Number.parseInt(name, 10),
      name,
      sql: await readFile(join(folder, name), "utf8"),
    })),
  );
}

/** Says which migrations a schema still lacks. Writes nothing. */
export async function pendingMigrations(
  database: Database,
  schema: string,
  migrations: readonly Migration[],
  signal: AbortSignal,
): Promise<readonly Migration[]> {
  const table = `${quoteIdentifier(schema)}.migrations`;
  const [found] = await database.read("SELECT to_regclass($1) IS NOT NULL AS there", [table], signal);
  if (found?.there !== true) return migrations;
  return lacking(await database.read(`SELECT version FROM ${table}`, [], signal), schema, migrations);
}

/**
 * Brings a schema up to date, in one transaction, and returns what was applied. Where two do so at once, the second
 * waits for the first and finds nothing left to do.
 *
 * @throws UpstreamError where it could not be done: then nothing was changed
 */
export async function migrate(
  database: Database,
  schema: string,
  migrations: readonly Migration[],
  signal: AbortSignal,
): Promise<readonly Migration[]> {
  const quoted = quoteIdentifier(schema);
  try {
    return await database.write(async (query) => {
      await query("SELECT pg_advisory_xact_lock(hashtext('stuck-jobs migrations ' || $1))", [schema]);
      const [found] = await query("SELECT to_regnamespace($1) IS NOT NULL AS there", [quoted]);
      if (found?.there !== true) await query(`CREATE SCHEMA ${quoted}`);
      await query(`SET LOCAL search_path = ${quoted}`);
      await query(
        "CREATE TABLE IF NOT EXISTS migrations (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
      );
      const pending = lacking(await query("SELECT version FROM migrations"), schema, migrations);
      for (const { version, name, sql } of pending) {
        await query(sql);
        await query("INSERT INTO migrations (version, name) VALUES ($1, $2)", [version, name]);
      }
      return pending;
    }, signal);
  } catch (error) {
    if (error instanceof WriteFailure) throw upstreamError(error.failure, database.name, 1, error);
    throw error;
  }
}

/**
 * Checks that a schema is as this version needs it.
 *
 * @throws UpstreamError where it is not, with the command that mends it
 */
export async function requireMigrated(database: Database, schema: string, signal: AbortSignal): Promise<void> {
  const pending = await pendingMigrations(database, schema, await readMigrations(), signal);
  if (pending.length === 0) return;
  const names = pending.map(({ name }) => name).join(", ");
  throw new UpstreamError(
    "config",
    `PostgreSQL ${database.name}: the schema "${schema}" lacks ${names}`,
    "Run stuck-jobs db migrate as a role that may create tables there.",
  );
}

function lacking(
  applied: readonly { readonly version?: unknown }[],
  schema: string,
  migrations: readonly Migration[],
): readonly Migration[] {
  const versions = new Set(applied.map(({ version }) => Number(version)));
  const newest = Math.max(0, ...versions);
  if (migrations.every(({ version }) => version < newest) && newest > 0) {
    throw new UpstreamError(
      "config",
      `the schema "${schema}" is at version ${newest}, which a newer stuck-jobs made`,
      "Upgrade stuck-jobs on this host.",
    );
  }
  return migrations.filter(({ version }) => !versions.has(version));
}
