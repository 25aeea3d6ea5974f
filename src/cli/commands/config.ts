import { type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { listConfigs } from "../../config/resolve/bases.ts";
import { listValues } from "../../config/resolve/origins.ts";
import { validateConfig } from "../../config/resolve/validate.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { renderConfigJson, renderConfigTable } from "../render/config.ts";

interface ConfigFlags {
  readonly config?: string;
}

interface ShowFlags extends ConfigFlags {
  readonly output?: "table" | "json";
}

/** Adds `stuck-jobs config`: what is configured, and whether it is valid. */
export function addConfig(program: Command, context: CommandContext): void {
  const { terminal, exit } = context;
  const config = program.command("config").description("Shows and checks the configuration. Sends no request.");
  config
    .command("show")
    .summary("print every value and where it comes from")
    .description(
      "Prints every value of the configuration and where it comes from: a variable, a file, the preset or a default. Secrets are masked. Flags of other commands are not among them.",
    )
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("--config <file>", "read this configuration file")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs config show
  stuck-jobs config show -o json | jq '.bases[0].values[] | select(.from != "default")'`,
    )
    .action(async (flags: ShowFlags) => {
      terminal.logAs({ command: "config" });
      exit(await showConfig(flags, context));
    });
  config
    .command("validate")
    .summary("check the configuration, offline")
    .description(
      "Checks the configuration file and the environment, and reports everything that is wrong at once. Needs no token and sends no request, so that CI can run it; doctor checks the base and the storage too.",
    )
    .option("--config <file>", "check this configuration file")
    .addHelpText("after", "\nExit codes: 0 valid; 2 not valid.")
    .action(async (flags: ConfigFlags) => {
      terminal.logAs({ command: "config" });
      exit(await checkConfiguration(flags, context));
    });
}

/** Prints the values of every base. @throws ConfigError for a file that cannot be read, or is not valid */
async function showConfig({ config, output }: ShowFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const environment = readEnvironment(env);
  const file = await readConfigFile(config ?? null, process.cwd());
  const bases = listConfigs(file).map(({ name, file: own }) => ({
    name,
    values: listValues(own, name === null ? environment : { ...environment, baseId: null }, env),
  }));
  const shown = { path: file.path, bases };
  terminal.out(output === "json" ? renderConfigJson(shown) : renderConfigTable(shown));
  validateConfig(file, environment);
  return EXIT.success;
}

/** Prints that the configuration is valid. @throws ConfigError where it is not */
async function checkConfiguration({ config }: ConfigFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const environment = readEnvironment(env);
  const file = await readConfigFile(config ?? null, process.cwd());
  const { bases, missing } = validateConfig(file, environment);
  const names = [...new Set(bases.flatMap(({ operations }) => operations.map(({ name }) => name)))];
  const where = file.path ?? "no configuration file; the preset nca";
  const operations = names.length === 0 ? "no operation" : `operations: ${names.join(", ")}`;
  terminal.out(`valid: ${where} (${operations})\n`);
  if (missing.length > 0) terminal.log(`not set here, but needed by a run: ${missing.join(", ")}`);
  return EXIT.success;
}
