import { escapeCharacter, makeVisible } from "../../core/domain/visible.ts";

/** Styles and links of our own renderers. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences begin and end with control characters.
const STYLE = /(\u{1b}\[[\d;]*m|\u{1b}\]8;;[^\p{Cc}]*(?:\u{7}|\u{1b}\\))/u;

/**
 * Returns a finished text as it may be printed: without control characters but line ends, tabs and, on a terminal,
 * styles and links. Renderers have made foreign text visible before; this is the last check for all output.
 */
export function makePrintable(text: string, isTerminal: boolean): string {
  const parts = isTerminal ? text.split(STYLE) : [text];
  return parts.map((part, n) => (n % 2 === 1 ? part : escapeLines(part))).join("");
}

function escapeLines(text: string): string {
  const parts = text.split(/([\n\t])/);
  return defuseCommands(parts.map((part, n) => (n % 2 === 1 ? part : makeVisible(part))).join(""));
}

/** Returns a line of the log: foreign text can neither end it nor start it with a command. */
export function makeLogLine(text: string): string {
  return defuseCommands(makeVisible(text));
}

/** What CI systems and the systemd journal read at the start of a line: `::error::`, `<3>`. */
const COMMAND = /^([ \t]*)(:(?=:)|<(?=\d{1,3}>))/gm;

function defuseCommands(text: string): string {
  return text.replace(COMMAND, (_, indent: string, first: string) => `${indent}${escapeCharacter(first)}`);
}
