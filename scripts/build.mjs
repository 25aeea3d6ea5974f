import { rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { leftOut } from "./left-out.mjs";
import { licensesOf } from "./licenses.mjs";
import { mergeChunks } from "./merge-chunks.mjs";

// One bundle with lazily loaded chunks: the tarball has no dependencies to install, and a cron run that finds nothing
// loads only what it needs. Licences of what is bundled are kept beside it.
await rm("dist", { recursive: true, force: true });
const settings = {
  platform: "node",
  target: "node20.18",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
};
const { metafile } = await build({
  ...settings,
  entryPoints: { main: "src/cli/main.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  format: "esm",
  bundle: true,
  splitting: true,
  metafile: true,
  plugins: [leftOut],
});
await mergeChunks(
  metafile,
  {
    "main.cjs": ["src/cli/main.ts"],
    "sweep.cjs": ["src/cli/program.ts", "src/cli/run-sweep.ts", "node_modules/airtable/lib/airtable.js"],
    "work-off.cjs": ["src/core/work-off.ts", "src/storage/look.ts"],
  },
  settings,
);
await writeFile("dist/THIRD-PARTY-LICENSES.txt", await licensesOf(metafile));
