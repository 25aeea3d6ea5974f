import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { openSandbox, readChaosFile, resetSandbox } from "../sandbox.ts";

/** Adds `stuck-jobs sandbox`: the embedded base and bucket. */
export function addSandbox(program: Command, { terminal, exit }: CommandContext): void {
  const sandbox = program.command("sandbox").description("The embedded base and bucket that --sandbox runs on.");
  sandbox
    .command("serve")
    .addArgument(new Argument("[name]", "the base to serve").choices(["nca", "renders"]).default("nca"))
    .description("Serves the sandbox until interrupted, and prints the environment that points a client at it.")
    .addOption(new Option("--port <n>", "port of the base; the bucket takes the next one").argParser(port))
    .option("--chaos <file>", "faults to inject, as JSON or YAML (docs/sandbox.md)")
    .action(async (name: "nca" | "renders", { port, chaos }: { port?: number; chaos?: string }) => {
      const rules = chaos === undefined ? null : await readChaosFile(chaos);
      const server = await openSandbox(name, {
        delayedWebhook: true,
        ...(port === undefined ? {} : { port }),
        ...(rules === null ? {} : { chaos: { rules, log: (line) => terminal.log(line) } }),
      });
      terminal.out(
        Object.entries(server.env)
          .map(([name, value]) => `export ${name}=${value}\n`)
          .join(""),
      );
      terminal.log("Serving the sandbox until SIGINT or SIGTERM.");
      await new Promise<void>((resolve) => {
        process.once("SIGINT", () => resolve());
        process.once("SIGTERM", () => resolve());
      });
      await server.close();
      exit(EXIT.success);
    });
  sandbox
    .command("reset")
    .description("Resets the sandbox in this directory to its initial state.")
    .action(async () => {
      const isServed = await resetSandbox();
      terminal.log(isServed ? "The running sandbox was reset." : `Removed the state of the sandboxes in this folder`);
      exit(EXIT.success);
    });
}

function port(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= 65534) return number;
  throw new InvalidArgumentError("Expected a port from 1 to 65534.");
}
