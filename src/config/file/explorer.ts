import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { cosmiconfig, type Loader, type PublicExplorer } from "cosmiconfig";

/** Looks for the configuration under the name "stuck-jobs", from a folder up to the project's root. */
export function openExplorer(): PublicExplorer {
  return cosmiconfig("stuck-jobs", { searchStrategy: "project", loaders: { ".ts": loadTypeScript } });
}

/**
 * cosmiconfig's own loader needs the `typescript` package beside the configuration. Types are stripped here, into a
 * file next to the original so that its relative imports still hold.
 */
const loadTypeScript: Loader = async (path, content) => {
  const { stripTypes: withoutTypes } = await import("./types.ts");
  const stripped = join(dirname(path), `.${basename(path)}.${process.pid}.mjs`);
  await writeFile(stripped, withoutTypes(content));
  try {
    const module: { default?: unknown } = await import(pathToFileURL(stripped).href);
    return module.default;
  } finally {
    await rm(stripped, { force: true });
  }
};
