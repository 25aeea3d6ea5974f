import { redact } from "./redact.ts";

/** The streams a command talks through. Everything that leaves the program passes the redactor here. */
export interface Terminal {
  /** The result. */
  out(text: string): void;
  /** The log, a line at a time. */
  log(line: string): void;
  /** Overwrites the progress line; only ever called when `interactive`. */
  progress(line: string): void;
  readonly stdoutIsTerminal: boolean;
  /** Whether stderr is a terminal that a person watches: progress is for them, not for cron. */
  readonly interactive: boolean;
  readonly columns: number;
  /** Adds a text that must never be shown. */
  keepSecret(secret: string): void;
  /** Resolves when what was written has left the process. */
  flushed(): Promise<void>;
}

/** The process's own streams. */
export function processTerminal(process: NodeJS.Process): Terminal {
  const secrets = new Set<string>();
  const { stdout, stderr } = process;
  let progressShown = false;
  const clearProgress = () => {
    if (progressShown) stderr.write("\r\u001b[K");
    progressShown = false;
  };
  // A reader that went away (`| head`) is no fault of the run, whose writes to the base must not be cut short by it.
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    out(text) {
      clearProgress();
      stdout.write(redact(text, secrets));
    },
    log(line) {
      clearProgress();
      stderr.write(`${redact(line, secrets)}\n`);
    },
    progress(line) {
      stderr.write(`\r\u001b[K${redact(line, secrets)}`);
      progressShown = true;
    },
    stdoutIsTerminal: stdout.isTTY === true,
    interactive: stderr.isTTY === true && !process.env.CI,
    columns: Math.max(40, stdout.columns || Number(process.env.COLUMNS) || 100),
    keepSecret(secret) {
      if (secret.length >= 4) secrets.add(secret);
    },
    async flushed() {
      clearProgress();
      for (const stream of [stdout, stderr]) {
        await new Promise<void>((resolve) => stream.write("", () => resolve()));
      }
    },
  };
}
