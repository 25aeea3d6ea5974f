import type { CommandContext } from "./commands/sweep.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { readSecrets } from "./terminal/secret-variables.ts";
import { processTerminal } from "./terminal/terminal.ts";
import { versionLine } from "./version.ts";

/** Runs the program for this process: the one place that reads argv and sets the exit code. */
export async function main(): Promise<void> {
  const terminal = processTerminal(process);
  // Before anything can be printed: what commander says of wrong words may quote one.
  for (const secret of readSecrets(process.env)) terminal.addSecret(secret);
  let code: ExitCode = EXIT.done;
  // Where a promise is never settled and nothing else is under way, Node ends in silence: not as if all were done.
  process.exitCode = EXIT.fault;
  const fault = (error: unknown) => {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    terminal.log(`a fault of the program: ${words}`, "error");
    return EXIT.fault;
  };
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => process.exit(fault(error)));
  }
  const words = argumentsOf(process.argv);
  // As commander would answer it, without loading it: this is what people, packagers and health checks call in passing.
  if (words.length === 1 && ["-V", "--version"].includes(words[0] ?? "")) {
    terminal.out(`${versionLine(process)}\n`);
    process.exitCode = EXIT.done;
    return await terminal.flushed();
  }
  try {
    const { createProgram } = await import("./program.ts");
    const surroundings: CommandContext = {
      env: process.env,
      terminal,
      exit: (given) => {
        code = given;
      },
    };
    const program = await createProgram(surroundings, words[0]);
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    code = await explain(error, (message) => terminal.log(message, "error"), fault);
  }
  process.exitCode = code;
  await terminal.flushed();
}

/** Without a word the program says what it can do. */
function argumentsOf([, , ...given]: readonly string[]): readonly string[] {
  return given.length === 0 ? ["--help"] : given;
}

async function explain(
  error: unknown,
  log: (message: string) => void,
  fault: (error: unknown) => ExitCode,
): Promise<ExitCode> {
  const { CommanderError } = await import("commander");
  // Commander has printed its message by then; its exit code for a usage error is 1, the contract's is 2.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const { ConfigError } = await import("../config/problems.ts");
  if (!(error instanceof ConfigError)) return fault(error);
  const hint = error.hint === null ? "" : `\n${error.hint}`;
  log(`the configuration is wrong; nothing was read or written.\n${indented(error.message)}${hint}`);
  return EXIT.usage;
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
