import { isatty } from "node:tty";
import { DEFAULT_STYLE, type Fields, isWritten, type Level, type LogStyle, renderLog } from "./log.ts";
import { redact } from "./redact.ts";
import { isJournal } from "./systemd-journal.ts";

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
  const streams = openStreams(process);
  const stdoutIsTerminal = isatty(STDOUT);
  const interactive = isatty(STDERR) && !process.env.CI;
  let style: LogStyle = { ...DEFAULT_STYLE, systemd: isJournal(2, process.env) };
  let progressShown = false;
  const clearProgress = () => {
    if (progressShown) streams.stderr().write("\r\u001b[K");
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
    streams.stderr().write(redact(text, secrets));
  };
  return {
    out(text) {
      clearProgress();
      streams.stdout().write(redact(text, secrets));
    },
    async outAll(parts) {
      for (const part of parts) {
        this.out(part);
        const stream = streams.stdout();
        // Called also where the reader went away, unlike a listener of "drain".
        if (stream.writableNeedDrain) await new Promise<void>((resolve) => stream.write("", () => resolve()));
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
      const stderr = streams.stderr();
      stderr.write(`\r\u001b[K${redact(line, secrets).slice(0, (stderr.columns || 80) - 1)}`);
      progressShown = true;
    },
    stdoutIsTerminal,
    interactive,
    get columns() {
      const own = stdoutIsTerminal ? streams.stdout().columns : 0;
      return Math.max(40, own || Number(process.env.COLUMNS) || 100);
    },
    addSecret(secret) {
      if (secret.length >= 4) secrets.add(secret);
    },
    redact: (text) => redact(text, secrets),
    async flushed() {
      clearProgress();
      for (const stream of streams.opened()) {
        await new Promise<void>((resolve) => stream.write("", () => resolve()));
      }
    },
  };
}

const [STDOUT, STDERR] = [1, 2];

/** The streams, opened when they are first written to: a run that has nothing to say need not load Node's streams. */
function openStreams(process: NodeJS.Process) {
  const opened = new Set<NodeJS.WriteStream>();
  const open = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    if (opened.has(stream)) return stream;
    opened.add(stream);
    // A reader that went away (`| head`) is no fault of the run, whose writes to the base must not be cut short by it.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
    return stream;
  };
  return { stdout: () => open(process.stdout), stderr: () => open(process.stderr), opened: () => [...opened] };
}

function mapTexts(fields: Fields, map: (text: string) => string): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? map(value) : value]),
  );
}
