import { fstatSync } from "node:fs";
import type { Env } from "../../config/env/variables.ts";
import { DEFAULT_STYLE, type Fields, isWritten, type Level, type LogStyle, renderLog } from "./log.ts";
import { redact } from "./redact.ts";

/** The streams of a command. All output is redacted here. */
export interface Terminal {
  /** The result. */
  out(text: string): void;
  /** Writes a result in parts; the next part is made when the reader can take more. */
  outAll(parts: Iterable<string>): Promise<void>;
  /** The log. A message of several lines is one entry; `level` is `notice` unless it is given. */
  log(message: string, level?: Level, fields?: Fields): void;
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
  /** Resolves when all output has left the process. */
  flushed(): Promise<void>;
}

/** Returns the terminal over the process's own streams. */
export function processTerminal(process: NodeJS.Process): Terminal {
  const secrets = new Set<string>();
  const { stdout, stderr } = process;
  for (const stream of [stdout, stderr]) {
    // A reader that went away (`| head`) must not cut short the writes to the base.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  const stdoutIsTerminal = stdout.isTTY === true;
  const interactive = stderr.isTTY === true && !process.env.CI;
  let style: LogStyle = { ...DEFAULT_STYLE, systemd: isJournal(2, process.env) };
  let progressShown = false;
  const clearProgress = () => {
    if (progressShown) stderr.write("\r\u001b[K");
    progressShown = false;
  };
  const write = (message: string, level: Level, fields: Fields, style: LogStyle) => {
    if (!isWritten(level, style)) return;
    clearProgress();
    // Before and after: JSON escapes some characters of a secret.
    const safe = mapTexts(fields, (text) => redact(text, secrets));
    // On a terminal the summary names the run.
    const runId = interactive && style.format === "text" ? null : style.runId;
    const text = renderLog(level, redact(message, secrets), safe, { ...style, runId }, new Date());
    stderr.write(redact(text, secrets));
  };
  return {
    out(text) {
      clearProgress();
      stdout.write(redact(text, secrets));
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
    progress(line) {
      // A line that wraps could not be erased.
      stderr.write(`\r\u001b[K${redact(line, secrets).slice(0, (stderr.columns || 80) - 1)}`);
      progressShown = true;
    },
    stdoutIsTerminal,
    interactive,
    get columns() {
      const own = stdoutIsTerminal ? stdout.columns : 0;
      return Math.max(40, own || Number(process.env.COLUMNS) || 100);
    },
    addSecret(secret) {
      if (secret.length >= 4) secrets.add(secret);
    },
    redact: (text) => redact(text, secrets),
    async flushed() {
      clearProgress();
      for (const stream of [stdout, stderr]) {
        await new Promise<void>((resolve) => stream.write("", () => resolve()));
      }
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
