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

/** Logs an error that the program does not know, with its stack. */
export function logInternalError(error: unknown, terminal: { log(message: string, level: Level): void }): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.log(`internal error: ${stack} (please report)`, "error");
}

/** Returns whether lines of this level are written. */
export function isWritten(level: Level, { least }: Pick<LogStyle, "least">): boolean {
  return PRIORITY[level] <= PRIORITY[least];
}

/**
 * One entry of the log, a line or several, with its line ends. As text it is prose that begins with the command, or
 * without a message key=value; the run stands at the end of each line, since systemd's journal and `grep` know only lines.
 */
export function renderLog(level: Level, message: string, fields: Fields, style: LogStyle, now: Date): string {
  const lines =
    style.format === "json"
      ? [renderJsonLog(level, message, fields, style, now)]
      : renderTextLog(level, message, fields, style);
  const priority = style.systemd ? `<${PRIORITY[level]}>` : "";
  return lines.map((line) => `${priority}${line}\n`).join("");
}

function renderJsonLog(level: Level, message: string, fields: Fields, style: LogStyle, now: Date): string {
  const { command, base, runId } = style;
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

function renderTextLog(level: Level, message: string, fields: Fields, style: LogStyle): readonly string[] {
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${inText(value)}`);
  const [first = "", ...rest] =
    message === "" ? [] : `${prefix(level, style)}${message.replace(UNSEEN, "\ufffd")}`.split("\n");
  const base = style.base === null ? "" : ` base=${inText(style.base)}`;
  const run = style.runId === null ? "" : ` run=${style.runId}`;
  return [[first, ...pairs].filter((part) => part !== "").join(" "), ...rest].map((line) => `${line}${base}${run}`);
}

function prefix(level: Level, { command }: LogStyle): string {
  const warning = level === "warn" ? "warning: " : "";
  if (command !== null) return `stuck-jobs ${command}: ${warning}`;
  return level === "error" || level === "warn" ? `stuck-jobs: ${warning}` : "";
}

/** What moves a terminal's cursor: a server's message, which is logged, may hold it. */
const UNSEEN = /(?![\n\t])\p{Cc}/gu;

/** Bare where nothing could be misread, else as JSON has it: what logfmt parsers expect. */
function inText(value: Fields[string]): string {
  if (value === null) return "-";
  const text = String(value);
  return /^[^\s"=\\\p{Cc}]+$/u.test(text) ? text : JSON.stringify(text);
}
