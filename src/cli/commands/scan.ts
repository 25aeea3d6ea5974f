import type { Command } from "commander";
import { addSharedOptions } from "../options.ts";
import { type CommandContext, sweepAction } from "./sweep.ts";

/** `stuck-jobs scan`: shows, never writes. */
export function addScan(program: Command, surroundings: CommandContext): void {
  const command = program
    .command("scan")
    .summary("list stuck jobs, the evidence for each, and what recover would do")
    .description(
      "Lists stuck jobs, gathers the evidence for each and shows what `recover` would do, and why. Never writes.",
    );
  addSharedOptions(command)
    .option("--exit-code", "exit with 10 when there are stuck jobs")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs scan --sandbox                  try it without a base
  stuck-jobs scan --older-than 1h            only what has been stuck for over an hour
  stuck-jobs scan --job recXXXXXXXXXXXXXX -v one job, with the evidence
  stuck-jobs scan -o json | jq .summary      for scripts`,
    );
  sweepAction(command, "scan", surroundings);
}
