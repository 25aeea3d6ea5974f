import type { Command } from "commander";
import type { Env } from "../../config/env/variables.ts";
import type { Command as CommandName } from "../../core/domain/report.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Flags } from "../options.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What a command needs of the process around it, and where it leaves its exit code. */
export interface CommandContext {
  readonly env: Env;
  readonly terminal: Terminal;
  exit(code: ExitCode): void;
}

/** Runs a sweep as the command's action; the machinery is imported only now, so that --help stays quick. */
export function sweepAction(command: Command, name: CommandName, { env, terminal, exit }: CommandContext): Command {
  return command.action(async (flags: Flags) => {
    configureLog(name, flags, terminal);
    const { runSweep } = await import("../run-sweep.ts");
    exit(await runSweep({ command: name, flags, env, terminal }));
  });
}

/** Has the log written as the flags say, for a command that has them. */
export function configureLog(command: string, { logFormat, quiet, verbose }: Flags, terminal: Terminal): void {
  terminal.logAs({
    command,
    format: logFormat ?? "text",
    least: quiet ? "error" : verbose ? "info" : "notice",
  });
}
