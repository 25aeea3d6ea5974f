import type { Command } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import type { DatabaseJournal } from "../../config/resolve/journal.ts";
import { isUpstreamFailure } from "../../core/ports/errors.ts";
import { secretsOfAddress } from "../../database/database-url.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import { listsBases, resolveConfigured } from "../settings/select-bases.ts";

interface MigrateFlags {
  readonly dryRun?: boolean;
  readonly config?: string;
}

/** Adds `stuck-jobs db`: the tables that stuck-jobs keeps in PostgreSQL. */
export function addDb(program: Command, context: CommandContext): void {
  const db = program
    .command("db")
    .description("Creates and upgrades the tables that stuck-jobs keeps in PostgreSQL: journal and history.");
  db.command("migrate")
    .summary("create the tables, or bring them up to this version")
    .description(
      "Creates the schema and the tables of journal.postgres in the database of STUCK_JOBS_DATABASE_URL, or brings them up to this version, in one transaction. Safe to run twice and by several hosts at once. No other command does so by itself.",
    )
    .option("-n, --dry-run", "print the SQL that would be run; change nothing")
    .option("--config <file>", "the configuration that names the schema (default: the one found from here)")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs db migrate --dry-run
  STUCK_JOBS_DATABASE_URL=postgres://owner:secret@db.example/app stuck-jobs db migrate`,
    )
    .action(async (flags: MigrateFlags) => {
      configureLog("db", {}, context.terminal);
      context.exit(await runMigrate(flags, context));
    });
}

/** Runs `db migrate` and returns its exit code. */
async function runMigrate(flags: MigrateFlags, context: CommandContext): Promise<ExitCode> {
  const journals = await findJournals(flags, context);
  try {
    for (const journal of journals) await migrateOne(journal, flags.dryRun === true, context);
    return EXIT.success;
  } catch (error) {
    if (!isUpstreamFailure(error)) throw error;
    context.terminal.log(error.hint === null ? error.message : `${error.message}\n${error.hint}`, "error");
    return exitCodeOfFailure(error);
  }
}

/**
 * Finds the schemas that the configuration names, without the token that Airtable bases need.
 *
 * @throws ConfigError where it names none
 */
async function findJournals({ config }: MigrateFlags, { env, terminal }: CommandContext) {
  const environment = readEnvironment(env);
  const file = await readConfigFile(config ?? null, process.cwd());
  const { token, baseId } = environment;
  const known = { ...environment, token: token ?? "none", baseId: listsBases(file) ? null : (baseId ?? "appNone") };
  const { bases } = resolveConfigured(file, known, null, {});
  const journals = new Map<string, DatabaseJournal>();
  for (const { journal } of bases) {
    if (journal.place?.kind === "postgres") journals.set(journal.place.schema, journal.place);
  }
  if (journals.size === 0) {
    const message = "missing; expected the schema of the tables, such as journal: { postgres: { schema: stuck_jobs } }";
    throw new ConfigError([{ path: "journal.postgres", message }]);
  }
  for (const { address } of journals.values())
    for (const secret of secretsOfAddress(address)) terminal.addSecret(secret);
  return [...journals.values()];
}

async function migrateOne(
  { schema, address, limits }: DatabaseJournal,
  isDryRun: boolean,
  { terminal }: CommandContext,
): Promise<void> {
  const [{ openDatabase }, { migrate, pendingMigrations, readMigrations }] = await Promise.all([
    import("../../database/connection.ts"),
    import("../../database/migrate.ts"),
  ]);
  const database = openDatabase({ address, limits, clock: systemClock, random: Math.random });
  const never = new AbortController().signal;
  try {
    const migrations = await readMigrations();
    const change = isDryRun ? pendingMigrations : migrate;
    const changed = await change(database, schema, migrations, never);
    if (isDryRun) for (const { name, sql } of changed) terminal.out(`-- ${name}, in the schema ${schema}\n${sql}\n`);
    const names = changed.map(({ name }) => name).join(", ");
    const done = changed.length === 0 ? "up to date" : `${isDryRun ? "would apply" : "applied"} ${names}`;
    terminal.out(`${isDryRun ? "-- " : ""}schema ${schema} of ${database.name}: ${done}\n`);
  } finally {
    await database.close();
  }
}
