import { type Command, Option } from "commander";
import type { Duration } from "../../core/domain/job.ts";
import { baseOption, duration, durationOrNone } from "../options.ts";
import type { CommandContext } from "./sweep.ts";

/** The flags of `stuck-jobs replay`. */
export interface ReplayFlags {
  readonly journal: string;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly run?: string;
  readonly olderThan?: Duration;
  readonly failAfter?: Duration;
  readonly maxAge?: Duration | "none";
  readonly output?: "table" | "json";
}

/** `stuck-jobs replay`: what other rules would have decided. */
export function addReplay(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("replay")
    .summary("judge what a journal recorded by another configuration, and show what would differ")
    .description(
      "Judges the jobs that a journal tells of anew, on the evidence of then, by this version and the configuration that is given, and shows the verdicts that would differ. Writes nothing, asks nobody, needs no token.",
    )
    .requiredOption("--journal <path>", "the journal to read, with the files that were set aside")
    .option("--config <file>", "the configuration to judge by (default: the one found from here)")
    .addOption(baseOption())
    .option("--run <id>", "only this run")
    .addOption(new Option("--older-than <dur>", "judge by this stuckAfter").argParser(duration))
    .addOption(new Option("--fail-after <dur>", "judge by this failAfter").argParser(duration))
    .addOption(new Option("--max-age <dur|none>", "judge by this maxAge").argParser(durationOrNone))
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs replay --journal journal.ndjson --config new.yaml
  stuck-jobs replay --journal journal.ndjson --fail-after 3h
  stuck-jobs replay --journal journal.ndjson --config new.yaml -o json | jq '.differences | length'`,
    )
    .action(async (flags: ReplayFlags) => {
      const { runReplay } = await import("../run-replay.ts");
      exit(await runReplay(flags, { env, terminal }));
    });
}
