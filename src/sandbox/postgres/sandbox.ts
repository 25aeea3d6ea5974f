import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import pg from "pg";
import * as z from "zod";
import { type Bucket, createBucket } from "../fake-bucket.ts";
import type { Request } from "../http.ts";
import { listenAt, NO_PROVIDERS, type Sandbox } from "../server.ts";
import { StateFileError, writeState } from "../state.ts";
import { CONFIG, GRANTS, keyOf, LATE_WEBHOOK, seedObjects, seedRows, TABLES, urlOf } from "./seed.ts";
import { startServer } from "./server.ts";

const rows = z.array(z.record(z.string(), z.json()));
const stateSchema = z.object({
  /** When the sandbox was made: the bucket's objects are dated from there. */
  seededAt: z.number(),
  port: z.int(),
  storageUrl: z.string(),
  /** Whether the application's webhook has not arrived yet. */
  webhookPending: z.boolean(),
  clips: rows,
  renders: rows,
});
type State = z.output<typeof stateSchema>;

const BUCKET = "renders";

/**
 * Starts a PostgreSQL server and a bucket with the state of the last run, or with the seed. The state is written when
 * the sandbox is closed.
 *
 * @throws NoServerError, StateFileError
 */
export async function startPostgresSandbox({
  stateFile,
  delayedWebhook,
}: {
  readonly stateFile: string;
  readonly delayedWebhook: boolean;
}): Promise<Sandbox> {
  const kept = readState(stateFile);
  const server = await startServer();
  const owner = new pg.Client({ connectionString: server.url });
  // The server may end before the connection has.
  owner.on("error", () => undefined);
  const bucket = createBucket({ name: BUCKET, visibility: "restricted" });
  let webhookPending = kept?.webhookPending ?? true;
  /** Does what the application's handler does, while the sweep probes the job's output. */
  const handleWebhook = async ({ path }: Request) => {
    if (!delayedWebhook || !webhookPending || path !== `/${BUCKET}/${keyOf(LATE_WEBHOOK)}`) return;
    webhookPending = false;
    await owner.query(WEBHOOK, [urlOf(LATE_WEBHOOK, storageUrl), LATE_WEBHOOK]);
  };
  const bucketAt = await listenAt(kept?.port ?? 0, async (request) => {
    await handleWebhook(request);
    return bucket.handle(request, Date.now());
  });
  const storageUrl = `${bucketAt.url}/${BUCKET}`;
  const seededAt = kept?.seededAt ?? Date.now();
  const close = async () => {
    await owner.end();
    await Promise.all([server.close(), bucketAt.close()]);
  };
  try {
    await owner.connect();
    fill(bucket, seededAt);
    const password = randomBytes(16).toString("hex");
    await restore(owner, kept === null ? seedRows(seededAt, storageUrl) : moved(kept, storageUrl), password);
    const url = new URL(server.url);
    url.username = ROLE;
    url.password = password;
    return {
      env: {
        ...NO_PROVIDERS,
        STUCK_JOBS_DATABASE_URL: url.href,
        STUCK_JOBS_STORAGE_URL: storageUrl,
      },
      config: CONFIG,
      async close() {
        try {
          const now = await dump(owner);
          writeState(stateFile, { seededAt, port: bucketAt.port, storageUrl, webhookPending, ...now });
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The role that the sandbox is used as; it has the rights of docs/postgresql.md. */
const ROLE = "stuck_jobs";

const WEBHOOK = `
WITH job AS (
  UPDATE renders SET status = 'done', response = jsonb_build_object('output_url', $1::text)
  WHERE id = $2 AND status = 'processing' RETURNING clip_id)
UPDATE clips SET state = 'ready', video_url = $1 FROM job WHERE clips.id = job.clip_id`;

function fill(bucket: Bucket, seededAt: number): void {
  for (const [key, object] of seedObjects(seededAt)) bucket.put(key, object);
}

async function restore(
  owner: pg.Client,
  { clips, renders }: { readonly clips: readonly object[]; readonly renders: readonly object[] },
  password: string,
): Promise<void> {
  await owner.query(`${TABLES} CREATE ROLE ${ROLE} LOGIN PASSWORD '${password}'; ${GRANTS}`);
  await owner.query("INSERT INTO clips SELECT * FROM json_populate_recordset(NULL::clips, $1)", [
    JSON.stringify(clips),
  ]);
  await owner.query("INSERT INTO renders SELECT * FROM json_populate_recordset(NULL::renders, $1)", [
    JSON.stringify(renders),
  ]);
  await owner.query("ANALYZE");
}

async function dump(owner: pg.Client): Promise<Pick<State, "clips" | "renders">> {
  const { rows: found } = await owner.query(`SELECT
  (SELECT json_agg(c ORDER BY c.id) FROM clips AS c) AS clips, (SELECT json_agg(r ORDER BY r.id) FROM renders AS r) AS renders`);
  return stateSchema.pick({ clips: true, renders: true }).parse(found[0]);
}

function readState(path: string): State | null {
  if (!existsSync(path)) return null;
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new StateFileError(error);
  }
}

/** Returns the state with `storageUrl` for the URL of the bucket. */
function moved(state: State, storageUrl: string): State {
  return stateSchema.parse(JSON.parse(JSON.stringify(state).replaceAll(state.storageUrl, storageUrl)));
}
