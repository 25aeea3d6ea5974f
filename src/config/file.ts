import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Loader } from "cosmiconfig";
import { ConfigError } from "./problems.ts";

/** What a configuration file holds, unchecked, and where it was found; null where there is none. */
export interface ConfigFile {
  readonly path: string | null;
  readonly content: unknown;
}

/**
 * Finds and reads the configuration file: `named`, or the first that cosmiconfig finds for "stuck-jobs" from `cwd` up
 * to the project's root.
 *
 * @throws ConfigError when the named file is missing, or a file cannot be read as what its name says.
 */
export async function readConfigFile(named: string | null, cwd: string): Promise<ConfigFile> {
  const { cosmiconfig } = await import("cosmiconfig");
  const explorer = cosmiconfig("stuck-jobs", { searchStrategy: "project", loaders: { ".ts": loadTypeScript } });
  try {
    const found = named === null ? await explorer.search(cwd) : await explorer.load(resolve(cwd, named));
    return found === null ? { path: null, content: {} } : { path: found.filepath, content: found.config ?? {} };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const where = named ?? "configuration file";
    throw new ConfigError([{ path: where, message }], "See the README for a smallest configuration that works.");
  }
}

/**
 * cosmiconfig's own loader needs the `typescript` package beside the configuration. Types are stripped here, into a
 * file next to the original so that its relative imports still hold.
 */
const loadTypeScript: Loader = async (path, content) => {
  const { transform } = await import("sucrase");
  const { code } = transform(content, { transforms: ["typescript"], disableESTransforms: true });
  const stripped = join(dirname(path), `.${basename(path)}.${process.pid}.mjs`);
  await writeFile(stripped, code);
  try {
    const module: { default?: unknown } = await import(pathToFileURL(stripped).href);
    return module.default;
  } finally {
    await rm(stripped, { force: true });
  }
};
