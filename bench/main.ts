import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import * as z from "zod";
import { measureBases } from "./bases.ts";
import { measureDeciding } from "./deciding.ts";
import { measureFleet } from "./fleet.ts";
import { measureGrowth } from "./growth.ts";
import { measurePace } from "./pace.ts";
import { markdown, written } from "./page.ts";
import { measurePostgres } from "./postgres.ts";
import { measureProbing } from "./probing.ts";
import type { Section } from "./result.ts";
import { measureStart, weigh } from "./start.ts";
import { measureThrift } from "./thrift.ts";

// `npm run bench`: some minutes. `--full` takes the sizes and repetitions of the targets, `--only thrift,pace` some of
// the parts, `--write` puts the results into docs/performance.md, in the place of the same parts' earlier ones.
const { values } = parseArgs({
  options: { full: { type: "boolean" }, only: { type: "string" }, write: { type: "boolean" } },
});
const effort = { full: values.full === true };
const packed = z
  .object({ size: z.number(), unpackedSize: z.number() })
  .parse(JSON.parse(process.env.STUCK_JOBS_BENCH_PACKED ?? "{}"));

let svg: string | null = null;
const parts: Readonly<Record<string, () => Promise<readonly Section[]>>> = {
  thrift: async () => [await measureThrift(effort)],
  pace: async () => [await measurePace(effort)],
  bases: async () => [await measureBases(effort)],
  probing: async () => [await measureProbing(effort)],
  start: async () => {
    const [plain, ...others] = await measureStart(effort);
    return plain === undefined ? [] : [{ ...plain, rows: [...plain.rows, weigh(packed)] }, ...others];
  },
  postgres: async () => [await measurePostgres(effort)],
  fleet: async () => [await measureFleet(effort)],
  deciding: async () => [await measureDeciding(effort)],
  growth: async () => {
    const { memory, growth, svg: drawn } = await measureGrowth(effort);
    svg = drawn;
    return [memory, growth];
  },
};

const wanted = values.only?.split(",") ?? Object.keys(parts);
const sections: Section[] = [];
for (const name of wanted) {
  const measured = await parts[name]?.();
  if (measured === undefined) throw new Error(`no part ${name}; there are ${Object.keys(parts).join(", ")}`);
  sections.push(...measured);
  for (const section of measured) console.log(`${markdown(section)}\n`);
}

const [cpu] = cpus();
const load = loadavg()
  .map((each) => each.toFixed(1))
  .join(", ");
const how = `Measured by \`npm run bench${effort.full ? " -- --full" : ""}\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} × ${cpu?.model.trim() || "an unnamed processor"}; load averages ${load}.`;
console.log(how);
if (values.write === true) {
  writeFileSync("docs/performance.md", written(readFileSync("docs/performance.md", "utf8"), sections, how));
  if (svg !== null) writeFileSync("docs/performance.svg", svg);
}
process.exitCode = sections.some(({ rows }) => rows.some(({ met }) => met === false)) ? 1 : 0;
