import { Argument, type Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import type { CommandReference } from "../help/reference.ts";
import type { CommandContext } from "./sweep.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

/** `stuck-jobs completion`: what a shell needs to complete commands, flags and their values. */
export function addCompletion(program: Command, { terminal, exit }: CommandContext): void {
  program
    .command("completion")
    .summary("print a completion script for a shell")
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
    .action(async (shell: Shell) => {
      const { referenceOf } = await import("../help/reference.ts");
      terminal.out(await scriptFor(shell, referenceOf(program)));
      exit(EXIT.done);
    });
}

async function scriptFor(shell: Shell, program: CommandReference): Promise<string> {
  switch (shell) {
    case "bash":
      return (await import("../help/completion/bash.ts")).bashCompletion(program);
    case "zsh":
      return (await import("../help/completion/zsh.ts")).zshCompletion(program);
    case "fish":
      return (await import("../help/completion/fish.ts")).fishCompletion(program);
  }
}
