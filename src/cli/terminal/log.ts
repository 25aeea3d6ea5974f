import type { ConfigError } from "../../config/problems.ts";
import { makeLogLine } from "./safe-output.ts";

/** Severity of a log line. `notice` is always written, `info` only with `-v`. */
export type Level = "error" | "warn" | "notice" | "info";

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** The key-value pairs of a line. */
export type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** How the log is written. */
export interface LogStyle {
  readonly format: LogFormat;
  /** Whether stderr goes to the systemd journal: then each line begins with its priority. */
  readonly systemd: boolean;
  /** Less severe lines are not written. */
  readonly least: Level;
  readonly command: string | null;
  /** The base of the line, where there are several. */
  readonly base: string | null;
  /** The id of the current sweep. */
  readonly runId: string | null;
}

export const DEFAULT_STYLE: LogStyle = {
  format: "text",
  systemd: false,
  least: "notice",
  command: null,
  base: null,
  runId: null,
};

/** Syslog priorities, written at the start of a line as in sd-daemon(3). */
const PRIORITY: Readonly<Record<Level, number>> = { error: 3, warn: 4, notice: 5, info: 6 };

/** Returns an error as lines of the log: its message, then its hint. */
export function linesOf({
  message,
  hint,
}: {
  readonly message: string;
  readonly hint: string | null;
}): readonly string[] {
  return hint === null ? [message] : [message, ...hint.split("\n")];
}

/** Returns a ConfigError as lines of the log: a problem, or a list of them, and the hint. */
export function problemLines({ problems, message, hint }: ConfigError): readonly string[] {
  const found =
    problems.length === 1
      ? [message]
      : [
          `found ${problems.length} problems:`,
          ...problems.map((each) => `  - ${each.path === "" ? "" : `${each.path}: `}${each.message}`),
        ];
  return [...found, ...(hint === null ? [] : hint.split("\n")), "Nothing was written."];
}

/** Logs an error that the program does not know, with its stack. */
export function logInternalError(
  error: unknown,
  terminal: { log(lines: readonly string[], level: Level): void },
): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.log(`internal error: ${stack} (please report)`.split("\n"), "error");
}

/** Returns whether lines of this level are written. */
export function isWritten(level: Level, { least }: Pick<LogStyle, "least">): boolean {
  return PRIORITY[level] <= PRIORITY[least];
}

/**
 * Renders one entry of the log, with its line ends. `lines` is the message: one line, or more where a list or a hint
 * follows. Foreign text in them cannot make further lines. As text the first begins with the command, or is key=value
 * without a message; the run is at the end of each line, since the systemd journal and `grep` know only lines.
 */
export function renderLog(level: Level, lines: readonly string[], fields: Fields, style: LogStyle, now: Date): string {
  const rendered =
    style.format === "json"
      ? [renderJsonLog(level, lines, fields, style, now)]
      : renderTextLog(level, lines, fields, style);
  const priority = style.systemd ? `<${PRIORITY[level]}>` : "";
  return rendered.map((line) => `${priority}${makeLogLine(line)}\n`).join("");
}

function renderJsonLog(level: Level, lines: readonly string[], fields: Fields, style: LogStyle, now: Date): string {
  const { command, base, runId } = style;
  const message = lines.join("\n");
  return JSON.stringify({
    time: now.toISOString(),
    level,
    ...(command === null ? {} : { command }),
    ...(base === null ? {} : { base }),
    ...(runId === null ? {} : { runId }),
    ...(message === "" ? {} : { message }),
    ...fields,
  });
}

function renderTextLog(
  level: Level,
  [first = "", ...more]: readonly string[],
  fields: Fields,
  style: LogStyle,
): readonly string[] {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${inText(value)}`);
  const head = first === "" ? [] : [`${prefix(level, style)}${first}`];
  const base = style.base === null ? "" : ` base=${inText(style.base)}`;
  const run = style.runId === null ? "" : ` run=${style.runId}`;
  return [[...head, ...pairs].join(" "), ...more].map((line) => `${line}${base}${run}`);
}

function prefix(level: Level, { command }: LogStyle): string {
  const warning = level === "warn" ? "warning: " : "";
  if (command !== null) return `stuck-jobs ${command}: ${warning}`;
  return level === "error" || level === "warn" ? `stuck-jobs: ${warning}` : "";
}

/** A bare value where it is unambiguous, else as JSON, as logfmt parsers expect. */
function inText(value: Fields[string]): string {
  if (value === null) return "-";
  const text = String(value);
  return /^[^\s"=\\\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
