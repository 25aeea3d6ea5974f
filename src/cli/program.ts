import { Command } from "commander";
import type { CommandContext } from "./commands/sweep.ts";
import { exitCodesInShort } from "./help/topics.ts";
import { versionLine } from "./version.ts";

type Add = (program: Command, surroundings: CommandContext) => void;

/** By their names, in the order of the help. */
const COMMANDS: ReadonlyMap<string, () => Promise<Add>> = new Map([
  ["scan", async () => (await import("./commands/scan.ts")).addScan],
  ["recover", async () => (await import("./commands/recover.ts")).addRecover],
  ["watch", async () => (await import("./commands/watch.ts")).addWatch],
  ["fail-old", async () => (await import("./commands/fail-old.ts")).addFailOld],
  ["undo", async () => (await import("./commands/undo.ts")).addUndo],
  ["replay", async () => (await import("./commands/replay.ts")).addReplay],
  ["explain", async () => (await import("./commands/explain.ts")).addExplain],
  ["stats", async () => (await import("./commands/stats.ts")).addStats],
  ["doctor", async () => (await import("./commands/doctor.ts")).addDoctor],
  ["init", async () => (await import("./commands/init.ts")).addInit],
  ["sandbox", async () => (await import("./commands/sandbox.ts")).addSandbox],
  ["schedule", async () => (await import("./commands/schedule.ts")).addSchedule],
  ["completion", async () => (await import("./commands/completion.ts")).addCompletion],
]);

/**
 * The program: flags and help. What the commands do is elsewhere. A command that is asked for by its name is loaded and
 * made alone: cron asks for one every two minutes.
 */
export async function createProgram(surroundings: CommandContext, asked: string | null = null): Promise<Command> {
  const { terminal } = surroundings;
  const program = new Command("stuck-jobs")
    .summary("recover jobs whose webhook was lost")
    .description(
      'Finds jobs stuck in "processing" because their webhook was lost, proves from evidence whether their output exists, and repairs the records.',
    )
    .version(versionLine(process), "-V, --version", "print the version, with those of Node and the platform")
    .helpOption("-h, --help", "print this help")
    .showHelpAfterError("(--help tells what is allowed)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.log(text.trimEnd()),
      outputError: (text) => terminal.log(text.trimEnd().replace(/^error: /, ""), "error"),
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
  // What completes commands has to know them all.
  const requested = asked === null || asked === "completion" ? undefined : COMMANDS.get(asked);
  const loaders = await Promise.all(
    (requested === undefined ? [...COMMANDS.values()] : [requested]).map((load) => load()),
  );
  for (const add of loaders) add(program, surroundings);
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

/** Commander copies these only to commands that are made after them with .command() of the same parent. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}
