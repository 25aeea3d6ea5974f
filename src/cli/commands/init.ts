import type { Command } from "commander";
import type { CommandContext } from "./sweep.ts";

/** The flags of `stuck-jobs init`. */
export interface InitFlags {
  readonly yes?: boolean;
  readonly output: string;
  readonly dryRun?: boolean;
  readonly base?: string;
  readonly table?: string;
  readonly storageUrl?: string;
  readonly color: boolean;
}

/** `stuck-jobs init`: a configuration from the base's own schema. */
export function addInit(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("init")
    .summary("write a commented configuration from the base's schema, then run doctor and scan")
    .description(
      "Reads the base's schema and its latest jobs, finds the table, fields and statuses of the jobs, proposes an operation for each kind of work, and writes a commented configuration file. Then it runs doctor and scan with it. Asks on a terminal. Writes nothing but that file, and never over another.",
    )
    .option("-y, --yes", "take what is proposed, ask nothing")
    .option("--output <file>", "the file to write", ".stuck-jobsrc.yaml")
    .option("-n, --dry-run", "print the file, write and run nothing")
    .option("--base <id>", "the base (or AIRTABLE_BASE_ID)")
    .option("--table <name>", "the table of the jobs, if it is not recognised")
    .option("--storage-url <url>", "where the outputs lie, if no job tells")
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      `
The token, AIRTABLE_API_KEY, needs the scopes data.records:read and schema.bases:read. Without the latter init asks for
the names of table and fields.

Examples:
  stuck-jobs init                  asks, and writes .stuck-jobsrc.yaml
  stuck-jobs init --yes --dry-run  only shows what it would write`,
    )
    .action(async (flags: InitFlags) => {
      const { runInit } = await import("../run-init.ts");
      exit(await runInit(flags, { env, terminal }));
    });
}
