import { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { exitCodesInShort } from "./help/topics.ts";
import { versionLine } from "./version.ts";

interface CommandModule {
  readonly name: string;
  /** Its line in the help of the program. */
  readonly summary: string;
  load(): Promise<(program: Command, context: CommandContext) => void>;
}

/** In the order of the help. */
const COMMANDS: readonly CommandModule[] = [
  {
    name: "scan",
    summary: "list stuck jobs, the evidence for each, and what recover would do",
    load: async () => (await import("./commands/scan.ts")).addScan,
  },
  {
    name: "recover",
    summary: "complete jobs whose output exists, fail those whose output is proven absent",
    load: async () => (await import("./commands/recover.ts")).addRecover,
  },
  {
    name: "watch",
    summary: "run recover at an interval in one process, where there is no cron",
    load: async () => (await import("./commands/watch.ts")).addWatch,
  },
  {
    name: "fail-old",
    summary: "fail jobs of any age whose output is proven absent",
    load: async () => (await import("./commands/fail-old.ts")).addFailOld,
  },
  {
    name: "runs",
    summary: "list the runs that wrote something, with dates and counts",
    load: async () => (await import("./commands/runs.ts")).addRuns,
  },
  {
    name: "undo",
    summary: "revert what a run changed, where the records still hold it",
    load: async () => (await import("./commands/undo.ts")).addUndo,
  },
  {
    name: "replay",
    summary: "re-evaluate a recorded run with another configuration and show the differences",
    load: async () => (await import("./commands/replay.ts")).addReplay,
  },
  {
    name: "explain",
    summary: "show everything known about one job, its verdict, and what would change it",
    load: async () => (await import("./commands/explain.ts")).addExplain,
  },
  {
    name: "stats",
    summary: "count lost webhooks and recoveries, and measure how long jobs take",
    load: async () => (await import("./commands/stats.ts")).addStats,
  },
  {
    name: "doctor",
    summary: "check configuration, token, base, storage and schedule, and suggest fixes",
    load: async () => (await import("./commands/doctor.ts")).addDoctor,
  },
  {
    name: "config",
    summary: "show the configuration and where each value comes from, or check it offline",
    load: async () => (await import("./commands/config.ts")).addConfig,
  },
  {
    name: "init",
    summary: "write a configuration from the base's schema, then run doctor and scan",
    load: async () => (await import("./commands/init.ts")).addInit,
  },
  {
    name: "sandbox",
    summary: "serve or reset the embedded base and bucket that --sandbox runs on",
    load: async () => (await import("./commands/sandbox.ts")).addSandbox,
  },
  {
    name: "schedule",
    summary: "print the files that let a scheduler run recover",
    load: async () => (await import("./commands/schedule.ts")).addSchedule,
  },
  {
    name: "db",
    summary: "create or upgrade the tables that stuck-jobs keeps in PostgreSQL",
    load: async () => (await import("./commands/db.ts")).addDb,
  },
  {
    name: "fleet",
    summary: "show what several hosts share: plan, status, metrics of the fleet",
    load: async () => (await import("./commands/fleet.ts")).addFleet,
  },
  {
    name: "completion",
    summary: "print a completion script for a shell",
    load: async () => (await import("./commands/completion.ts")).addCompletion,
  },
];

/**
 * Creates the program with the commands that `words` call for: the one they name is loaded, the others are a name and
 * a summary in the help. `completion` loads all, since it lists their flags.
 */
export async function createProgram(context: CommandContext, words: readonly string[]): Promise<Command> {
  const requested = words.find((word) => COMMANDS.some(({ name }) => name === word));
  return await buildProgram(context, (name) => requested === "completion" || requested === name);
}

/** Creates the program with every command loaded. */
export async function createWholeProgram(context: CommandContext): Promise<Command> {
  return await buildProgram(context, () => true);
}

async function buildProgram(context: CommandContext, isLoaded: (name: string) => boolean): Promise<Command> {
  const { terminal } = context;
  const program = new Command("stuck-jobs")
    .summary("recover jobs whose webhook was lost")
    .description(
      'Finds jobs stuck in "processing" because their webhook was lost, proves from evidence whether their output exists, and repairs the records.',
    )
    .version(versionLine(process), "-V, --version", "print the version, with those of Node and the platform")
    .helpOption("-h, --help", "print this help")
    .showHelpAfterError("Run with --help for usage.")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.log(text.trimEnd().split("\n")),
      outputError: (text) =>
        terminal.log(
          text
            .trimEnd()
            .replace(/^error: /, "")
            .split("\n"),
          "error",
        ),
      getOutHelpWidth: () => terminal.columns,
      getErrHelpWidth: () => terminal.columns,
    })
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs scan --sandbox      try it without a base
  stuck-jobs recover --dry-run   what a sweep of your base would do
  stuck-jobs recover             the sweep itself: for cron, every 2 minutes

${exitCodesInShort(100)}`,
    );
  for (const { name, summary, load } of COMMANDS) {
    if (isLoaded(name)) (await load())(program, context);
    else program.command(name);
    program.commands.at(-1)?.summary(summary);
  }
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

/** Commander copies these only to commands that are made after them with .command() of the same parent. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}
