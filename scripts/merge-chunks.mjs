import { writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { build } from "esbuild";

/**
 * Makes one CommonJS file each of what is loaded together. esbuild splits by who shares what, into some forty files
 * for the run that cron starts every two minutes, and to Node each costs more than what is in it; a third of that is
 * the machinery of ES modules. In the place of each of those files stands a line that passes on its exports, for what
 * is loaded late, so that every module still exists once.
 *
 * @param metafile of the split build, all of whose outputs lie in one folder
 * @param groups by the merged file's name: the sources whose outputs, with all that these import, become that file; a
 *   group takes what it shares with an earlier one from there
 * @param settings of the split build, as far as they hold for the merged files
 */
export async function mergeChunks(metafile, groups, settings) {
  const folder = resolve(dirname(Object.keys(metafile.outputs)[0]));
  /** By the path of an output: the merged file that it is in, and what to write in its place. */
  const placed = new Map();
  for (const [file, sources] of Object.entries(groups)) {
    for (const output of outputsOf(metafile, sources)) {
      const path = resolve(output);
      if (placed.has(path)) continue;
      // The same name may be exported by several.
      const names = metafile.outputs[output].exports.map((own) => ({ own, merged: `${own}_${placed.size}` }));
      const passing = `export { ${names.map(({ own, merged }) => `${merged} as ${own}`).join(", ")} } from "./${file}";\n`;
      placed.set(path, { file, names, passing });
    }
  }
  for (const [file, [source]] of Object.entries(groups)) {
    const [entry] = outputsOf(metafile, [source]);
    const exports = [...placed]
      .filter(([, place]) => place.file === file)
      .map(([path, { names }]) => {
        const list = names.map(({ own, merged }) => `${own} as ${merged}`).join(", ");
        return `export { ${list} } from "./${basename(path)}";`;
      });
    await build({
      ...settings,
      format: "cjs",
      bundle: true,
      stdin: { contents: [...exports, `export * from "./${basename(entry)}";`].join("\n"), resolveDir: folder },
      outfile: resolve(folder, file),
      // It would be empty.
      logOverride: { "empty-import-meta": "error" },
      plugins: [apart(file, placed)],
    });
  }
  for (const [path, { passing }] of placed) await writeFile(path, passing);
}

/** The outputs of sources, and all that these import. */
function outputsOf(metafile, sources) {
  const found = new Set();
  const add = (output) => {
    if (found.has(output)) return;
    found.add(output);
    for (const { path, kind } of metafile.outputs[output].imports) {
      if (kind === "import-statement" && path in metafile.outputs) add(path);
    }
  };
  for (const source of sources) {
    const [output] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === source) ?? [];
    if (output === undefined) throw new Error(`${source} has no output of its own`);
    add(output);
  }
  return [...found];
}

/** Modules of Node that take as long to load as a sweep takes to decide, and that most runs never call. */
const LATE = /^node:((fs|dns|readline)\/promises)$/;

/** Stands for a module of Node until one of its exports is asked for. */
function late(path, exports) {
  const names = Object.keys(exports).filter((name) => name !== "default");
  return names
    .map(
      (name) =>
        `Object.defineProperty(exports, "${name}", { enumerable: true, get: () => require("${path}").${name} });`,
    )
    .join("\n");
}

/** Takes into a merged file what is its own; asks other merged files for theirs; leaves outside what is loaded late. */
function apart(file, placed) {
  return {
    name: "apart",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\// }, ({ path, resolveDir }) => {
        const whole = resolve(resolveDir, path);
        return placed.has(whole) ? { path: whole } : { path, external: true };
      });
      // Not through the machinery of ES modules either: `require` at the same moment.
      onResolve({ filter: /^node:/ }, ({ path, kind }) =>
        kind === "dynamic-import" ? { path, namespace: "required-late" } : undefined,
      );
      onResolve({ filter: LATE }, ({ path, namespace }) =>
        namespace === "late" ? undefined : { path, namespace: "late" },
      );
      onLoad({ filter: /^/, namespace: "late" }, async ({ path }) => ({ contents: late(path, await import(path)) }));
      onLoad({ filter: /^/, namespace: "required-late" }, ({ path }) => ({
        contents: `module.exports = require("${path}");`,
      }));
      onLoad({ filter: /\.mjs$/ }, ({ path }) => {
        const place = placed.get(path);
        return place === undefined || place.file === file
          ? undefined
          : { contents: place.passing, resolveDir: dirname(path) };
      });
    },
  };
}
