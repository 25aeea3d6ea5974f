import { rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

// One bundle with lazily loaded chunks: the tarball has no dependencies to install, and a cron run that finds nothing
// loads only what it needs. Licences of what is bundled are kept beside it.
await rm("dist", { recursive: true, force: true });
const result = await build({
  entryPoints: { main: "src/cli/main.ts" },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.18",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  },
});
await writeFile("dist/THIRD-PARTY-LICENSES.txt", await (await import("./licenses.mjs")).licensesOf(result.metafile));
