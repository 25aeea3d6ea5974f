import { setMaxListeners } from "node:events";
import { EXIT, type ExitCode } from "../exit-codes.ts";

/** Whether the process received a stop signal. */
export interface Shutdown {
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Stops as SIGINT does: for a Ctrl+C that a question reads from the terminal. */
  interrupt(): void;
  /** 130 or 143 after a signal, else null. */
  code(): ExitCode | null;
  dispose(): void;
}

/** Handles SIGINT and SIGTERM until it is disposed. A second one ends the process at once. */
export function handleSignals(onSignal: (name: string) => void): Shutdown {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let code: ExitCode | null = null;
  const stop = (name: "SIGINT" | "SIGTERM") => {
    const given = name === "SIGINT" ? EXIT.interrupted : EXIT.terminated;
    if (code !== null) process.exit(given);
    code = given;
    onSignal(name);
    controller.abort(new DOMException(name, "AbortError"));
  };
  const onInterrupt = () => stop("SIGINT");
  const onTerminate = () => stop("SIGTERM");
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return {
    signal: controller.signal,
    interrupt: onInterrupt,
    code: () => code,
    dispose() {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
    },
  };
}
