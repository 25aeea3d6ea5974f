import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { Pool } from "undici";
import { startServer } from "../src/sandbox/postgres/server.ts";
import { pageStatement } from "../src/stores/postgres/select-jobs.ts";
import { createDatabase } from "./database.ts";
import { atMost, type Effort, type Row, ratio, type Section } from "./result.ts";
import { measure, median, openWorld, PLACES, sweep } from "./run.ts";

/** How fast a sweep over PostgreSQL is beside a bare loop, and what its listing costs in a large table. */
export async function measurePostgres({ full }: Effort): Promise<Section> {
  const started = await startServer();
  const server = { createDatabase: () => createDatabase(started.url) };
  try {
    return {
      title: "PostgreSQL",
      about:
        "A server of its own on loopback, with fsync off. Throughput: the wall time of `recover`, with its start and one line of output, against a bare undici HEAD loop and a bare batched UPDATE of as many rows, the two at the same time in one process, at the same concurrency. The bucket answers after 2 ms. The listing: pages of memory that the server reads (EXPLAIN ANALYZE, BUFFERS).",
      rows: [
        ...(await throughput(server, full ? 50_000 : 5_000)),
        ...(await listing(server, full ? 5_000_000 : 500_000)),
      ],
    };
  } finally {
    await started.close();
  }
}

interface Server {
  createDatabase(): ReturnType<typeof createDatabase>;
}

const CONCURRENCY = 64;

const TABLES = `
CREATE TABLE renders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, status text NOT NULL, external_id text, started_at timestamptz NOT NULL,
  response jsonb, error text, output_url text);
CREATE INDEX ON renders (status, started_at);`;

const CONFIGURATION = `
store: postgres
jobs:
  table: renders
  id: id
  fields: { status: status, externalId: external_id, startedAt: started_at, responsePayload: response, error: error }
  completedStatus: done
operations: { render: { outputs: ["{externalId}_output_0.mp4"], target: self, deliver: { field: output_url, as: url } } }
`;

async function throughput(server: Server, jobs: number): Promise<readonly Row[]> {
  const world = await openWorld({
    recoverable: jobs,
    bucketLatency: 2,
  });
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-bench-"));
  const place = world.env.STUCK_JOBS_STORAGE_URL ?? "";
  const configure = (name: string, journal: string) => {
    const file = join(folder, name);
    const storage = `{ baseUrl: "${place}", concurrency: ${CONCURRENCY}, requestsPerSecond: 10000 }`;
    writeFileSync(file, `${CONFIGURATION}storage: ${storage}\njournal: ${journal}\n`);
    return file;
  };
  const plain = configure("plain.yaml", "{ path: none }");
  const journaled = configure("journaled.yaml", "{ postgres: {} }");
  const [ratios, withJournal, idle]: [number[], number[], number[]] = [[], [], []];
  try {
    for (let round = 0; round < 3; round += 1) {
      const database = await server.createDatabase();
      const env = { STUCK_JOBS_DATABASE_URL: database.url };
      const fill = () =>
        database.query(`TRUNCATE renders RESTART IDENTITY; INSERT INTO renders (status, external_id, started_at)
          SELECT 'processing', 'ext-' || n, now() - interval '20 minutes' FROM generate_series(0, ${jobs - 1}) AS n; ANALYZE renders`);
      /** The wall time of a sweep that recovers all. As under a scheduler it prints one line. */
      const recover = async (file: string) => {
        await fill();
        const command = [process.execPath, PLACES.cli, "recover", "--config", file, "--deadline", "30m"];
        const { wall, stdout } = await measure(command, env);
        if (!stdout.includes(`${jobs} recovered`)) throw new Error(`not all of ${jobs} were recovered: ${stdout}`);
        return wall;
      };
      try {
        await database.query(TABLES);
        await measure([process.execPath, PLACES.cli, "db", "migrate", "--config", journaled], env);
        await fill();
        const bare = await bareLoop(database.url, place, jobs);
        ratios.push((await recover(plain)) / bare);
        withJournal.push((await recover(journaled)) / bare);
        idle.push((await sweep(["recover", "--config", journaled], env)).report.requests.postgres ?? 0);
      } finally {
        await database.close();
      }
    }
  } finally {
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    atMost(`recover, ${jobs} recoveries, no journal: wall time of the bare loops`, median(ratios), 1.25, ratio),
    {
      what: `recover, ${jobs} recoveries, journal in the same transactions: wall time of the bare loops`,
      measured: ratio(median(withJournal)),
      target: "",
      met: null,
    },
    atMost("idle recover: statements", Math.max(...idle), 3),
  ];
}

/** Returns the milliseconds of the two bare loops, which run at the same time. */
async function bareLoop(url: string, place: string, jobs: number): Promise<number> {
  const began = performance.now();
  const http = new Pool(new URL(place).origin, { connections: CONCURRENCY });
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  const { pathname } = new URL(place);
  let next = 0;
  const probing = Array.from({ length: CONCURRENCY }, async () => {
    while (next < jobs) {
      const path = `${pathname}/ext-${next}_output_0.mp4`;
      next += 1;
      const { statusCode, body } = await http.request({ method: "HEAD", path });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${path}: HTTP ${statusCode}`);
    }
  });
  const updating = async () => {
    for (let first = 1; first <= jobs; first += 100) {
      const ids = Array.from({ length: Math.min(100, jobs - first + 1) }, (_, n) => first + n);
      const urls = ids.map((id) => `${place}/ext-${id - 1}_output_0.mp4`);
      await database.query(
        `UPDATE renders SET status = 'done', output_url = given.url, response = '{"completed_via": "polling"}'
        FROM unnest($1::bigint[], $2::text[]) AS given(id, url) WHERE renders.id = given.id AND status = 'processing'`,
        [ids, urls],
      );
    }
  };
  await Promise.all([...probing, updating()]);
  await Promise.all([http.close(), database.end()]);
  return performance.now() - began;
}

/** What the statement of a listing reads in a large table, on its first page and on its last. */
async function listing(server: Server, rows: number): Promise<readonly Row[]> {
  const stuck = rows / 500;
  const { first, later, scan } = await readPages(server, rows, stuck);
  const each = (value: number) => value.toFixed(2);
  return [
    atMost(`${stuck} stuck jobs among ${rows} rows: pages read for each job of the first 1,000`, first, 1.5, each),
    atMost(`${stuck} stuck jobs among ${rows} rows: the same of the last 1,000`, later, 1.5, each),
    { what: "the plan of that listing", measured: scan, target: "Index Scan", met: scan === "Index Scan" },
  ];
}

async function readPages(server: Server, rows: number, stuck: number) {
  const database = await server.createDatabase();
  try {
    const every = rows / stuck;
    await database.query(`${TABLES}
      INSERT INTO renders (status, external_id, started_at)
      SELECT CASE WHEN n % ${every} = 0 THEN 'processing' ELSE 'done' END, 'ext-' || n,
        now() - interval '1 hour' - (${rows} - n) * interval '1 second'
      FROM generate_series(1, ${rows}) AS n`);
    await database.query("VACUUM ANALYZE renders");
    const [row = {}] = await database.query(
      `SELECT id::text, started_at::text FROM renders WHERE status = 'processing' ORDER BY id OFFSET ${stuck - 1_000} LIMIT 1`,
    );
    const filter = {
      kind: "stuck",
      statuses: ["processing"],
      olderThan: 300_000,
      ahead: 3_600_000,
      within: null,
      named: null,
    } as const;
    const explain = async (after: Parameters<typeof pageStatement>[2]) => {
      const { text, values } = pageStatement(OPTIONS, filter, after);
      const [found = {}] = await database.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
      const plan = JSON.stringify(found["QUERY PLAN"]);
      const blocks = (kind: string) => Number(new RegExp(`"Shared ${kind} Blocks":\\s*(\\d+)`).exec(plan)?.[1] ?? 0);
      const scans = [...plan.matchAll(/"Node Type":\s*"([^"]*Scan)"/g)].map(([, scan = ""]) => scan);
      return {
        each: (blocks("Hit") + blocks("Read")) / 1_000,
        scan: scans.find((scan) => !["Values Scan", "Subquery Scan"].includes(scan)) ?? "",
      };
    };
    const first = await explain(null);
    const later = await explain({ at: String(row.started_at), id: String(row.id) });
    return { first: first.each, later: later.each, scan: first.scan };
  } finally {
    await database.close();
  }
}

const OPTIONS: Parameters<typeof pageStatement>[0] = {
  jobs: {
    table: ["renders"],
    id: "id",
    fields: {
      status: "status",
      externalId: "external_id",
      startedAt: "started_at",
      ownId: null,
      type: null,
      requestPayload: null,
      responsePayload: "response",
      webhookUrl: null,
      error: "error",
      notes: null,
      completedAt: null,
    },
    stuckStatuses: ["processing"],
    completedStatus: "done",
    failedStatus: "failed",
  },
  links: [],
  furtherFields: [],
  targets: [],
};
