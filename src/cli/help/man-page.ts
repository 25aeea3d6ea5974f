import { createWholeProgram } from "../program.ts";
import { processTerminal } from "../terminal/terminal.ts";
import { VERSION } from "../version.ts";
import { type CommandReference, flattened, type OptionReference, referenceOf } from "./reference.ts";
import { ENVIRONMENT_TOPICS, EXIT_TOPICS, FILE_TOPICS, type Topic } from "./topics.ts";

/** Returns the man page of this version: the content of man/stuck-jobs.1. */
export async function currentManPage(): Promise<string> {
  const program = await createWholeProgram({ env: {}, terminal: processTerminal(process), exit: () => {} });
  return manPage(referenceOf(program), VERSION);
}

/** The man page of section 1, in man(7)'s language, from what the help is made of. */
function manPage(program: CommandReference, version: string): string {
  const commands = flattened(program).filter(({ path }) => path.length > 0 && path.at(-1) !== "help");
  const runnable = commands.filter(({ commands: below }) => below.length === 0);
  const lines = [
    `.\\" Made by \`npm run man\` from what --help prints.`,
    `.TH STUCK\\-JOBS 1 "" "stuck\\-jobs ${roff(version)}" "User Commands"`,
    // Neither hyphens nor stretched lines: flags and names are to be copied.
    ".nh",
    ".ad l",
    ".SH NAME",
    `stuck\\-jobs \\- ${roff(program.summary)}`,
    ".SH SYNOPSIS",
    ...runnable.flatMap((command, n) => [...(n === 0 ? [] : [".br"]), ...usageLines(command)]),
    ".SH DESCRIPTION",
    prose(program.description),
    ".SH OPTIONS",
    ...program.options.flatMap(optionLines),
    ".SH COMMANDS",
    ...runnable.flatMap(commandLines),
    ".SH EXIT STATUS",
    ...EXIT_TOPICS.flatMap(({ codes, meaning }) => [".TP", `.B ${roff(codes.replace("/", ", "))}`, roff(meaning)]),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT_TOPICS.flatMap(topicLines),
    ".SH FILES",
    ...FILE_TOPICS.flatMap(topicLines),
    ".SH EXAMPLES",
    ...examplesIn(program.notes),
    ".SH SEE ALSO",
    ".BR crontab (5),",
    ".BR flock (1),",
    ".BR systemd.timer (5)",
  ];
  return `${lines.join("\n")}\n`;
}

function usageLines({ path, usage }: CommandReference): readonly string[] {
  const call = ["stuck-jobs", ...path].join(" ");
  return [`.B ${roff(call)}`, roff(usage.slice(call.length).trim())];
}

function commandLines({ path, description, arguments: args, options, notes }: CommandReference): readonly string[] {
  const words = args.map(({ name }) => ` <${name}>`).join("");
  return [
    `.SS ${roff(`stuck-jobs ${path.join(" ")}${words}`)}`,
    prose(description),
    ...args.flatMap(({ name, description: about, choices }) => [
      ".TP",
      `.I ${roff(name)}`,
      roff(withChoices(about, choices)),
    ]),
    // --help is described once.
    ...options.filter(({ names }) => !names.includes("--help")).flatMap(optionLines),
    ...blocksOf(notes).flatMap(blockLines),
  ];
}

function optionLines({ flags, description, value }: OptionReference): readonly string[] {
  return [".TP", `.B ${roff(flags)}`, prose(withChoices(description, value?.choices ?? []))];
}

function withChoices(description: string, choices: readonly string[]): string {
  return choices.every((choice) => description.includes(choice))
    ? description
    : `${description}: ${choices.join(", ")}`;
}

function topicLines({ names, meaning }: Topic): readonly string[] {
  return [".TP", `.B ${roff(names.join(", "))}`, roff(meaning)];
}

/** Splits the text after the options into blocks. */
function blocksOf(notes: string): readonly string[] {
  return notes.split(/\n{2,}/).filter((block) => block !== "");
}

/** A paragraph, or a title and lines that stay as they are. */
function blockLines(block: string): readonly string[] {
  const [title = "", ...body] = block.split("\n");
  if (!title.endsWith(":")) return [".PP", prose(block.replaceAll(/\n\s*/g, " "))];
  return [".PP", roff(title), ".PP", ".nf", ...body.map(roff), ".fi"];
}

/** The lines under "Examples:"; the page has a section of that name. */
function examplesIn(notes: string): readonly string[] {
  const lines =
    blocksOf(notes)
      .find((block) => block.startsWith("Examples:\n"))
      ?.split("\n") ?? [];
  return [".nf", ...lines.slice(1).map(roff), ".fi"];
}

/** A sentence, in which the help sets off commands with backticks. */
function prose(text: string): string {
  return roff(text).replaceAll(/`([^`]+)`/g, "\\fB$1\\fR");
}

/** Text as roff takes it: dashes that can be copied, no line that begins with a request, ASCII only. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&")
    .replaceAll(
      /[^\t -~]/gu,
      (letter) => `\\[u${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}
