import { type Command, Option } from "commander";
import type { Duration } from "../../core/domain/job.ts";
import { baseOption, duration, wholeNumber } from "../options.ts";
import { type CommandContext, configureLog } from "./sweep.ts";

/** The flags of `stuck-jobs stats`. */
export interface StatsFlags {
  readonly since: Duration;
  readonly maxPages: number;
  readonly output?: "table" | "json";
  readonly html?: string;
  readonly learn?: boolean;
  readonly journal?: string;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: boolean;
}

const WEEK: Duration = 7 * 86_400_000;

/** `stuck-jobs stats`: how many webhooks are lost, and what came of it. */
export function addStats(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("stats")
    .summary("how many webhooks were lost, what polling did about it, and how long jobs take")
    .description(
      "Counts what became of the jobs that were created lately: completed by their webhook or by polling, failed and why, still stuck; the time to recovery; the trend of lost webhooks; each operation's usual duration, with thresholds that would fit. Reads the base and the journal, and never writes to it.",
    )
    .addOption(
      new Option("--since <dur>", "jobs created this long ago or later").argParser(duration).default(WEEK, "7d"),
    )
    .addOption(
      new Option("--max-pages <n>", "read at most this many pages of 100 jobs, each one request")
        .argParser(wholeNumber(1, 1000))
        .default(50),
    )
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("--html <file>", "write a page with plots into this file as well")
    .option("--learn", "keep the usual durations, so that scan can tell what is unusual")
    .option("--journal <path|none>", "what was written before, as this file tells (default: in the state folder)")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "count the jobs of the embedded sandbox instead of a base's")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs stats                              the last week
  stuck-jobs stats --since 30d --html loss.html
  stuck-jobs stats -o json | jq .total.lost     the share of lost webhooks, from 0 to 1
  stuck-jobs stats --sandbox --since 30d`,
    )
    .action(async (flags: StatsFlags) => {
      configureLog("stats", flags, terminal);
      const { runStats } = await import("../run-stats.ts");
      exit(await runStats(flags, { env, terminal }));
    });
}
