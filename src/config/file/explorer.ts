import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { cosmiconfig, type Loader, type PublicExplorer } from "cosmiconfig";

/** Searches for the configuration under the name "stuck-jobs", from a folder up to the project's root. */
export function openExplorer(): PublicExplorer {
  return cosmiconfig("stuck-jobs", { searchStrategy: "project", loaders: { ".ts": loadTypeScript } });
}

/** What `import { defineConfig } from "stuck-jobs"` gets where the package is installed globally, or run by npx. */
const OWN_MODULE = `data:text/javascript,${encodeURIComponent("export const defineConfig = (config) => config;")}`;

/**
 * Loads a TypeScript configuration. cosmiconfig's own loader needs the `typescript` package beside the configuration;
 * here the types are stripped into a file next to the original, so that its relative imports resolve.
 */
const loadTypeScript: Loader = async (path, content) => {
  // A CommonJS package has its exports as the default.
  const { default: sucrase } = await import("sucrase");
  const { code } = sucrase.transform(content, { transforms: ["typescript"], disableESTransforms: true });
  const stripped = join(dirname(path), `.${basename(path)}.${process.pid}.mjs`);
  await writeFile(stripped, code.replace(/(\bfrom\s*)(["'])stuck-jobs\2/g, `$1$2${OWN_MODULE}$2`));
  try {
    const module: { default?: unknown } = await import(pathToFileURL(stripped).href);
    return module.default;
  } finally {
    await rm(stripped, { force: true });
  }
};
