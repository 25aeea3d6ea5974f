import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";
import { UNUSED_MODULES } from "./stub-unused-modules.mjs";

/** Bundles the simulation with the product it runs; `edit` changes one file of it on its way in. */
export async function bundleSimulation(outfile, edit = null) {
  const contents = edit === null ? null : editedBy(edit);
  await build({
    entryPoints: ["test/sim/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    alias: UNUSED_MODULES,
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
    plugins: edit === null ? [] : [replacing(resolve(edit.file), contents)],
  });
}

/** The file with the edit in it. Throws where its text does not stand in the file exactly once. */
export function editedBy({ guard, file, find, replace }) {
  const text = readFileSync(file, "utf8");
  const count = text.split(find).length - 1;
  if (count !== 1)
    throw new Error(`"${guard}" does not fit: its text stands ${count} times in ${file}, not once:\n${find}`);
  return text.replace(find, () => replace);
}

function replacing(path, contents) {
  return {
    name: "edit",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: "ts" } : undefined));
    },
  };
}
