import { rmSync } from "node:fs";
import { readConfigFile } from "../config/file/read-config-file.ts";
import { ConfigError } from "../config/problems.ts";
import type { SandboxBaseName } from "../sandbox/bases.ts";
import type { ChaosRules } from "../sandbox/chaos.ts";
import type { Sandbox, SandboxOptions } from "../sandbox/server.ts";
import type { SandboxName } from "./options.ts";

/** The state files of the sandboxes, in the working directory. */
const AIRTABLE_STATE_FILES: Readonly<Record<SandboxBaseName, string>> = {
  nca: ".stuck-jobs-sandbox.json",
  renders: ".stuck-jobs-sandbox-renders.json",
};
const POSTGRES_STATE_FILE = ".stuck-jobs-sandbox-postgres.json";

/** The journal of the sandbox. */
export const SANDBOX_JOURNAL = ".stuck-jobs-sandbox-journal.ndjson";

/**
 * Starts a sandbox of the working directory.
 *
 * @throws ConfigError when the state file holds something else, the requested port is taken, or there is no server
 */
export async function openSandbox(
  name: SandboxName,
  options: Omit<SandboxOptions, "base" | "stateFile">,
): Promise<Sandbox> {
  switch (name) {
    case "nca":
    case "renders":
      return await openAirtableSandbox(name, options);
    case "postgres":
      return await openPostgresSandbox(options.delayedWebhook);
  }
}

async function openPostgresSandbox(delayedWebhook: boolean): Promise<Sandbox> {
  const [{ startPostgresSandbox }, { NoServerError }, { StateFileError }] = await Promise.all([
    import("../sandbox/postgres/sandbox.ts"),
    import("../sandbox/postgres/server.ts"),
    import("../sandbox/state.ts"),
  ]);
  try {
    return await startPostgresSandbox({ stateFile: POSTGRES_STATE_FILE, delayedWebhook });
  } catch (error) {
    if (error instanceof StateFileError) throw new ConfigError([{ path: POSTGRES_STATE_FILE, message: error.message }]);
    if (error instanceof NoServerError) throw new ConfigError([{ path: "--sandbox=postgres", message: error.message }]);
    throw error;
  }
}

async function openAirtableSandbox(
  base: SandboxBaseName,
  options: Omit<SandboxOptions, "base" | "stateFile">,
): Promise<Sandbox> {
  const stateFile = AIRTABLE_STATE_FILES[base];
  const [{ startSandbox }, { StateFileError }, { PortTakenError }] = await Promise.all([
    import("../sandbox/server.ts"),
    import("../sandbox/state.ts"),
    import("../sandbox/loopback-server.ts"),
  ]);
  try {
    return await startSandbox({ ...options, base, stateFile });
  } catch (error) {
    if (error instanceof StateFileError) throw new ConfigError([{ path: stateFile, message: error.message }]);
    if (error instanceof PortTakenError) throw new ConfigError([{ path: "--port", message: error.message }]);
    throw error;
  }
}

/** How long a served sandbox may take to reset. */
const RESET_WITHIN_MS = 2_000;

/**
 * Resets the sandboxes of the working directory: through its server where one runs, else by removing their state.
 *
 * @returns whether a server runs
 */
export async function resetSandbox(): Promise<boolean> {
  for (const file of [SANDBOX_JOURNAL, POSTGRES_STATE_FILE]) rmSync(file, { force: true });
  let anyIsServed = false;
  for (const stateFile of Object.values(AIRTABLE_STATE_FILES)) {
    const isServed = await resetServed(stateFile);
    if (!isServed) rmSync(stateFile, { force: true });
    anyIsServed ||= isServed;
  }
  return anyIsServed;
}

async function resetServed(stateFile: string): Promise<boolean> {
  const [{ readState }, { resetRequest }] = await Promise.all([
    import("../sandbox/state.ts"),
    import("../sandbox/server.ts"),
  ]);
  try {
    const port = readState(stateFile)?.ports.base;
    if (port === undefined) return false;
    const { ok } = await fetch(`http://127.0.0.1:${port}/sandbox/reset`, {
      ...resetRequest(stateFile),
      signal: AbortSignal.timeout(RESET_WITHIN_MS),
    });
    return ok;
  } catch {
    // No state file, or no server.
    return false;
  }
}

/**
 * Reads the rules of `sandbox serve --chaos`: JSON or YAML, by the file name.
 *
 * @throws ConfigError with everything that is wrong with them at once
 */
export async function readChaosFile(path: string): Promise<ChaosRules> {
  const hint = "See docs/sandbox.md for the keys of a chaos file.";
  const { content } = await readConfigFile(path, process.cwd(), hint);
  const [{ chaosSchema }, { problemsOf }] = await Promise.all([
    import("../sandbox/chaos-file.ts"),
    import("../config/schema/issues.ts"),
  ]);
  const checked = chaosSchema.safeParse(content);
  if (!checked.success) throw new ConfigError(problemsOf(checked.error, content, chaosSchema), hint);
  return checked.data;
}
