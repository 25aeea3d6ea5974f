import type { Command } from "commander";
import { type CommandContext, configureLog } from "../context.ts";
import { type MigrateFlags, runMigrate } from "../run/migrate.ts";

/** Adds `stuck-jobs db`: the tables that stuck-jobs keeps in PostgreSQL. */
export function addDb(program: Command, context: CommandContext): void {
  const db = program
    .command("db")
    .description(
      "Creates and upgrades the tables that stuck-jobs keeps in PostgreSQL: journal, history, and the queue of a fleet.",
    );
  db.command("migrate")
    .summary("create the tables, or bring them up to this version")
    .description(
      "Creates the schema and the tables of journal.postgres and of fleet in the database of STUCK_JOBS_DATABASE_URL, or brings them up to this version. Safe to run twice and by several hosts at once. No other command does so by itself.",
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
