import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { cosmiconfig, type Loader, type PublicExplorer } from "cosmiconfig";

/** Searches for the configuration under the name "stuck-jobs", from a folder up to the project's root. */
export function openExplorer(): PublicExplorer {
  return cosmiconfig("stuck-jobs", { searchStrategy: "project", loaders: { ".ts": loadTypeScript } });
}

/**
 * Loads a TypeScript configuration. cosmiconfig's own loader needs the `typescript` package beside the configuration;
 * here the types are stripped into a file next to the original, so that its relative imports resolve.
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
