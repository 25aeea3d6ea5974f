import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createBucket } from "../../src/sandbox/fake-bucket.ts";
import { listen } from "../../src/sandbox/loopback-server.ts";
import { RENDERS } from "../stores/postgres/world.ts";
import { MINUTE } from "../support/builders.ts";
import type { TestDatabase, TestServer } from "../support/postgres.ts";
import { folder, type Ran, type RunOptions, stuckJobs } from "./cli.ts";

/** The configuration of the tables, without storage and journal. */
export const CONFIGURATION = `
store: postgres
jobs:
  table: public.renders
  id: id
  fields: { status: status, externalId: external_id, requestPayload: request_json, startedAt: started_at, error: error, notes: notes, responsePayload: response_json }
  completedStatus: done
operations:
  combine:
    outputs: ["{externalId}.mp4"]
    target: { table: segments, from: segment_id }
    deliver: { field: output_url, as: url }
    set: { state: ready }
`;

export const JOURNAL = "journal: { postgres: { schema: stuck_jobs } }\n";

/** A database with stuck jobs, and a bucket with the outputs of some. */
export interface RendersWorld {
  readonly database: TestDatabase;
  /** Runs a command over the database; the configuration is as given. */
  run(
    args: readonly string[],
    configuration?: string,
    env?: Readonly<Record<string, string>>,
    started?: RunOptions["started"],
  ): Promise<Ran>;
  /** A configuration with the storage added. */
  file(configuration: string): string;
  output(key: string): void;
  /** Status of each job and state of its target. */
  statuses(): Promise<string>;
}

/** Three stuck jobs, the first two of which have an output. */
export async function createRendersWorld(server: TestServer): Promise<RendersWorld> {
  const database = await server.createDatabase();
  onTestFinished(() => database.close());
  await database.query(`${RENDERS}
    INSERT INTO segments SELECT md5(n::text)::uuid FROM generate_series(1, 3) AS n;
    INSERT INTO renders (external_id, segment_id, started_at, request_json)
    SELECT 'ext-' || n, md5(n::text)::uuid, now() - interval '2 hours', '{"operation": "combine"}'
    FROM generate_series(1, 3) AS n`);
  const bucket = createBucket({ name: "outputs", visibility: "open" });
  const at = await listen(0, async (request) => bucket.handle(request, Date.now()));
  onTestFinished(() => at.close());
  const output = (key: string) =>
    bucket.put(key, { bytes: 1_000_000, contentType: "video/mp4", lastModified: Date.now() - MINUTE });
  output("ext-1.mp4");
  output("ext-2.mp4");
  const withStorage = (configuration: string) => `${configuration}storage: { baseUrl: "${at.url}/outputs" }\n`;
  const cwd = folder();
  const file = join(cwd, "stuck-jobs.yaml");
  return {
    database,
    output,
    async statuses() {
      const rows = await database.query(
        "SELECT r.status || ':' || s.state AS s FROM renders r JOIN segments s ON s.id = r.segment_id ORDER BY r.id",
      );
      return rows.map(({ s }) => s).join(" ");
    },
    file: withStorage,
    run(args, configuration = CONFIGURATION + JOURNAL, env = {}, started = () => {}) {
      writeFileSync(file, withStorage(configuration));
      const known = { STUCK_JOBS_DATABASE_URL: database.url, ...env };
      return stuckJobs([...args, "--config", file], { cwd, env: known, started });
    },
  };
}
