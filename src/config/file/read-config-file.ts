import { resolve } from "node:path";
import { ConfigError } from "../problems.ts";
import { openExplorer } from "./explorer.ts";

/** The content of a configuration file, unchecked, and its path; null where there is no file. */
export interface ConfigFile {
  readonly path: string | null;
  readonly content: unknown;
  /** The overrides of one of several bases; absent where there is no list of bases. */
  readonly override?: Readonly<Record<string, unknown>>;
}

/**
 * Finds and reads the configuration file: `named`, or the first that cosmiconfig finds for "stuck-jobs" from `cwd` up
 * to the project's root.
 *
 * @throws ConfigError when the named file is missing, or a file cannot be read or parsed
 */
export async function readConfigFile(
  named: string | null,
  cwd: string,
  hint = "See the README for a smallest configuration that works.",
): Promise<ConfigFile> {
  const explorer = openExplorer();
  try {
    const found = named === null ? await explorer.search(cwd) : await explorer.load(resolve(cwd, named));
    return found === null ? { path: null, content: {} } : { path: found.filepath, content: found.config ?? {} };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const where = named ?? "configuration file";
    throw new ConfigError([{ path: where, message }], hint);
  }
}
