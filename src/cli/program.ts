import { Command } from "commander";
import { addCompletion } from "./commands/completion.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExplain } from "./commands/explain.ts";
import { addFailOld } from "./commands/fail-old.ts";
import { addInit } from "./commands/init.ts";
import { addRecover } from "./commands/recover.ts";
import { addReplay } from "./commands/replay.ts";
import { addSandbox } from "./commands/sandbox.ts";
import { addScan } from "./commands/scan.ts";
import { addSchedule } from "./commands/schedule.ts";
import type { Surroundings } from "./commands/shared.ts";
import { addStats } from "./commands/stats.ts";
import { addUndo } from "./commands/undo.ts";
import { addWatch } from "./commands/watch.ts";
import { exitCodesInShort } from "./topics.ts";
import { versionLine } from "./version.ts";

/** By their names, in the order of the help. */
const COMMANDS: ReadonlyMap<string, (program: Command, surroundings: Surroundings) => void> = new Map([
  ["scan", addScan],
  ["recover", addRecover],
  ["watch", addWatch],
  ["fail-old", addFailOld],
  ["undo", addUndo],
  ["replay", addReplay],
  ["explain", addExplain],
  ["stats", addStats],
  ["doctor", addDoctor],
  ["init", addInit],
  ["sandbox", addSandbox],
  ["schedule", addSchedule],
  ["completion", addCompletion],
]);

/**
 * The program: flags and help. What the commands do is elsewhere. A command that is asked for by its name is made
 * alone: cron asks for one every two minutes.
 */
export function createProgram(surroundings: Surroundings, asked: string | null = null): Command {
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
  const alone = asked === null || asked === "completion" ? undefined : COMMANDS.get(asked);
  for (const add of alone === undefined ? COMMANDS.values() : [alone]) add(program, surroundings);
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

/** Commander copies these only to commands that are made after them with .command() of the same parent. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}
