import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleSimulation } from "./sim-bundle.mjs";

// `npm run sim -- --seeds 100000`: histories in the simulated world, on all cores. `--seed 7` replays one; `--transactions`:
// the same worlds over a store with transactions; `--fleet`: with hosts that share the base by a queue.
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    transactions: { type: "boolean" },
    fleet: { type: "boolean" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-sim-"));
const bundle = join(folder, "sim.mjs");
await bundleSimulation(bundle);

const store = [...(values.fleet ? ["--fleet"] : []), ...(values.transactions ? ["--transactions"] : [])];
const run = (...args) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [bundle, ...args, ...store], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.on("close", (code) => resolve({ code, lines: out.trim().split("\n") }));
  });

if (values.seed !== undefined) {
  const { code, lines } = await run("--seed", values.seed);
  rmSync(folder, { recursive: true, force: true });
  console.log(lines.join("\n"));
  process.exit(code);
}

const began = Date.now();
const seeds = Number(values.seeds ?? 2000);
const first = Number(values.from ?? 1);
const workers = Math.min(seeds, availableParallelism());
const share = Math.ceil(seeds / workers);
const results = await Promise.all(
  Array.from({ length: workers }, (_, n) => {
    const from = first + n * share;
    return run("--from", String(from), "--seeds", String(Math.min(share, first + seeds - from)));
  }),
);
rmSync(folder, { recursive: true, force: true });
const totals = {};
for (const { code, lines } of results) {
  // The last line counts; one that came to grief has none.
  const counted = lines.at(-1)?.startsWith("{") ? lines.pop() : null;
  for (const line of lines) console.log(line);
  if (counted === null) console.log(`the simulation itself came to grief, with exit code ${code}`);
  for (const [name, value] of Object.entries(JSON.parse(counted ?? "{}"))) totals[name] = (totals[name] ?? 0) + value;
}
const words = Object.entries(totals).map(([name, value]) => `${value} ${name}`);
console.log(`${words.join(", ")}, in ${((Date.now() - began) / 1000).toFixed(1)} s on ${workers} cores`);
process.exitCode = results.every(({ code }) => code === 0) ? 0 : 1;
