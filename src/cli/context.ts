import type { Env } from "../config/env/variables.ts";
import type { Settings } from "../config/settings.ts";
import type { Command, Entry } from "../core/domain/report.ts";
import type { Confirmation } from "../core/sweep/context.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Flags } from "./options.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What a command needs of the process around it, and where it leaves its exit code. */
export interface CommandContext {
  readonly env: Env;
  readonly terminal: Terminal;
  exit(code: ExitCode): void;
}

/** One run of `scan`, `recover` or `fail-old`, or of a command that reads the base as `scan` does. */
export interface Invocation extends Pick<CommandContext, "env" | "terminal"> {
  readonly command: Command;
  readonly flags: Flags;
  /** Decides about each job before it is written; absent where nobody is asked. */
  readonly confirm?: (entry: Entry, settings: Settings) => Promise<Confirmation>;
}

/** Whether the base may be changed: scans and dry runs write nothing, so they take no lock. */
export function mayWrite({ command, flags }: Pick<Invocation, "command" | "flags">): boolean {
  return command !== "scan" && flags.dryRun !== true;
}

/** Sets how the log is written, by the flags of a command that has them. */
export function configureLog(
  command: string,
  { logFormat, quiet, verbose }: Partial<Pick<Flags, "logFormat" | "quiet" | "verbose">>,
  terminal: Pick<Terminal, "logAs">,
): void {
  terminal.logAs({
    command,
    format: logFormat ?? "text",
    least: quiet ? "error" : verbose ? "info" : "notice",
  });
}
