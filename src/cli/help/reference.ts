import type { Argument, Command, Option } from "commander";

/** A command as the help shows it, as data: completion and the man page are made of it. */
export interface CommandReference {
  /** The words that call it, without the program's name: ["schedule", "print"]; empty for the program itself. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly description: string;
  /** "stuck-jobs schedule print [options] <target>" */
  readonly usage: string;
  readonly arguments: readonly ArgumentReference[];
  readonly options: readonly OptionReference[];
  /** What the help shows after the options: examples and more. */
  readonly notes: string;
  readonly commands: readonly CommandReference[];
}

export interface ArgumentReference {
  readonly name: string;
  readonly description: string;
  readonly choices: readonly string[];
}

export interface OptionReference {
  /** "-o, --output <format>" */
  readonly flags: string;
  /** The spellings: ["-o", "--output"]. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: ValueReference | null;
}

export interface ValueReference {
  /** "format" of `<format>`. */
  readonly name: string;
  readonly choices: readonly string[];
  /** What else can be completed: a path, or nothing. */
  readonly path: "file" | "folder" | null;
  /** Whether the flag may be given more than one value. */
  readonly variadic: boolean;
}

/** Reads a program built with commander; hidden commands and flags are left out. */
export function referenceOf(command: Command, path: readonly string[] = []): CommandReference {
  const help = command.createHelp();
  const described = help.visibleArguments(command);
  return {
    path,
    summary: help.subcommandDescription(command),
    description: help.commandDescription(command),
    usage: help.commandUsage(command),
    arguments: (described.length > 0 ? described : command.registeredArguments).map(argumentOf),
    options: help.visibleOptions(command).map(optionOf),
    notes: notesOf(command),
    commands: withHelpChoices(
      help.visibleCommands(command).map((child) => referenceOf(child, [...path, child.name()])),
    ),
  };
}

/** All commands of a program, itself first, parents before their children. */
export function flattened(reference: CommandReference): readonly CommandReference[] {
  return [reference, ...reference.commands.flatMap(flattened)];
}

/** Lets the command "help", which commander makes, be asked for each of its neighbours. */
function withHelpChoices(commands: readonly CommandReference[]): readonly CommandReference[] {
  const names = commands.map(({ path }) => path.at(-1) ?? "");
  const choices = names.filter((name) => name !== "help");
  return commands.map((command, n) => {
    if (names[n] !== "help") return command;
    return { ...command, arguments: command.arguments.map((argument) => ({ ...argument, choices })) };
  });
}

function argumentOf(argument: Argument): ArgumentReference {
  return { name: argument.name(), description: argument.description, choices: argument.argChoices ?? [] };
}

function optionOf(option: Option): OptionReference {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  const [, name] = /[<[]([^>\].]+)/.exec(option.flags) ?? [];
  const value: ValueReference | null =
    name === undefined
      ? null
      : {
          name,
          choices: option.argChoices ?? [],
          path: name === "file" || name === "path" ? "file" : name === "dir" ? "folder" : null,
          variadic: option.variadic,
        };
  return { flags: option.flags, names, description: option.description, value };
}

/** What was added with addHelpText("after"): commander keeps it as a listener, so the help is printed and cut. */
function notesOf(command: Command): string {
  const printed: string[] = [];
  const output = command.configureOutput();
  command.configureOutput({ ...output, writeOut: (text) => printed.push(text) });
  command.outputHelp();
  command.configureOutput(output);
  return printed.join("").slice(command.helpInformation().length).trim();
}
