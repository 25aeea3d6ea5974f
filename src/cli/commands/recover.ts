import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import {
  addJsonOption,
  addMonitoringOptions,
  addRecoverOptions,
  addSharedOptions,
  addWriteOptions,
} from "../options.ts";
import { sweepAction } from "./sweep.ts";

/** Adds `stuck-jobs recover`: the sweep that a scheduler runs. */
export function addRecover(program: Command, context: CommandContext): void {
  const command = program
    .command("recover")
    .description(
      "One full sweep: completes the jobs whose output exists, and fails those past --fail-after whose output is proven absent. This is what the scheduler runs.",
    );
  addMonitoringOptions(addRecoverOptions(addWriteOptions(addJsonOption(addSharedOptions(command)))))
    .option("-y, --yes", "write without showing the plan and asking on a terminal")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs recover --dry-run               see it first
  stuck-jobs recover                         what cron runs, every 2 minutes
  stuck-jobs recover --job <id>              one job, to see that it works
  stuck-jobs recover --operation combine --confirm`,
    );
  sweepAction(command, "recover", context);
}
