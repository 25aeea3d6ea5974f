import type { CommandContext } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { linesOf, logInternalError, problemLines } from "./terminal/log.ts";
import { readSecrets } from "./terminal/redact.ts";
import { processTerminal, type Terminal } from "./terminal/terminal.ts";
import { versionLine } from "./version.ts";

/** Runs the program for this process: the one place that reads argv and sets the exit code. */
export async function main(): Promise<void> {
  const terminal = processTerminal(process);
  // Before anything can be printed: commander quotes a wrong flag, which may hold a secret.
  for (const secret of readSecrets(process.env, process.argv.slice(2))) terminal.addSecret(secret);
  // A promise that is never settled lets Node end in silence: that must not look like success.
  process.exitCode = EXIT.internalError;
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logInternalError(error, terminal);
      process.exit(EXIT.internalError);
    });
  }
  const words = process.argv.slice(2);
  // Packagers and health checks ask for this alone, and need not wait for commander.
  if (words.length === 1 && ["-V", "--version"].includes(words[0] ?? "")) {
    terminal.out(`${versionLine(process)}\n`);
    process.exitCode = EXIT.success;
  } else process.exitCode = await run(words.length === 0 ? ["--help"] : words, terminal);
  const outputError = await terminal.flushed();
  if (outputError === null) return;
  terminal.log(`the output could not be written: ${outputError.message}`, "error");
  if (process.exitCode === EXIT.success) process.exitCode = EXIT.internalError;
}

async function run(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.success;
  const context: CommandContext = {
    env: process.env,
    terminal,
    exit: (given) => {
      code = given;
    },
  };
  try {
    const [{ createProgram }, { nameSandbox }] = await Promise.all([import("./program.ts"), import("./options.ts")]);
    const program = await createProgram(context, words);
    await program.parseAsync(nameSandbox(words), { from: "user" });
    return code;
  } catch (error) {
    return await logFailure(error, terminal);
  }
}

async function logFailure(error: unknown, terminal: Terminal): Promise<ExitCode> {
  const { CommanderError } = await import("commander");
  // Commander has printed its message by then; its exit code for a usage error is 1, the contract's is 2.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.success : EXIT.usage;
  const { ConfigError } = await import("../config/problems.ts");
  if (error instanceof ConfigError) {
    terminal.log(problemLines(error), "error");
    return EXIT.usage;
  }
  // Of commands that read a base, or a journal in a database, and do nothing else.
  const [{ isUpstreamFailure }, { exitCodeOfFailure }] = await Promise.all([
    import("../core/ports/errors.ts"),
    import("./exit-codes.ts"),
  ]);
  if (isUpstreamFailure(error)) {
    terminal.log(linesOf(error), "error");
    return exitCodeOfFailure(error);
  }
  logInternalError(error, terminal);
  return EXIT.internalError;
}
