import { describe, expect, it } from "vitest";
import type { PendingWrite } from "../../src/core/ports/journal.ts";
import { migrate, pendingMigrations, readMigrations } from "../../src/database/migrate.ts";
import { HISTORY_KINDS, readHistory } from "../../src/journal/history.ts";
import {
  type JournalTables,
  openJournalTables,
  pruneJournalTables,
  readJournalTables,
} from "../../src/journal/postgres/tables.ts";
import { recordedRuns } from "../../src/journal/recorded-runs.ts";
import { createJournal, type JournalWriter } from "../../src/journal/write.ts";
import { connectTo, NEVER, openStore, RENDERS } from "../stores/postgres/world.ts";
import { NOW } from "../support/builders.ts";
import type { TestDatabase } from "../support/postgres.ts";
import { usePostgres } from "../support/use-postgres.ts";

const server = usePostgres();

const BY = { runId: "run-1", version: "0.0.0", command: "recover" };
const SCHEMA = 'odd "schema"';

function pending(over: Partial<PendingWrite> = {}): PendingWrite {
  return {
    job: { id: "7", externalId: "x", operation: "combine", since: NOW, age: 600_000 },
    target: null,
    fields: { status: { before: "processing", after: "done" } },
    note: "Completed",
    reason: "output-found",
    detail: "",
    supersededBy: null,
    evidence: { probes: [], provider: null, calibration: null },
    undoes: null,
    ...over,
  };
}

async function migrated(): Promise<{ database: TestDatabase; tables: JournalTables }> {
  const database = await server.createDatabase();
  const tables = { database: connectTo(database.url), schema: SCHEMA };
  await migrate(tables.database, SCHEMA, await readMigrations(), NEVER);
  return { database, tables };
}

function journalIn(tables: JournalTables, baseId = "renders"): JournalWriter {
  return createJournal({
    name: tables.database.name,
    open: () => openJournalTables(tables, NEVER),
    read: (kinds, collect) => collect(readJournalTables(tables, baseId, kinds, NEVER)),
    required: true,
    baseId,
    jobsTable: "renders",
    redact: (text) => text.replaceAll("s3cret", "[redacted]"),
    now: () => NOW,
    onUnavailable: () => {},
  });
}

function historyOf(tables: JournalTables, base = "renders") {
  return readHistory(readJournalTables(tables, base, HISTORY_KINDS, NEVER), base);
}

describe("migrating the journal's schema", () => {
  it("can be done twice, and by several at once", async () => {
    const { url, query } = await server.createDatabase();
    const all = await readMigrations();
    const runs = [1, 2, 3, 4].map(() => migrate(connectTo(url), SCHEMA, all, NEVER));
    const applied = (await Promise.all(runs)).map((each) => each.length).sort();
    expect(applied).toEqual([0, 0, 0, all.length]);
    expect(await query(`SELECT count(*)::int AS n FROM "odd ""schema""".migrations`)).toEqual([{ n: all.length }]);
    expect(await pendingMigrations(connectTo(url), SCHEMA, all, NEVER)).toEqual([]);
  });

  it("changes nothing where one of its files fails", async () => {
    const { url, query } = await server.createDatabase();
    const broken = { version: 99, name: "099-broken.sql", sql: "CREATE TABLE half (a int); SELECT broken" };
    await expect(migrate(connectTo(url), SCHEMA, [...(await readMigrations()), broken], NEVER)).rejects.toMatchObject({
      name: "UpstreamError",
    });
    expect(await query("SELECT to_regnamespace($1) AS found", [`"odd ""schema"""`])).toEqual([{ found: null }]);
  });

  it("refuses a schema that a newer version made", async () => {
    const { tables, database } = await migrated();
    await database.query(`INSERT INTO "odd ""schema""".migrations VALUES (999, 'later')`);
    await expect(openJournalTables(tables, NEVER)).rejects.toMatchObject({
      code: "config",
      hint: expect.stringContaining("Upgrade"),
    });
  });

  it("is what an unmigrated schema asks for, by the command's name", async () => {
    const { url } = await server.createDatabase();
    const journal = journalIn({ database: connectTo(url), schema: SCHEMA });
    await expect(journal.recordIntent([pending()], BY)).rejects.toMatchObject({
      name: "WritesRefused",
      code: "config",
      hint: expect.stringContaining("stuck-jobs db migrate"),
    });
  });
});

describe("the journal in PostgreSQL", () => {
  it("gives back the writes, results and webhooks of one base, as a file does", async () => {
    const { tables } = await migrated();
    const journal = journalIn(tables);
    const settle = await journal.recordIntent([pending(), pending({ target: { table: "segments", id: "s1" } })], BY);
    await settle([
      { id: "7", kind: "confirmed" },
      { id: "s1", kind: "refused", error: "no" },
    ]);
    await (await journal.recordWebhookIntent(pending().job, BY))({ kind: "accepted", detail: "HTTP 200" });
    await journalIn(tables, "another").recordIntent([pending()], { ...BY, runId: "run-2" });
    const { writes, webhooks } = await historyOf(tables);
    expect(writes).toMatchObject([
      { run: "run-1", role: "job", record: "7", confirmed: true },
      { run: "run-1", role: "target", record: "s1", possiblyApplied: false },
    ]);
    expect(webhooks).toMatchObject([{ run: "run-1", job: { id: "7" } }]);
  });

  it("gives back the runs with their verdicts", async () => {
    const { tables } = await migrated();
    const journal = journalIn(tables);
    await journal.recordIntent([pending()], BY);
    const job = {
      id: "7",
      status: "processing",
      type: null,
      externalId: "x",
      applicationId: null,
      since: { kind: "missing" },
      payload: { kind: "empty" },
      webhookUrl: null,
      links: {},
    };
    const verdict = { kind: "recover", reason: "output-found" };
    const judged = {
      job,
      operation: "combine",
      reopened: false,
      probeGroups: [],
      providerReply: null,
      decision: verdict,
      verdict: { ...verdict, detail: "s3cret" },
      applied: true,
      error: null,
    };
    await journal.recordVerdicts(
      { now: NOW, calibration: null, calibrations: {}, failedBefore: {}, blocked: [], force: false },
      [judged, judged],
      BY,
    );
    const runs = await recordedRuns(readJournalTables(tables, "renders", ["run", "verdict"], NEVER));
    expect(runs).toMatchObject([{ run: "run-1", jobs: [{ applied: true }, { verdict: { detail: "[redacted]" } }] }]);
  });

  it("holds a write in the transaction that made it, and none of one that was not made", async () => {
    const { database, tables } = await migrated();
    await database.query(`${RENDERS}
      INSERT INTO renders (id, external_id) VALUES (7, 'x'), (8, 'y')`);
    const journal = journalIn(tables);
    const store = openStore(database, {
      journal: {
        table: [SCHEMA, "journal"],
        prepare: async () => {},
        linesOf: (records, by) => journal.linesOf(records, by),
      },
    });
    const jobs = await store.readJobs(["7", "8"], NEVER);
    await database.query("UPDATE renders SET status = 'done' WHERE id = 8");
    const writes = [...jobs.values()].map((read) => ({
      job: { read, update: { id: read.id, status: "done" } },
      target: null,
      records: [pending({ job: { ...pending().job, id: read.id } })],
    }));
    expect(store.atomic.keepsJournal).toBe(true);
    expect((await store.atomic.write(writes, BY, NEVER)).map(({ kind }) => kind)).toEqual(["confirmed", "changed"]);
    const { writes: found } = await historyOf(tables);
    expect(found).toMatchObject([{ record: "7", table: "renders", confirmed: true }]);
  });

  it("is pruned of what is older than it is kept", async () => {
    const { database, tables } = await migrated();
    const journal = journalIn(tables);
    await journal.recordIntent([pending(), pending()], BY);
    await database.query(`UPDATE "odd ""schema""".journal SET at = now() - interval '3 days' WHERE id = 1`);
    await pruneJournalTables(tables, 2 * 86_400_000, NEVER);
    expect((await historyOf(tables)).writes).toHaveLength(1);
  });

  it("needs no right but to add and to read rows", async () => {
    const { database } = await migrated();
    await database.query(`DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN PASSWORD 'pw';
      GRANT USAGE ON SCHEMA "odd ""schema""" TO writer;
      GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA "odd ""schema""" TO writer`);
    const tables = { database: connectTo(database.urlFor("writer", "pw")), schema: SCHEMA };
    await journalIn(tables).recordIntent([pending()], BY);
    expect((await historyOf(tables)).writes).toHaveLength(1);
    await expect(pruneJournalTables(tables, 1, NEVER)).rejects.toMatchObject({ code: "auth" });
  });
});
