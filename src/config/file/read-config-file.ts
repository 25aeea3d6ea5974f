import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "../problems.ts";

/** What a configuration file holds, unchecked, and where it was found; null where there is none. */
export interface ConfigFile {
  readonly path: string | null;
  readonly content: unknown;
  /** What one of several bases says, which is laid over the content; absent where there is but one. */
  readonly override?: Readonly<Record<string, unknown>>;
}

/**
 * Finds and reads the configuration file: `named`, or the first that cosmiconfig finds for "stuck-jobs" from `cwd` up
 * to the project's root.
 *
 * @throws ConfigError when the named file is missing, or a file cannot be read as what its name says.
 */
export async function readConfigFile(
  named: string | null,
  cwd: string,
  hint = "See the README for a smallest configuration that works.",
): Promise<ConfigFile> {
  if (named === null && !hasConfigFile(cwd)) return { path: null, content: {} };
  const { openExplorer } = await import("./explorer.ts");
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

/** What cosmiconfig looks at, and a little more: `.config` may hold its own settings and ours. */
const PLACES = /^(\.stuck-jobsrc(\..+)?|stuck-jobs\.config\..+|package\.(json|yaml)|\.config)$/;

/**
 * Whether there is anything that cosmiconfig could find, from a folder up to the root. Loading it with its parsers costs
 * more than the whole sweep of a base where nothing is stuck, and under cron there is mostly nothing to find.
 */
function hasConfigFile(folder: string): boolean {
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    // Not readable is not empty: cosmiconfig opens by name what it may not list.
    return true;
  }
  if (names.some((name) => PLACES.test(name))) return true;
  const above = dirname(folder);
  return above !== folder && hasConfigFile(above);
}
