import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { MUTANTS } from "./mutants.mjs";

// `npm run sim:mutants`: switches off each guard in turn and expects the simulation to notice within 500 seeds. The
// product is not touched: the edit is made on its way into the bundle.
const { values } = parseArgs({ options: { seeds: { type: "string" }, only: { type: "string" } } });
const SEEDS = values.seeds ?? "500";
const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-mutants-"));

/** The product as it is, and then with one guard off. */
const UNCHANGED = { guard: "(none: the product as it is)", file: null };

function edited({ guard, file, find, replace }) {
  const text = readFileSync(file, "utf8");
  const count = text.split(find).length - 1;
  if (count !== 1) {
    throw new Error(
      `"${guard}": its text stands ${count} times in ${file}, not once. Mend scripts/mutants.mjs:\n${find}`,
    );
  }
  return text.replace(find, () => replace);
}

async function bundle(mutant, n) {
  const outfile = join(folder, `mutant-${n}.mjs`);
  const contents = mutant.file === null ? null : edited(mutant);
  await build({
    entryPoints: ["test/sim/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);',
    },
    plugins: [
      {
        name: "mutant",
        setup({ onLoad }) {
          if (contents === null) return;
          const path = resolve(mutant.file);
          onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: "ts" } : undefined));
        },
      },
    ],
  });
  return outfile;
}

function run(file) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [file, "--seeds", SEEDS, "--first"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.on("close", (code) => done({ code, out }));
  });
}

/** The first broken promise, without the particulars. */
function read({ code, out }) {
  const [, seed, what] = /^seed (\d+): (.*)/.exec(out) ?? [];
  if (seed !== undefined)
    return { seed: Number(seed), what: what.replace(/^(first|second|calm)-\d /, "").replace(/: .*/, "") };
  return code === 0 ? null : { seed: null, what: "the simulation itself came to grief" };
}

const chosen = MUTANTS.filter(({ guard }) => values.only === undefined || guard.includes(values.only));
const queue = [UNCHANGED, ...chosen].map((mutant, n) => ({ mutant, n }));
const rows = [];
const began = Date.now();
try {
  // All edits are tried before the first is run, so that one that does not fit any more is told at once.
  for (const mutant of chosen) edited(mutant);
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const file = await bundle(next.mutant, next.n);
      rows[next.n] = { guard: next.mutant.guard, found: read(await run(file)) };
      rmSync(file);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const [unchanged, ...mutants] = rows;
console.log("| guard that is switched off | found at seed | by the promise |\n| --- | --- | --- |");
for (const { guard, found } of mutants) {
  console.log(`| ${guard} | ${found?.seed ?? "-"} | ${found?.what ?? `NOT FOUND in ${SEEDS} seeds`} |`);
}
const missed = mutants.filter(({ found }) => found === null || found.seed === null);
const seconds = ((Date.now() - began) / 1000).toFixed(0);
console.log(`\n${mutants.length - missed.length} of ${mutants.length} found, in ${seconds} s`);
if (unchanged.found !== null)
  console.log(`The product as it is breaks a promise at seed ${unchanged.found.seed}: ${unchanged.found.what}`);
process.exitCode = missed.length === 0 && unchanged.found === null ? 0 : 1;
