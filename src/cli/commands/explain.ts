import { type Command, Option } from "commander";
import { baseOption, type Flags } from "../options.ts";
import { type CommandContext, configureLog } from "./sweep.ts";

/** `stuck-jobs explain`: why one job is treated as it is. */
export function addExplain(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("explain")
    .summary("all that is known of one job, the verdict, and what would change it")
    .description(
      "All that is known of one job: its record and target, each place where its output may be with the answer from there, its provider's word, the verdict with the rule behind it, and what would change it. Never writes.",
    )
    .argument("<job>", "record id or external id")
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "look into the embedded sandbox instead of a base")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs explain recXXXXXXXXXXXXXX
  stuck-jobs explain 24422850-abc3-4525-9567-e2fd4bd0adcb -o json
  stuck-jobs explain recTwoTargets0001 --sandbox`,
    )
    .action(async (job: string, flags: Flags) => {
      configureLog("explain", flags, terminal);
      const { runExplain } = await import("../run-explain.ts");
      exit(await runExplain(job, { command: "scan", flags, env, terminal }));
    });
}
