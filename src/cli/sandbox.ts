import { ConfigError } from "../config/problems.ts";
import type { Sandbox, SandboxOptions } from "../sandbox/server.ts";

/** Where the sandbox keeps its state, in the working directory. */
export const SANDBOX_STATE_FILE = ".stuck-jobs-sandbox.json";

/**
 * Starts the sandbox of the working directory; its servers are loaded only now.
 *
 * @throws ConfigError when the state file holds something else
 */
export async function openSandbox(options: Omit<SandboxOptions, "stateFile">): Promise<Sandbox> {
  const [{ startSandbox }, { StateFileError }] = await Promise.all([
    import("../sandbox/server.ts"),
    import("../sandbox/state.ts"),
  ]);
  try {
    return await startSandbox({ ...options, stateFile: SANDBOX_STATE_FILE });
  } catch (error) {
    if (!(error instanceof StateFileError)) throw error;
    throw new ConfigError([{ path: SANDBOX_STATE_FILE, message: error.message }]);
  }
}
