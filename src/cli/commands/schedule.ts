import { Argument, type Command, Option } from "commander";
import type { Duration } from "../../core/domain/job.ts";
import { TARGETS, type Target } from "../../schedule/schedule.ts";
import { duration } from "../options.ts";
import type { CommandContext } from "./sweep.ts";

interface PrintFlags {
  readonly every?: Duration;
  readonly config?: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** `stuck-jobs schedule`: ready files for whatever is to run the sweep. */
export function addSchedule(program: Command, { env, terminal, exit }: CommandContext): void {
  const schedule = program
    .command("schedule")
    .summary("files that let a scheduler run recover")
    .description("Files that let a scheduler run `recover`, for this configuration and interval.");
  schedule
    .command("print")
    .summary("print or write the files for a scheduler")
    .description(
      "Prints the files that let a scheduler run `recover`, each under a line that names it, or writes them into a folder. Needs no token, and asks nobody.",
    )
    .addArgument(new Argument("<target>", "the scheduler").choices([...TARGETS]))
    .addOption(
      new Option("--every <dur>", "the interval (default: POLLING_INTERVAL_MINUTES, or 2m)").argParser(duration),
    )
    .option("--config <file>", "have the sweep read this configuration file (default: the one found from here)")
    .option("--out <dir>", "write the files into this folder instead")
    .addOption(new Option("--force", "with --out, overwrite files that differ"))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs schedule print crontab                   see it
  stuck-jobs schedule print systemd --out units       write stuck-jobs.service and stuck-jobs.timer into units/
  stuck-jobs schedule print kubernetes --every 10m`,
    )
    .action(async (target: Target, flags: PrintFlags) => {
      terminal.logAs({ command: "schedule" });
      const { printSchedule } = await import("../print-schedule.ts");
      exit(await printSchedule({ target, ...flags, env, terminal }));
    });
}
