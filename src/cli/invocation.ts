import type { Env } from "../config/env/variables.ts";
import type { Command } from "../core/domain/report.ts";
import type { Flags } from "./options.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What a command of the program is run with. */
export interface Invocation {
  readonly command: Command;
  readonly flags: Flags;
  readonly env: Env;
  readonly terminal: Terminal;
}

/** Whether the base may be changed. Scans and dry runs write nothing, so they are never in anyone's way. */
export function mayWrite({ command, flags }: Pick<Invocation, "command" | "flags">): boolean {
  return command !== "scan" && flags.dryRun !== true;
}
