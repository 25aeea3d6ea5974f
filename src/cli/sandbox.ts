import { rmSync } from "node:fs";
import { readConfigFile } from "../config/file/read-config-file.ts";
import { ConfigError } from "../config/problems.ts";
import type { ChaosRules } from "../sandbox/chaos.ts";
import type { Sandbox, SandboxOptions } from "../sandbox/server.ts";

/** Where the sandbox keeps its state, in the working directory. */
export const SANDBOX_STATE_FILE = ".stuck-jobs-sandbox.json";

/** What was written to the sandbox, beside its state. */
export const SANDBOX_JOURNAL = ".stuck-jobs-sandbox-journal.ndjson";

/**
 * Starts the sandbox of the working directory; its servers are loaded only now.
 *
 * @throws ConfigError when the state file holds something else, or the port that was asked for is taken
 */
export async function openSandbox(options: Omit<SandboxOptions, "stateFile">): Promise<Sandbox> {
  const [{ startSandbox }, { StateFileError }, { PortTakenError }] = await Promise.all([
    import("../sandbox/server.ts"),
    import("../sandbox/state.ts"),
    import("../sandbox/loopback-server.ts"),
  ]);
  try {
    return await startSandbox({ ...options, stateFile: SANDBOX_STATE_FILE });
  } catch (error) {
    if (error instanceof StateFileError) throw new ConfigError([{ path: SANDBOX_STATE_FILE, message: error.message }]);
    if (error instanceof PortTakenError) throw new ConfigError([{ path: "--port", message: error.message }]);
    throw error;
  }
}

/** How long a sandbox may take to say that it began anew. */
const RESET_WITHIN_MS = 2_000;

/**
 * Lets the sandbox of the working directory begin anew: the one that is being served, else by removing its state.
 *
 * @returns whether one is being served
 */
export async function resetSandbox(): Promise<boolean> {
  rmSync(SANDBOX_JOURNAL, { force: true });
  const isServed = await resetServed();
  if (!isServed) rmSync(SANDBOX_STATE_FILE, { force: true });
  return isServed;
}

async function resetServed(): Promise<boolean> {
  const [{ readState }, { resetRequest }] = await Promise.all([
    import("../sandbox/state.ts"),
    import("../sandbox/server.ts"),
  ]);
  try {
    const port = readState(SANDBOX_STATE_FILE)?.ports.base;
    if (port === undefined) return false;
    const { ok } = await fetch(`http://127.0.0.1:${port}/sandbox/reset`, {
      ...resetRequest(SANDBOX_STATE_FILE),
      signal: AbortSignal.timeout(RESET_WITHIN_MS),
    });
    return ok;
  } catch {
    // No sandbox's state, or nobody who listens there.
    return false;
  }
}

/**
 * Reads the rules of `sandbox serve --chaos`: JSON or YAML, by the file's name.
 *
 * @throws ConfigError with everything that is wrong with them at once
 */
export async function readChaosFile(path: string): Promise<ChaosRules> {
  const hint = "docs/sandbox.md tells what a chaos file may hold.";
  const { content } = await readConfigFile(path, process.cwd(), hint);
  const [{ chaosSchema }, { problemsOf }] = await Promise.all([
    import("../sandbox/chaos-file.ts"),
    import("../config/schema/issues.ts"),
  ]);
  const checked = chaosSchema.safeParse(content);
  if (!checked.success) throw new ConfigError(problemsOf(checked.error, content, chaosSchema), hint);
  return checked.data;
}
