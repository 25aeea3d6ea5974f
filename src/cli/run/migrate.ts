import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError, type Problem } from "../../config/problems.ts";
import { resolveAddress } from "../../config/resolve/postgres.ts";
import { validateConfig } from "../../config/resolve/validate.ts";
import { isUpstreamFailure } from "../../core/ports/errors.ts";
import type { Database } from "../../database/connection.ts";
import { type DatabaseAddress, secretsOfAddress } from "../../database/database-url.ts";
import type { ConnectionLimits } from "../../database/limits.ts";
import { QUEUE_VERSION } from "../../fleet/versions.ts";
import { systemClock } from "../../system/clock.ts";
import { neverAborted } from "../../system/never.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The flags of `db migrate` and `fleet migrate`. */
export interface MigrateFlags {
  readonly dryRun?: boolean;
  readonly config?: string;
}

/** Runs `db migrate` and returns its exit code. */
export async function runMigrate(flags: MigrateFlags, context: CommandContext): Promise<ExitCode> {
  const schemas = await findSchemas(flags, context);
  try {
    for (const schema of schemas) await migrateOne(schema, flags.dryRun === true, context);
    return EXIT.success;
  } catch (error) {
    if (!isUpstreamFailure(error)) throw error;
    context.terminal.log(error.hint === null ? error.message : `${error.message}\n${error.hint}`, "error");
    return exitCodeOfFailure(error);
  }
}

/** A schema that stuck-jobs keeps tables in, and whether the queue of a fleet is among them. */
interface Schema {
  readonly schema: string;
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
  readonly hasQueue: boolean;
}

/**
 * Finds the schemas that the configuration names, without the tokens that Airtable bases need.
 *
 * @throws ConfigError where it names none, or the environment no database
 */
async function findSchemas({ config }: MigrateFlags, { env, terminal }: CommandContext): Promise<readonly Schema[]> {
  const environment = readEnvironment(env);
  const { bases } = validateConfig(await readConfigFile(config ?? null, process.cwd()), environment);
  const schemas = new Map<string, Schema>();
  for (const { journal, fleet } of bases) {
    if (journal.place?.kind === "postgres" && !schemas.has(journal.place.schema)) {
      schemas.set(journal.place.schema, { ...journal.place, hasQueue: false });
    }
    if (fleet !== null) schemas.set(fleet.schema, { ...fleet, hasQueue: true });
  }
  if (schemas.size === 0) {
    const message =
      "missing, as is fleet; expected one of them with the schema of the tables, such as fleet: { schema: stuck_jobs }";
    throw new ConfigError([{ path: "journal.postgres", message }]);
  }
  const problems: Problem[] = [];
  const address = resolveAddress(environment, problems);
  if (address === null) throw new ConfigError(problems);
  for (const secret of secretsOfAddress(address)) terminal.addSecret(secret);
  return [...schemas.values()];
}

async function migrateOne(
  { schema, address, limits, hasQueue }: Schema,
  isDryRun: boolean,
  { terminal }: CommandContext,
): Promise<void> {
  const [{ openDatabase }, { migrate, pendingMigrations, readMigrations }] = await Promise.all([
    import("../../database/connection.ts"),
    import("../../database/migrate.ts"),
  ]);
  const database = openDatabase({ address, limits, clock: systemClock, random: Math.random });
  const never = neverAborted();
  try {
    const migrations = await readMigrations();
    const change = isDryRun ? pendingMigrations : migrate;
    const changed = await change(database, schema, migrations, never);
    if (isDryRun) for (const { name, sql } of changed) terminal.out(`-- ${name}, in the schema ${schema}\n${sql}\n`);
    const queue = hasQueue ? await migrateQueueOf(database, schema, isDryRun, terminal) : [];
    const names = [...changed.map(({ name }) => name), ...queue].join(", ");
    const done = names === "" ? "up to date" : `${isDryRun ? "would apply" : "applied"} ${names}`;
    terminal.out(`${isDryRun ? "-- " : ""}schema ${schema} of ${database.name}: ${done}\n`);
  } finally {
    await database.close();
  }
}

/** Brings the queue's tables up to date, after those of stuck-jobs; returns what was done, in words. */
async function migrateQueueOf(
  database: Database,
  schema: string,
  isDryRun: boolean,
  terminal: Terminal,
): Promise<readonly string[]> {
  const { migrateQueue, pendingQueueSql } = await import("../../fleet/queue.ts");
  const sql = await pendingQueueSql(database, schema);
  if (isDryRun && sql !== null) terminal.out(`-- the queue (pg-boss), in the schema ${schema}\n${sql}\n`);
  // Its queues may be missing where its tables are there.
  if (!isDryRun) await migrateQueue(database, schema);
  return sql === null ? [] : [`the queue of version ${QUEUE_VERSION}`];
}
