import { type Command, Option } from "commander";
import { baseOption, duration, type Flags } from "../options.ts";
import { type CommandContext, configureLog } from "./sweep.ts";

/** The flags of `stuck-jobs undo`. */
export interface UndoFlags extends Omit<Flags, "job" | "output"> {
  readonly job?: string;
  readonly output?: "table" | "json";
}

/** `stuck-jobs undo`: takes back what a run did. */
export function addUndo(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("undo")
    .summary("put back what a run changed, where the records still hold it")
    .description(
      "Puts back what a run changed, by its journal: the jobs first, then their targets, and only where a record still holds what the run wrote. Reads each record again before it writes, takes the lock, and tells of each record what became of it.",
    )
    .argument("[run-id]", "the run to take back; it stands in reports, notes and the journal")
    .option("--job <id>", "only what was done about this job: record id or external id. Without a run: by the last one")
    .option("-n, --dry-run", "show what would be put back, write nothing")
    .option("--journal <path>", "the journal to read, and to record this in (default: in the state folder)")
    .addOption(new Option("--deadline <dur>", "be done after this (default: none)").argParser(duration))
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print errors only")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "run against the embedded sandbox instead of a base")
    .addHelpText(
      "after",
      `
A job that is put back is stuck again: it counts anew from now, and once it is past stuckAfter the next sweep
completes it again if its output is still there. Change the configuration before that, or the job.

Exit codes: 0 all was put back; 3 some record was not, each with the reason; 2 no such run in the journal.

Examples:
  stuck-jobs undo 4f1c2a9e-5b1d-4f0e-9d59-0e3f3f1f3c11 --dry-run    see it first
  stuck-jobs undo --job recXXXXXXXXXXXXXX                          the last that was done about one job
  stuck-jobs undo 4f1c2a9e-5b1d-4f0e-9d59-0e3f3f1f3c11 -o json | jq .summary`,
    )
    .action(async (runId: string | undefined, flags: UndoFlags) => {
      const { job, output, ...rest } = flags;
      configureLog("undo", rest, terminal);
      const { runUndo } = await import("../run-undo.ts");
      exit(
        await runUndo(
          { runId: runId ?? null, job: job ?? null, output: output ?? null },
          { flags: rest, env, terminal },
        ),
      );
    });
}
