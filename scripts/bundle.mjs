import { build } from "esbuild";
import { UNUSED_MODULES } from "./stub-unused-modules.mjs";

/**
 * Builds one bundle, split where the source says `await import`: the tarball has no dependencies to install. Returns
 * what esbuild says went into it.
 */
export async function bundle({ write = true } = {}) {
  const { metafile } = await build({
    entryPoints: { main: "src/cli/main.ts", "define-config": "src/config/define-config.ts" },
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
    write,
    alias: UNUSED_MODULES,
    // CommonJS packages in an ES module ask for Node's own modules by `require`.
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
  });
  return metafile;
}
