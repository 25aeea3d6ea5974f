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

/** The program: flags and help. What the commands do is elsewhere. */
export function createProgram(surroundings: Surroundings): Command {
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
  addScan(program, surroundings);
  addRecover(program, surroundings);
  addWatch(program, surroundings);
  addFailOld(program, surroundings);
  addUndo(program, surroundings);
  addReplay(program, surroundings);
  addExplain(program, surroundings);
  addStats(program, surroundings);
  addDoctor(program, surroundings);
  addInit(program, surroundings);
  addSandbox(program, surroundings);
  addSchedule(program, surroundings);
  addCompletion(program, surroundings);
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

/** Commander copies these only to commands that are made after them with .command() of the same parent. */
function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}
