import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import pg from "pg";
import { createBucket } from "../../src/sandbox/fake-bucket.ts";
import { listen } from "../../src/sandbox/loopback-server.ts";
import { Random } from "../sim/random.ts";
import { RENDERS } from "../stores/postgres/world.ts";
import type { TestDatabase, TestServer } from "../support/postgres.ts";

/** What races on the same jobs. */
export interface RaceOptions {
  readonly seed: number;
  readonly jobs: number;
  /** Runs of the built program, at the same time; as many of them as `kills` are killed at random. */
  readonly processes: number;
  readonly kills: number;
  /** The URL by which the processes reach the database; absent: its own. */
  readonly through?: (url: string) => string;
}

/** What a race came out as: `problems` is empty where each job was written exactly once. */
export interface RaceResult {
  readonly byPolling: number;
  readonly byWebhook: number;
  readonly killed: number;
  readonly problems: readonly string[];
}

const HOUR = 3_600_000;

/**
 * Lets processes and a webhook handler race on the jobs of a new database, kills some of the processes, lets one more
 * run do the rest, and checks what was written by what triggers have recorded.
 */
export async function race(server: TestServer, options: RaceOptions): Promise<RaceResult> {
  const { seed, jobs, processes, kills, through = (url: string) => url } = options;
  const random = new Random(seed);
  const database = await server.createDatabase();
  await database.query(`${RENDERS} ${AUDIT}
    INSERT INTO segments SELECT md5(n::text)::uuid FROM generate_series(1, ${jobs}) AS n;
    INSERT INTO renders (external_id, segment_id, started_at, request_json)
    SELECT 'ext-' || n, md5(n::text)::uuid, now() - interval '2 hours', '{"operation": "combine"}'
    FROM generate_series(1, ${jobs}) AS n; ANALYZE`);
  const bucket = createBucket({ name: "outputs", visibility: "open" });
  for (let n = 1; n <= jobs; n += 1) {
    bucket.put(`ext-${n}.mp4`, { bytes: 1_000_000, contentType: "video/mp4", lastModified: Date.now() - HOUR });
  }
  const at = await listen(0, async (request) => bucket.handle(request, Date.now()));
  const cwd = mkdtempSync(join(tmpdir(), "stuck-jobs-race-"));
  const file = join(cwd, "stuck-jobs.yaml");
  writeFileSync(
    file,
    `${CONFIGURATION}storage: { baseUrl: "${at.url}/outputs", concurrency: 32, requestsPerSecond: 10000 }\n`,
  );
  const start = (...args: string[]) =>
    spawn(process.execPath, [resolve("bin/stuck-jobs.js"), ...args, "--config", file], {
      cwd,
      env: {
        PATH: process.env.PATH ?? "",
        XDG_STATE_HOME: join(cwd, ".state"),
        STUCK_JOBS_DATABASE_URL: through(database.url),
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
  try {
    await ended(start("db", "migrate"));
    const written = async () => Number((await database.query("SELECT count(*) AS n FROM writes"))[0]?.n);
    const handler = startHandler(database.url, jobs, `${at.url}/outputs`, random.fork());
    const running = Array.from({ length: processes }, () => start("recover", "--no-fail", "--deadline", "10m"));
    const codes = Promise.all(running.map(ended));
    // A kill comes when so many rows are written, so that it falls into the writing however fast the machine is.
    const killed = await killSome(running.slice(0, kills), written, jobs, random);
    await codes;
    const byWebhook = await handler.stop();
    const last = await ended(start("recover", "--no-fail", "--deadline", "10m"));
    const problems =
      last.code === 0 ? await check(database, byWebhook) : [`the last run: exit ${last.code}: ${last.stderr}`];
    return { byPolling: jobs - byWebhook.size, byWebhook: byWebhook.size, killed, problems };
  } finally {
    await at.close();
    await database.close();
    rmSync(cwd, { recursive: true, force: true });
  }
}

const CONFIGURATION = `
store: postgres
jobs:
  table: renders
  id: id
  fields: { status: status, externalId: external_id, startedAt: started_at, responsePayload: response_json }
  completedStatus: done
operations:
  combine:
    outputs: ["{externalId}.mp4"]
    target: { table: segments, from: segment_id }
    deliver: { field: output_url, as: url }
    set: { state: ready }
journal: { postgres: { schema: stuck_jobs } }
`;

/** Records every write of a job or a target, whoever makes it. */
const AUDIT = `
CREATE TABLE writes (id bigint GENERATED ALWAYS AS IDENTITY, kind text, row_id text, before text, after text);
CREATE FUNCTION audit_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO writes (kind, row_id, before, after) VALUES ('job', NEW.id, OLD.status, NEW.status); RETURN NEW; END $$;
CREATE FUNCTION audit_target() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO writes (kind, row_id, before, after) VALUES ('target', NEW.id, OLD.output_url, NEW.output_url); RETURN NEW; END $$;
CREATE TRIGGER audit AFTER UPDATE ON renders FOR EACH ROW EXECUTE FUNCTION audit_job();
CREATE TRIGGER audit AFTER UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION audit_target();`;

/** The application's handler: it completes jobs in a random order, each only where it is still being processed. */
function startHandler(url: string, jobs: number, place: string, random: Random) {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  const won = new Set<string>();
  let stopped = false;
  const complete = async (job: number) => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const { rows } = await client.query(
        `UPDATE renders SET status = 'done', response_json = '{"by": "webhook"}' WHERE id = $1 AND status = 'processing' RETURNING segment_id`,
        [job],
      );
      if (rows.length > 0) {
        const values = [rows[0].segment_id, `${place}/ext-${job}.mp4`];
        await client.query("UPDATE segments SET state = 'ready', output_url = $2 WHERE id = $1", values);
      }
      await client.query("COMMIT");
      if (rows.length > 0) won.add(String(job));
    } finally {
      client.release();
    }
  };
  const lane = async () => {
    while (!stopped) {
      await complete(random.whole(1, jobs));
      await new Promise((resolve) => setTimeout(resolve, random.whole(1, 20)));
    }
  };
  const lanes = Promise.all([lane(), lane()]);
  return {
    async stop(): Promise<ReadonlySet<string>> {
      stopped = true;
      await lanes;
      await pool.end();
      return won;
    },
  };
}

async function killSome(
  running: readonly ChildProcess[],
  written: () => Promise<number>,
  jobs: number,
  random: Random,
): Promise<number> {
  const kills = running.map((child) => ({ child, at: random.whole(1, 2 * jobs) })).toSorted((a, b) => a.at - b.at);
  let killed = 0;
  for (const { child, at } of kills) {
    while (child.exitCode === null && (await written()) < at) await new Promise((resolve) => setTimeout(resolve, 5));
    if (child.exitCode === null && child.kill("SIGKILL")) killed += 1;
  }
  return killed;
}

async function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly stderr: string }> {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stderr }));
  });
}

/** Says what was not written exactly once, or not as whoever won it has written it. */
async function check({ query }: TestDatabase, byWebhook: ReadonlySet<string>): Promise<readonly string[]> {
  const twice = await query(`
    SELECT kind, row_id, count(*)::int AS n, min(before) AS before FROM writes GROUP BY kind, row_id
    HAVING count(*) <> 1 OR (kind = 'job' AND min(before) <> 'processing') OR (kind = 'target' AND min(before) IS NOT NULL)`);
  const rows = await query(`
    SELECT r.id::text, r.status::text, s.state, s.output_url, r.external_id, r.response_json->>'by' AS by,
      r.response_json->>'completed_via' AS via,
      (SELECT count(*)::int FROM stuck_jobs.journal WHERE job = r.id::text AND line->>'role' = 'job') AS journaled,
      (SELECT count(*)::int FROM stuck_jobs.journal WHERE job = r.id::text AND line->>'role' = 'target') AS targets
    FROM renders r JOIN segments s ON s.id = r.segment_id`);
  return [
    ...twice.map((row) => `written not once: ${JSON.stringify(row)}`),
    ...rows.flatMap((row) => {
      const isWebhooks = byWebhook.has(String(row.id));
      const asExpected =
        row.status === "done" &&
        row.state === "ready" &&
        String(row.output_url).endsWith(`/${row.external_id}.mp4`) &&
        (isWebhooks ? row.by === "webhook" : row.via === "polling") &&
        row.journaled === (isWebhooks ? 0 : 1) &&
        row.targets === (isWebhooks ? 0 : 1);
      return asExpected ? [] : [`not as its winner wrote it: ${JSON.stringify({ isWebhooks, ...row })}`];
    }),
  ];
}
