import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

// Runs many histories and says which seeds broke a promise. Built and started by scripts/sim.mjs.
const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    first: { type: "boolean" },
    transactions: { type: "boolean" },
    fleet: { type: "boolean" },
  },
});
const from = Number(values.seed ?? values.from ?? "1");
const count = values.seed === undefined ? Number(values.seeds ?? "2000") : 1;

const store = values.transactions === true ? "transactions" : "one";
const kind = values.fleet !== true ? store : values.transactions === true ? "fleet-transactions" : "fleet";
const totals = { seeds: 0, sweeps: 0, recovered: 0, failed: 0, killed: 0, takenOver: 0, broken: 0 };
for (let seed = from; seed < from + count; seed += 1) {
  const outcome = await simulate(seed, kind);
  if (values.seed !== undefined) process.stdout.write(`${outcome.story.join("\n")}\n`);
  totals.seeds += 1;
  totals.sweeps += outcome.sweeps;
  totals.recovered += outcome.recovered;
  totals.failed += outcome.failed;
  totals.killed += outcome.killed;
  totals.takenOver += outcome.takenOver;
  if (outcome.violations.length === 0) continue;
  totals.broken += 1;
  process.stdout.write(`seed ${seed}: ${outcome.violations.join("\n  ")}\n  replay: npm run sim -- --seed ${seed}\n`);
  if (values.first) break;
}
process.stdout.write(`${JSON.stringify(totals)}\n`);
process.exitCode = totals.broken === 0 ? 0 : 1;
