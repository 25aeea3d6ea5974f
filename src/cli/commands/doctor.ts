import { type Command, Option } from "commander";
import { baseOption } from "../options.ts";
import type { CommandContext } from "./sweep.ts";

/** The flags of `stuck-jobs doctor`. */
export interface DoctorFlags {
  readonly output?: "table" | "json";
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: boolean;
}

/** `stuck-jobs doctor`: what is wrong, before it hurts. */
export function addDoctor(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("doctor")
    .summary("check configuration, token, base, storage and schedule; what is wrong, and what to do")
    .description(
      "Checks the configuration, the token with its scopes, every table, field and select option that is named, the storage and how it answers for what is missing, the providers, the clock, the lock, traces of other pollers, and what the schedule costs of Airtable's monthly calls. Changes nothing, and never writes to the base.",
    )
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print only what is not well")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "examine the embedded sandbox instead of a base")
    .addHelpText(
      "after",
      `
Exit codes: 0 well, also with warnings; 2 the configuration, or the base's schema, does not fit;
  4 the token; 5 Airtable or the storage is out of reach.

Examples:
  stuck-jobs doctor                       before the first recover, and after each change to the base
  stuck-jobs doctor --sandbox             what it looks like when all is well
  stuck-jobs doctor -o json | jq .worst   for scripts: "pass", "warn" or "fail"`,
    )
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import("../run-doctor.ts");
      exit(await runDoctor(flags, { env, terminal }));
    });
}
