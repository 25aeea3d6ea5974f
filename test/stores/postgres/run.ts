import type { Operation } from "../../../src/core/domain/operation.ts";
import type { SweepContext } from "../../../src/core/sweep/context.ts";
import { migrate, readMigrations } from "../../../src/database/migrate.ts";
import { HISTORY_KINDS, readHistory } from "../../../src/journal/history.ts";
import { openJournalTables, readJournalTables } from "../../../src/journal/postgres/tables.ts";
import { createJournal } from "../../../src/journal/write.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { COMBINE, named } from "../../support/builders.ts";
import { type FakeBucket, runOf } from "../../support/fakes.ts";
import type { TestDatabase, TestServer } from "../../support/postgres.ts";
import { connectTo, NEVER, openStore, RENDERS } from "./world.ts";

/** The operation of the tables of `RENDERS`. */
export const RENDER: Operation = {
  ...COMBINE,
  name: "render",
  types: [],
  outputs: [named("{externalId}.mp4")],
  target: { table: "segments", links: ["segment_id"], payloadKeys: [], ids: "any" },
  attachment: "output_url",
  deliver: { field: "output_url", as: "url" },
  set: { state: "ready" },
};

/** Creates the tables of `RENDERS` with jobs that have been stuck for two hours. */
export async function createRenders(server: TestServer, count: number): Promise<TestDatabase> {
  const database = await server.createDatabase();
  await database.query(`${RENDERS}
    INSERT INTO segments SELECT md5(n::text)::uuid FROM generate_series(1, ${count}) AS n;
    INSERT INTO renders (external_id, segment_id, started_at, request_json)
    SELECT 'ext-' || n, md5(n::text)::uuid, now() - interval '2 hours', '{"operation": "render"}'
    FROM generate_series(1, ${count}) AS n`);
  return database;
}

/** Opens a sweep over the database, with its journal in the same. */
export async function openRun(
  database: Pick<TestDatabase, "url">,
  probe: FakeBucket,
  over: Partial<SweepContext> = {},
  layout: Parameters<typeof openStore>[1] = {},
) {
  const clock = over.clock ?? systemClock;
  const tables = { database: connectTo(database.url, {}, clock), schema: "stuck_jobs" };
  await migrate(tables.database, tables.schema, await readMigrations(), NEVER);
  const journal = createJournal({
    name: "PostgreSQL",
    open: () => openJournalTables(tables, NEVER),
    read: (kinds, collect) => collect(readJournalTables(tables, "renders", kinds, NEVER)),
    required: true,
    baseId: "renders",
    jobsTable: "renders",
    redact: (text) => text,
    now: Date.now,
    onUnavailable: () => {},
  });
  const store = openStore(database, {
    clock,
    ...layout,
    journal: { table: ["stuck_jobs", "journal"], prepare: async () => {}, linesOf: journal.linesOf },
  });
  const base = runOf(store, probe);
  const run: SweepContext = {
    ...base,
    atomic: store.atomic,
    clock,
    journal,
    completedStatus: "done",
    failedStatus: "failed",
    policy: { ...base.policy, stuckStatuses: ["processing"], operations: [RENDER] },
    ...over,
  };
  return { run, history: () => readHistory(readJournalTables(tables, "renders", HISTORY_KINDS, NEVER), "renders") };
}
