import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../src/sandbox/postgres/server.ts";
import { createDatabase } from "./database.ts";
import { atLeast, atMost, type Effort, type Row, ratio, type Section } from "./result.ts";
import { measure, median, openWorld, PLACES } from "./run.ts";

const BASES = 8;
const WORKERS = 4;

/** What more hosts bring over PostgreSQL, and what a host costs that has nothing to do. */
export async function measureFleet({ full }: Effort): Promise<Section> {
  const jobs = full ? 2_500 : 500;
  const started = await startServer();
  const world = await openWorld({
    recoverable: jobs,
    bucketLatency: 2,
  });
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-"));
  const configure = (name: string, more: string) => {
    const file = join(folder, name);
    const storage = `{ baseUrl: "${world.env.STUCK_JOBS_STORAGE_URL}", concurrency: 64, requestsPerSecond: 10000 }`;
    const bases = Array.from({ length: BASES }, (_, n) => `  - { name: base-${n}, jobs: { table: renders_${n} } }`);
    writeFileSync(file, `${CONFIGURATION}storage: ${storage}\n${more}\nbases:\n${bases.join("\n")}\n`);
    return file;
  };
  // So many bases that four workers take all of them at once, and one has always a next one.
  const fleet = configure("fleet.yaml", `fleet: { concurrency: ${BASES / WORKERS} }`);
  const single = configure("single.yaml", "journal: { postgres: {} }");
  try {
    const runs = { one: [] as Run[], four: [] as Run[] };
    const idle: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      for (const [workers, taken] of [
        [1, runs.one],
        [WORKERS, runs.four],
      ] as const) {
        const database = await createDatabase(started.url);
        try {
          taken.push(await run(database, fleet, jobs, workers));
          if (workers === 1) idle.push(await idleRatio(database.url, fleet, single));
        } finally {
          await database.close();
        }
      }
    }
    return {
      title: "A fleet",
      about: `A server of its own on loopback, with fsync off; ${BASES} tables of ${jobs} jobs whose outputs exist, in one database, with queue and journal. Workers are processes of \`recover\`, each with ${BASES / WORKERS} bases at a time. ${availableParallelism()} cores for workers, database and bucket together. A host with nothing to do asks the database one question (test/e2e/fleet.test.ts counts it); its CPU is compared with that of an idle \`recover\` over the same ${BASES} tables without a fleet.`,
      rows: rowsOf(runs.one, runs.four, idle, jobs),
    };
  } finally {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
    await started.close();
  }
}

interface Run {
  readonly wall: number;
  /** Of the workers alone. */
  readonly cpu: number;
}

/** Lets workers recover all that is stuck in a database of their own. */
async function run(
  { url, query }: Awaited<ReturnType<typeof createDatabase>>,
  file: string,
  jobs: number,
  workers: number,
): Promise<Run> {
  const env = { STUCK_JOBS_DATABASE_URL: url, POLLING_INTERVAL_MINUTES: "60" };
  for (let n = 0; n < BASES; n += 1) {
    await query(`CREATE TABLE renders_${n} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text NOT NULL, external_id text, started_at timestamptz NOT NULL,
  response jsonb, error text, output_url text);
CREATE INDEX ON renders_${n} (status, started_at);
INSERT INTO renders_${n} (status, external_id, started_at)
SELECT 'processing', 'ext-' || n, now() - interval '20 minutes' FROM generate_series(0, ${jobs - 1}) AS n;
ANALYZE renders_${n}`);
  }
  const command = (...words: readonly string[]) => [process.execPath, PLACES.cli, ...words, "--config", file];
  await measure(command("db", "migrate"), env);
  const begun = performance.now();
  const usages = await Promise.all(Array.from({ length: workers }, () => measure(command("recover"), env)));
  const wall = performance.now() - begun;
  const left = Array.from({ length: BASES }, (_, n) => `SELECT FROM renders_${n} WHERE status = 'processing'`);
  const [row] = await query(`SELECT count(*)::int AS left FROM (${left.join(" UNION ALL ")}) AS stuck`);
  if (row?.left !== 0) throw new Error(`${row?.left} jobs were not recovered`);
  return { wall, cpu: usages.reduce((sum, { cpu }) => sum + cpu, 0) };
}

/** Returns the CPU of a host whose slot is done, of that of a sweep without a fleet that finds nothing stuck. */
async function idleRatio(url: string, fleet: string, single: string): Promise<number> {
  const env = { STUCK_JOBS_DATABASE_URL: url, POLLING_INTERVAL_MINUTES: "60" };
  const ratios: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const host = await measure([process.execPath, PLACES.cli, "recover", "--config", fleet], env);
    const alone = await measure([process.execPath, PLACES.cli, "recover", "--config", single], env);
    if (host.code + alone.code !== 0) throw new Error(`an idle run ended with ${host.code} or ${alone.code}`);
    ratios.push(host.cpu / alone.cpu);
  }
  return median(ratios);
}

function rowsOf(one: readonly Run[], four: readonly Run[], idle: readonly number[], jobs: number): readonly Row[] {
  const wall = (runs: readonly Run[]) => median(runs.map((each) => each.wall));
  const busy = (runs: readonly Run[]) => median(runs.map((each) => each.cpu / each.wall));
  const cores = availableParallelism();
  const what = `${WORKERS} workers, ${BASES * jobs} recoveries: the throughput of one worker`;
  const gain = wall(one) / wall(four);
  // As many cores as workers, and one for the database and the bucket.
  const isFair = cores > WORKERS;
  const each = (value: number) => value.toFixed(1);
  return [
    isFair
      ? atLeast(what, gain, 3, ratio)
      : { what, measured: ratio(gain), target: `3 × on ${WORKERS} cores; here are ${cores}`, met: null },
    { what: "the same: jobs in a second", measured: each((BASES * jobs * 1000) / wall(four)), target: "", met: null },
    { what: "one worker: cores that it keeps busy", measured: each(busy(one)), target: "", met: null },
    { what: `${WORKERS} workers: cores that they keep busy`, measured: each(busy(four)), target: "", met: null },
    atMost("a host with nothing to do: CPU of an idle run without a fleet", median(idle), 1.5, ratio),
  ];
}

const CONFIGURATION = `
preset: none
store: postgres
jobs:
  id: id
  fields: { status: status, externalId: external_id, startedAt: started_at, responsePayload: response, error: error }
  completedStatus: done
operations: { render: { outputs: ["{externalId}_output_0.mp4"], target: self, deliver: { field: output_url, as: url } } }
`;
