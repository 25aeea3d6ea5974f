import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { UNUSED_MODULES } from "./stub-unused-modules.mjs";

/** Imports a TypeScript file of this repository, whatever it needs, on a Node that cannot. */
export async function load(entry) {
  const folder = await mkdtemp(join(tmpdir(), "stuck-jobs-load-"));
  try {
    const outfile = join(folder, "bundle.mjs");
    const banner =
      'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);';
    await build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      logLevel: "warning",
      alias: UNUSED_MODULES,
      banner: { js: banner },
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
