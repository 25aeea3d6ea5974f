import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { UNUSED_MODULES } from "./stub-unused-modules.mjs";

// `npm run bench`, see bench/main.ts: the bench, its servers, and a build of the tool without the pace, as bundles.
const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-"));
const banner = {
  js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
};
const shared = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.18",
  logLevel: "warning",
  banner,
  alias: UNUSED_MODULES,
};
const withoutPace = {
  name: "without-pace",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/rate-limit\.ts$/ }, ({ resolveDir }) =>
      resolveDir.endsWith(join("stores", "airtable")) ? { path: resolve("bench/unpaced.ts") } : undefined,
    );
  },
};
await build({
  ...shared,
  entryPoints: ["bench/main.ts", "bench/server.ts", "bench/bare-start.ts"],
  outdir: folder,
  outExtension: { ".js": ".mjs" },
});
await build({
  ...shared,
  entryPoints: { main: "src/cli/main.ts" },
  outdir: join(folder, "dist"),
  splitting: true,
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [withoutPace],
});
mkdirSync(join(folder, "bin"));
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
writeFileSync(join(folder, "bin", "unpaced.js"), 'import { main } from "../dist/main.js";\nawait main();\n');
execFileSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--ignore-scripts", "--json"], { encoding: "utf8" }),
);

const { status } = spawnSync(process.execPath, [join(folder, "main.mjs"), ...process.argv.slice(2)], {
  stdio: "inherit",
  env: {
    ...process.env,
    STUCK_JOBS_BENCH: JSON.stringify({
      server: join(folder, "server.mjs"),
      cli: resolve("bin/stuck-jobs.js"),
      unpaced: join(folder, "bin", "unpaced.js"),
      bare: join(folder, "bare-start.mjs"),
      rusage: resolve("bench/rusage.py"),
    }),
    STUCK_JOBS_BENCH_PACKED: JSON.stringify(packed ?? {}),
  },
});
rmSync(folder, { recursive: true, force: true });
process.exitCode = status ?? 1;
