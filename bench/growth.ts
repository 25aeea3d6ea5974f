import { sweepAsOriginal } from "./original.ts";
import { plot } from "./plot.ts";
import { atMost, type Effort, megabytes, type Row, type Section } from "./result.ts";
import { openWorld, PLACES, sweep } from "./run.ts";

interface Point {
  readonly stuck: number;
  readonly finished: number;
  readonly command: "recover" | "scan";
  readonly requests: number;
  readonly cpu: number;
  readonly memory: number;
}

/** Peak memory by the number of stuck jobs, in bytes: at most so much (docs/adr). */
const MEMORY_BUDGET: Readonly<Record<number, number>> = { 10000: 200e6, 50000: 600e6 };

/** How requests, time and memory grow, with the pace taken out: at 5/s a request takes 0.2 s, whatever else happens. */
export async function measureGrowth({
  full,
}: Effort): Promise<{ readonly memory: Section; readonly growth: Section; readonly svg: string }> {
  const stuck = full ? [10, 100, 500, 10_000, 50_000] : [10, 100, 500, 10_000];
  const finished = full ? [0, 1_000, 20_000, 200_000] : [0, 1_000, 20_000];
  const byStuck: Point[] = [];
  for (const n of stuck) byStuck.push(await measured(n, 100, "recover"));
  const scans: Point[] = [];
  for (const n of stuck.filter((count) => count >= 10_000)) scans.push(await measured(n, 100, "scan"));
  const byFinished: Point[] = [];
  for (const n of finished) byFinished.push(await measured(0, n, "recover"));
  const rows: Row[] = [];
  for (const { command, stuck, memory } of [...byStuck, ...scans]) {
    const budget = MEMORY_BUDGET[stuck];
    if (budget === undefined) continue;
    rows.push(atMost(`${command}: peak memory at ${stuck.toLocaleString("en")} stuck jobs`, memory, budget, megabytes));
  }
  const memory: Section = {
    title: "Memory",
    about:
      "Peak resident memory of the whole process, reports as ndjson. A stuck job is a plain object in memory, without its notes and its response payload.",
    rows,
  };
  const original = await sideBySide(full ? [10, 100, 500] : [10, 100]);
  const growth: Section = {
    title: "Growth",
    about: "Sweeps that recover every job, with the pace taken out, so that time is the tool's own.",
    rows: [],
    more: [
      table(
        "stuck jobs",
        byStuck.map((point) => [point.stuck, point]),
      ),
      "",
      table(
        "finished jobs, none stuck",
        byFinished.map((point) => [point.finished, point]),
      ),
      "",
      "![Requests, CPU and memory against stuck jobs](performance.svg)",
      "",
      original,
    ].join("\n"),
  };
  const svg = plot([
    { title: "Airtable requests", points: byStuck.map((each) => [each.stuck, each.requests]) },
    { title: "CPU, s", points: byStuck.map((each) => [each.stuck, each.cpu / 1000]) },
    { title: "peak memory, MB", points: byStuck.map((each) => [each.stuck, each.memory / 1e6]) },
  ]);
  return { memory, growth, svg };
}

async function measured(stuck: number, finished: number, command: Point["command"]): Promise<Point> {
  const world = await openWorld({
    finished,
    recoverable: stuck,
  });
  try {
    const { cpu, memory, report } = await sweep([command, "--deadline", "60m"], world.env, PLACES.unpaced);
    if (report.summary.recovered !== stuck) throw new Error(`${stuck} stuck: ${JSON.stringify(report.summary)}`);
    const { airtable: requests } = await world.counts();
    return { stuck, finished, command, requests, cpu, memory };
  } finally {
    await world.close();
  }
}

function table(title: string, points: readonly (readonly [number, Point])[]): string {
  const lines = points.map(([n, { requests, cpu, memory }]) => {
    return `| ${n.toLocaleString("en")} | ${requests.toLocaleString("en")} | ${(cpu / 1000).toFixed(1)} s | ${megabytes(memory)} |`;
  });
  return [`| ${title} | Airtable requests | CPU | peak memory |`, "| ---: | ---: | ---: | ---: |", ...lines].join("\n");
}

/** The same worlds, swept by this tool and by the original's pattern of requests. */
async function sideBySide(sizes: readonly number[]): Promise<string> {
  const lines: string[] = [];
  for (const stuck of sizes) {
    const ours = await measured(stuck, 900, "recover");
    const world = await openWorld({
      finished: 900,
      recoverable: stuck,
      createdTimeField: true,
    });
    try {
      await sweepAsOriginal(world.env);
      const { airtable } = await world.counts();
      const seconds = (requests: number) => `${(requests / 5).toFixed(0)} s`;
      lines.push(`| ${stuck} | ${ours.requests} | ${seconds(ours.requests)} | ${airtable} | ${seconds(airtable)} |`);
    } finally {
      await world.close();
    }
  }
  return [
    "Side by side, on the same worlds with 900 finished jobs: this tool, and a restatement of the original poller's pattern of requests (bench/original.ts), which was written for this bench and is not the original's code. Seconds are what the requests take at Airtable's 5 a second.",
    "",
    "| stuck jobs | requests | at 5/s | the original's pattern: requests | at 5/s |",
    "| ---: | ---: | ---: | ---: | ---: |",
    ...lines,
  ].join("\n");
}
