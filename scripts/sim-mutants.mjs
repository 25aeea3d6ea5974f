import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleSimulation, editedBy } from "./sim-bundle.mjs";

// `npm run sim:mutants`: switches off each guard in turn and expects the simulation to notice within 500 seeds. The
// product is not touched: the edit is made on its way into the bundle. `--only 'webhook|undo'` tries the guards whose names
// hold one of these. `--write` puts the table into docs/reliability.md, with `--only` the rows of these guards.
const { values } = parseArgs({
  options: { seeds: { type: "string" }, only: { type: "string" }, write: { type: "boolean" } },
});
const PAGE = "docs/reliability.md";
const SEEDS = values.seeds ?? "500";
/** The guards, each with the edit that switches it off. */
const MUTANTS = JSON.parse(readFileSync("test/sim/mutants.json", "utf8"));

const wanted = values.only?.split("|") ?? null;
const chosen = MUTANTS.filter(({ guard }) => wanted === null || wanted.some((each) => guard.includes(each)));
const misfits = chosen.flatMap((mutant) => {
  try {
    editedBy(mutant);
    return [];
  } catch (error) {
    return [error.message];
  }
});
if (misfits.length > 0) {
  console.error(`${misfits.join("\n\n")}\n\nThe code has moved on: mend test/sim/mutants.json.`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-mutants-"));
const began = Date.now();
// All guards on comes last, and only where all are tried.
const queue = [...chosen, ...(wanted === null ? [null] : [])].map((mutant, n) => ({ mutant, n }));
const found = [];
try {
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const file = join(folder, `${next.n}.mjs`);
      await bundleSimulation(file, next.mutant);
      found[next.n] = read(await run(file, next.mutant?.world ?? null));
      rmSync(file);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const ofMutants = found.slice(0, chosen.length);
const unchanged = found[chosen.length] ?? null;
const rows = new Map(
  chosen.map(({ guard }, n) => {
    const { seed, what } = ofMutants[n] ?? { seed: null, what: `none in ${SEEDS} seeds: NOT FOUND` };
    return [guard, `| ${guard} | ${seed ?? "-"} | ${what} |`];
  }),
);
const count = ofMutants.filter((each) => each !== null && each.seed !== null).length;
const took = `in ${((Date.now() - began) / 1000).toFixed(0)} s`;
console.log(`${tableOf([...rows.values()])}\n\n${count} of ${chosen.length} found, ${took}`);
if (unchanged !== null) console.log(`With all guards on, seed ${unchanged.seed} breaks a promise: ${unchanged.what}`);
if (values.write) {
  const page = readFileSync(PAGE, "utf8");
  const before = new Map([...page.matchAll(/^\| ([^|]+) \| (?:\d+|-) \| .*$/gm)].map(([row, guard]) => [guard, row]));
  const all = MUTANTS.map(({ guard }) => rows.get(guard) ?? before.get(guard) ?? `| ${guard} | - | not tried |`);
  const hits = all.filter((row) => / \| \d+ \| /.test(row)).length;
  const machine = `Node ${process.versions.node}, ${availableParallelism()} cores`;
  const time = wanted === null ? `, ${took}` : "";
  const total = `${hits} of ${all.length} found${time} (${machine}).`;
  const between = `<!-- mutants -->\n\n${tableOf(all)}\n\n${total}\n\n<!-- /mutants -->`;
  writeFileSync(
    PAGE,
    page.replace(/<!-- mutants -->.*<!-- \/mutants -->/s, () => between),
  );
}
process.exitCode = count === chosen.length && unchanged === null ? 0 : 1;

function tableOf(lines) {
  return ["| the guard that is off | seed | the promise that breaks |", "| --- | --- | --- |", ...lines].join("\n");
}

/** `world` names another one than that of single machines: `transactions`, `fleet`, or `fleet transactions`. */
function run(file, world) {
  const args = ["--seeds", SEEDS, "--first", ...(world?.split(" ").map((each) => `--${each}`) ?? [])];
  return new Promise((done) => {
    const child = spawn(process.execPath, [file, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.on("close", (code) => done({ code, out }));
  });
}

/** The first broken promise, without the particulars; null where none was. */
function read({ code, out }) {
  const [, seed, line] = /^seed (\d+): (.*)/.exec(out) ?? [];
  // An edit that does not even run shows nothing.
  if (line !== undefined && /ReferenceError|TypeError|SyntaxError/.test(line)) return { seed: null, what: line };
  if (seed !== undefined)
    return { seed: Number(seed), what: line.replace(/^(first|second|calm)-\d /, "").replace(/: .*/, "") };
  return code === 0 ? null : { seed: null, what: "the simulation itself came to grief" };
}
