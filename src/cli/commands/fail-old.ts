import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { addJsonOption, addMonitoringOptions, addSharedOptions, addWriteOptions } from "../options.ts";
import { sweepAction } from "./sweep.ts";

/** Adds `stuck-jobs fail-old`: the failing half, without an upper age. */
export function addFailOld(program: Command, context: CommandContext): void {
  const command = program
    .command("fail-old")
    .description(
      "Only the failing half of `recover`, at any age past --fail-after, also beyond --max-age, after a fresh probe of each job. A job with an output is reported, never failed.",
    );
  addMonitoringOptions(addWriteOptions(addJsonOption(addSharedOptions(command)))).addHelpText(
    "after",
    `
Examples:
  stuck-jobs fail-old --dry-run              see it first
  stuck-jobs fail-old --fail-after 7d        only what is over a week old
  stuck-jobs fail-old --job recXXXXXXXXXXXXXX`,
  );
  sweepAction(command, "fail-old", context);
}
