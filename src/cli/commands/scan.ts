import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { addJsonOption, addSharedOptions } from "../options.ts";
import { sweepAction } from "./sweep.ts";

/** Adds `stuck-jobs scan`: shows stuck jobs, never writes. */
export function addScan(program: Command, context: CommandContext): void {
  const command = program
    .command("scan")
    .description(
      "Lists stuck jobs, gathers the evidence for each and shows what `recover` would do, and why. Never writes.",
    );
  addJsonOption(addSharedOptions(command))
    .option("--exit-code", "exit with 10 when there are stuck jobs")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs scan --sandbox                  try it without a base
  stuck-jobs scan --older-than 1h            only what has been stuck for over an hour
  stuck-jobs scan --job recXXXXXXXXXXXXXX -v one job, with the evidence
  stuck-jobs scan -o json | jq .summary      for scripts
  stuck-jobs scan --json id,verdict,reason   only these keys of each job`,
    );
  sweepAction(command, "scan", context);
}
