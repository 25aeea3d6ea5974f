import { Argument, type Command } from "commander";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { bashCompletion } from "../help/completion/bash.ts";
import { fishCompletion } from "../help/completion/fish.ts";
import { zshCompletion } from "../help/completion/zsh.ts";
import { type CommandReference, referenceOf } from "../help/reference.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** Adds `stuck-jobs completion`: a script for shell completion. */
export function addCompletion(program: Command, { terminal, exit }: CommandContext): void {
  program
    .command("completion")
    .description("Prints a script that lets a shell complete the commands, the flags and their values.")
    .addArgument(new Argument("<shell>", "the shell").choices([...SHELLS]))
    .addHelpText(
      "after",
      `
Examples:
  source <(stuck-jobs completion bash)       in ~/.bashrc
  source <(stuck-jobs completion zsh)        in ~/.zshrc, after compinit
  stuck-jobs completion fish > ~/.config/fish/completions/stuck-jobs.fish`,
    )
    .action((shell: Shell) => {
      terminal.out(scriptFor(shell, referenceOf(program)));
      exit(EXIT.success);
    });
}

function scriptFor(shell: Shell, program: CommandReference): string {
  switch (shell) {
    case "bash":
      return bashCompletion(program);
    case "zsh":
      return zshCompletion(program);
    case "fish":
      return fishCompletion(program);
  }
}
