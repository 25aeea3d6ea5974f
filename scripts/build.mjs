import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { build, transform } from "esbuild";
import { licensesOf } from "./licenses.mjs";
import { mergeChunks } from "./merge-chunks.mjs";
import { leftOut } from "./stub-unused-modules.mjs";

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
/** Packages are made as small as can be; our own code keeps its names, for what a fault of the program prints. */
const smallPackages = {
  name: "small-packages",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.js$/ }, async ({ path }) => ({
      contents: (await transform(await readFile(path, "utf8"), { minify: true, target: settings.target })).code,
    }));
  },
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
  plugins: [leftOut, smallPackages],
});
const COMMANDS = (await readdir("src/cli/commands"))
  .filter((name) => !["recover.ts", "shared.ts"].includes(name))
  .map((name) => `src/cli/commands/${name}`);
await mergeChunks(
  metafile,
  {
    "main.cjs": ["src/cli/main.ts"],
    "sweep.cjs": [
      "src/cli/program.ts",
      "src/cli/commands/recover.ts",
      "src/cli/run-sweep.ts",
      "node_modules/airtable/lib/airtable.js",
    ],
    "commands.cjs": COMMANDS,
    "work-off.cjs": [
      "src/core/sweep/work-off.ts",
      "src/core/sweep/list/classify.ts",
      "src/core/sweep/probe/probe-outputs.ts",
      "src/core/sweep/report/verdict-records.ts",
      "src/core/sweep/report/incidents.ts",
      "src/stores/airtable/parse-records.ts",
      "src/storage/head.ts",
    ],
  },
  settings,
);
await writeFile("dist/THIRD-PARTY-LICENSES.txt", await licensesOf(metafile));
