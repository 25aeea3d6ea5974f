import { fstatSync } from "node:fs";
import type { Env } from "../../config/env/variables.ts";
import { DEFAULT_STYLE, type Fields, isWritten, type Level, type LogStyle, renderLog } from "./log.ts";
import type { Answer } from "./prompts.ts";
import { createRedactor } from "./redact.ts";
import { makeLogLine, makePrintable } from "./safe-output.ts";

/** Renders a value as JSON. */
export type ToJson = (value: unknown, indent?: number) => string;

/** The streams of a command. All output is redacted and made printable here. */
export interface Terminal {
  /** The result. */
  out(text: string): void;
  /** Writes a result in parts; the next part is made when the reader can take more. */
  outAll(parts: Iterable<string>): Promise<void>;
  /** Shows a finished text on stderr, as it is: a plan before a question. */
  show(text: string): void;
  /**
   * Asks a person, who answers yes or no at the terminal; the end of the input is a no. Ctrl+C and the signal interrupt
   * the question. The progress line and the log wait for the answer.
   */
  ask(question: string, signal: AbortSignal): Promise<Answer>;
  /** Logs one entry: a line, or several where a list or a hint follows. `level` is `notice` by default. */
  log(message: string | readonly string[], level?: Level, fields?: Fields): void;
  /** Changes how the log is written from here on; absent keys stay. */
  logAs(style: Partial<Omit<LogStyle, "systemd">>): void;
  /** Returns a terminal for one base of several: its log lines name the base and its run. */
  forBase(name: string): Terminal;
  /** Overwrites the progress line; only ever called when `interactive`. */
  progress(line: string): void;
  readonly stdoutIsTerminal: boolean;
  /** Whether stderr is a terminal with a person at it, who gets the progress line. */
  readonly interactive: boolean;
  readonly columns: number;
  /** Adds a text that must never be printed. */
  addSecret(secret: string): void;
  /** Redacts a text that leaves the program elsewhere. */
  redact(text: string): string;
  /** Renders a value as JSON, with its texts redacted before they are escaped. */
  readonly toJson: ToJson;
  /** Returns foreign text as a line that may be shown beside `log` and `out`: in a question. */
  toLine(text: string): string;
  /** Resolves when all output has left the process: with the first error of a stream that could not be written, or null. */
  flushed(): Promise<Error | null>;
}

/** Returns the terminal over the process's own streams. */
export function processTerminal(process: NodeJS.Process): Terminal {
  const { add: addSecret, redact } = createRedactor();
  const { stdout, stderr } = process;
  let outputError: Error | null = null;
  for (const stream of [stdout, stderr]) {
    // Neither a reader that went away (`| head`) nor a full disk under the log may cut short the writes to the base.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") outputError ??= error;
    });
  }
  const stdoutIsTerminal = stdout.isTTY === true;
  const interactive = stderr.isTTY === true && !process.env.CI;
  let style: LogStyle = { ...DEFAULT_STYLE, systemd: isJournal(2, process.env) };
  let progressShown = false;
  /** What is to be logged after the question that is open; null without one. */
  let delayed: string[] | null = null;
  const clearProgress = () => {
    if (progressShown) stderr.write("\r\u001b[K");
    progressShown = false;
  };
  const write = (message: string | readonly string[], level: Level, fields: Fields, style: LogStyle) => {
    if (!isWritten(level, style)) return;
    // Before the rendering: JSON escapes some characters of a secret.
    const lines = (typeof message === "string" ? [message] : message).map(redact);
    const safe = mapTexts(fields, redact);
    // On a terminal the summary names the run.
    const runId = interactive && style.format === "text" ? null : style.runId;
    const text = redact(renderLog(level, lines, safe, { ...style, runId }, new Date()));
    if (delayed !== null) {
      delayed.push(text);
      return;
    }
    clearProgress();
    stderr.write(text);
  };
  return {
    out(text) {
      clearProgress();
      stdout.write(makePrintable(redact(text), stdoutIsTerminal));
    },
    async outAll(parts) {
      for (const part of parts) {
        this.out(part);
        // The callback also runs when the reader went away, unlike a "drain" listener.
        if (stdout.writableNeedDrain) await new Promise<void>((resolve) => stdout.write("", () => resolve()));
      }
    },
    log(message, level = "notice", fields = {}) {
      write(message, level, fields, style);
    },
    logAs(changed) {
      style = { ...style, ...changed };
    },
    forBase(base) {
      let own: Partial<LogStyle> = { base };
      return {
        ...this,
        log: (message, level = "notice", fields = {}) => write(message, level, fields, { ...style, ...own }),
        logAs(changed) {
          own = { ...own, ...changed };
        },
      };
    },
    show(text) {
      clearProgress();
      stderr.write(makePrintable(redact(text), interactive));
    },
    async ask(question, signal) {
      clearProgress();
      delayed = [];
      try {
        const { askYesOrNo } = await import("./prompts.ts");
        return await askYesOrNo(makeLogLine(redact(question)), signal);
      } finally {
        for (const text of delayed) stderr.write(text);
        delayed = null;
      }
    },
    progress(line) {
      if (delayed !== null) return;
      // A line that wraps could not be erased.
      stderr.write(`\r\u001b[K${makeLogLine(redact(line)).slice(0, (stderr.columns || 80) - 1)}`);
      progressShown = true;
    },
    stdoutIsTerminal,
    interactive,
    get columns() {
      const own = stdoutIsTerminal ? stdout.columns : 0;
      return Math.max(40, own || Number(process.env.COLUMNS) || 100);
    },
    addSecret,
    redact,
    toJson: (value, indent = 0) =>
      JSON.stringify(value, (_, part: unknown) => (typeof part === "string" ? redact(part) : part), indent),
    toLine: (text) => makeLogLine(redact(text)),
    async flushed() {
      clearProgress();
      for (const stream of [stdout, stderr]) {
        await new Promise<void>((resolve) => stream.write("", () => resolve()));
      }
      return outputError;
    },
  };
}

function mapTexts(fields: Fields, map: (text: string) => string): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? map(value) : value]),
  );
}

/**
 * Returns whether a stream is connected to the systemd journal. JOURNAL_STREAM names it by device and inode; processes
 * whose streams were redirected inherit the variable too, so both are compared (systemd.exec(5)).
 */
function isJournal(fd: number, { JOURNAL_STREAM }: Env): boolean {
  if (JOURNAL_STREAM === undefined || JOURNAL_STREAM === "") return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
