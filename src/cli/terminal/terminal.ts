import { fstatSync } from "node:fs";
import type { Env } from "../../config/env/variables.ts";
import { DEFAULT_STYLE, type Fields, isWritten, type Level, type LogStyle, renderLog } from "./log.ts";
import { redact } from "./redact.ts";

/** The streams a command talks through. Everything that leaves the program passes the redactor here. */
export interface Terminal {
  /** The result. */
  out(text: string): void;
  /** A result in parts, of which the next is made when whoever reads it can take more. */
  outAll(parts: Iterable<string>): Promise<void>;
  /** The log. A message of several lines is one entry; `level` is `notice` unless it is given. */
  log(message: string, level?: Level, fields?: Fields): void;
  /** How the log is written from here on; what is absent stays as it is. */
  logAs(style: Partial<Omit<LogStyle, "systemd">>): void;
  /** The same terminal for one base of several: its lines name it, and its run. */
  forBase(name: string): Terminal;
  /** Overwrites the progress line; only ever called when `interactive`. */
  progress(line: string): void;
  readonly stdoutIsTerminal: boolean;
  /** Whether stderr is a terminal that a person watches: progress is for them, not for cron. */
  readonly interactive: boolean;
  readonly columns: number;
  /** Adds a text that must never be shown. */
  addSecret(secret: string): void;
  /** Takes out what must not be shown, for what leaves the program elsewhere. */
  redact(text: string): string;
  /** Resolves when what was written has left the process. */
  flushed(): Promise<void>;
}

/** The process's own streams. */
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
    // Before and after: JSON writes some characters of a secret otherwise.
    const safe = mapTexts(fields, (text) => redact(text, secrets));
    // A person at a terminal has the run in the summary.
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
        // Called also where the reader went away, unlike a listener of "drain".
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
 * Whether a stream is connected to systemd's journal: JOURNAL_STREAM names it by device and inode, and is inherited by
 * processes whose streams were turned elsewhere, so that it has to be compared (systemd.exec(5)).
 */
function isJournal(fd: number, { JOURNAL_STREAM }: Env): boolean {
  if (JOURNAL_STREAM === undefined || JOURNAL_STREAM === "") return false;
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
