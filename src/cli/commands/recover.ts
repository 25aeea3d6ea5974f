import type { Command } from "commander";
import { addMonitoringOptions, addRecoverOptions, addSharedOptions, addWriteOptions } from "../options.ts";
import { type CommandContext, sweepAction } from "./sweep.ts";

/** `stuck-jobs recover`: the sweep that the scheduler runs. */
export function addRecover(program: Command, surroundings: CommandContext): void {
  const command = program
    .command("recover")
    .summary("complete jobs whose output exists, fail those whose output is proven absent")
    .description(
      "One full sweep: completes the jobs whose output exists, and fails those past --fail-after whose output is proven absent. This is what the scheduler runs.",
    );
  addMonitoringOptions(addRecoverOptions(addWriteOptions(addSharedOptions(command)))).addHelpText(
    "after",
    `
Examples:
  stuck-jobs recover --dry-run               see it first
  stuck-jobs recover                         what cron runs, every 2 minutes
  stuck-jobs recover --limit 1               one job, to see that it works
  stuck-jobs recover --operation combine --confirm`,
  );
  sweepAction(command, "recover", surroundings);
}
