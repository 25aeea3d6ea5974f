import { rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { licensesOf } from "./licenses.mjs";
import { leftOut } from "./stub-unused-modules.mjs";

// One bundle, split where the source says `await import`: the tarball has no dependencies to install. The licences of
// what is bundled lie beside it.
await rm("dist", { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { main: "src/cli/main.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  format: "esm",
  platform: "node",
  target: "node20.18",
  bundle: true,
  splitting: true,
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  plugins: [leftOut],
  // CommonJS packages in an ES module ask for Node's own modules by `require`.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
  },
});
await writeFile("dist/THIRD-PARTY-LICENSES.txt", await licensesOf(metafile));
