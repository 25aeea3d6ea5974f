import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atMost, type Effort, megabytes, type Row, ratio, type Section } from "./result.ts";
import { openWorld, type Swept, sweep } from "./run.ts";
import { baseIdsOf, type WorldSpec } from "./world.ts";

/** How long many bases take in one run, against the slowest of them alone. */
export async function measureBases({ full }: Effort): Promise<Section> {
  const busy = full ? 300 : 100;
  const some = [...Array.from({ length: 4 }, () => busy / 5), ...Array.from({ length: 45 }, () => 0)];
  const many = await swept(busy, some);
  const alone = await swept(busy, []);
  const [few, idle] = [await swept(busy / 5, []), await swept(0, [])];
  const sum = alone.report.durationMs + 4 * few.report.durationMs + 45 * idle.report.durationMs;
  const all = await swept(
    12,
    Array.from({ length: 49 }, () => 12),
  );
  const floor = (all.counts.airtable / TOGETHER) * 1000;
  const what = `50 bases, of which one has ${busy} recoveries, four ${busy / 5}, and 45 none`;
  const shown = (value: number) => ratio(value);
  const rows: Row[] = [
    atMost(`${what}: time ÷ that of the slowest alone`, many.report.durationMs / alone.report.durationMs, 1.25, shown),
    {
      what: `${what}: time ÷ the sum of each alone`,
      measured: ratio(many.report.durationMs / sum),
      target: "",
      met: null,
    },
    atMost(`${what}: most requests in any second at the server`, many.counts.mostInASecond, 50),
    atMost(
      "50 bases with 12 recoveries each: time ÷ (requests ÷ 40 a second)",
      all.report.durationMs / floor,
      1.15,
      shown,
    ),
    atMost("50 bases with 12 recoveries each: most requests in any second", all.counts.mostInASecond, 50),
    atMost(
      "answers 429",
      [many, alone, few, idle, all].reduce((sum, { counts }) => sum + counts.refused, 0),
      0,
    ),
    atMost(`memory of 50 bases, beyond that of the slowest alone`, all.memory - alone.memory, 64e6, megabytes),
  ];
  return {
    title: "Many bases",
    about:
      "Fifty bases of one token in one run, on a server that holds each to Airtable's limit and answers after 150 ms; the default pace of 4 requests a second to each base, and 40 to all.",
    rows,
  };
}

/** What is sent in a second to all bases of a token (src/stores/airtable/ceiling.ts). */
const TOGETHER = 40;

async function swept(recoverable: number, more: readonly number[]): Promise<Swept & Counted> {
  const spec: WorldSpec = {
    finished: 100,
    recoverable,
    lost: 0,
    limited: true,
    baseLatency: 150,
    bucketLatency: 20,
    more: [...more],
  };
  const world = await openWorld(spec);
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-"));
  try {
    const config = join(folder, "bases.yaml");
    const items = baseIdsOf(spec).map((id) => `  - baseId: ${id}\n`);
    writeFileSync(config, more.length === 0 ? "{}" : `bases:\n${items.join("")}`);
    const ran = await sweep(["recover", "--deadline", "30m", "--config", config], world.env);
    const wanted = recoverable + more.reduce((sum, each) => sum + each, 0);
    if (ran.report.summary.recovered !== wanted) throw new Error(JSON.stringify(ran.report.summary));
    return { ...ran, counts: await world.counts() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await world.close();
  }
}

interface Counted {
  readonly counts: { readonly airtable: number; readonly refused: number; readonly mostInASecond: number };
}
