import { describe, expect, it } from "vitest";
import type { AtomicWrite } from "../../../src/core/ports/atomic-writer.ts";
import type { TestDatabase } from "../../support/postgres.ts";
import { usePostgres } from "../../support/use-postgres.ts";
import { NEVER, openStore, RENDERS, RENDERS_JOBS } from "./world.ts";

const server = usePostgres();

const BY = { runId: "run-1", version: "0.0.0", command: "recover" };

type Store = ReturnType<typeof openStore>;

/** `count` stuck jobs, each with a segment of its own; their ids are 1, 2, … */
async function renders(count: number, statements = ""): Promise<TestDatabase> {
  const database = await server.createDatabase();
  await database.query(`${RENDERS}
    INSERT INTO segments SELECT md5(n::text)::uuid FROM generate_series(1, ${count}) AS n;
    INSERT INTO renders (external_id, segment_id, started_at)
    SELECT 'ext-' || n, md5(n::text)::uuid, now() - interval '1 hour' FROM generate_series(1, ${count}) AS n;
    ${statements}`);
  return database;
}

/** The writes that recover jobs by what a store has just read of them and their segments. */
async function recoveries(store: Store, ids: readonly string[], url = "https://x.test/a.mp4"): Promise<AtomicWrite[]> {
  const jobs = await store.readJobs(ids, NEVER);
  const writes: AtomicWrite[] = [];
  for (const job of jobs.values()) {
    const [segment = ""] = job.links.segment_id ?? [];
    const fields = { attachments: [], cells: ["output_url", "state"] };
    const target = (await store.readTargets("segments", [segment], fields, NEVER)).get(segment);
    if (target === undefined) throw new Error(`no segment ${segment}`);
    const update = { id: segment, fields: { output_url: url, state: "ready" } };
    const done = {
      id: job.id,
      status: "done",
      responsePayload: JSON.stringify({ output_url: url }),
      notes: "by run-1",
    };
    writes.push({ job: { read: job, update: done }, target: { table: "segments", read: target, update }, records: [] });
  }
  return writes;
}

async function stateOf(database: TestDatabase): Promise<readonly string[]> {
  const rows = await database.query(`
    SELECT r.id || ' ' || r.status || ' ' || s.state || ' ' || coalesce(s.output_url, '-') AS state
    FROM renders r JOIN segments s ON s.id = r.segment_id ORDER BY r.id`);
  return rows.map(({ state }) => String(state));
}

describe("writing a job and its target to PostgreSQL", () => {
  it("writes both in one transaction, and says so", async () => {
    const database = await renders(2);
    const store = openStore(database);
    const results = await store.atomic.write(await recoveries(store, ["1", "2"]), BY, NEVER);
    expect(results).toEqual([
      { id: "1", kind: "confirmed" },
      { id: "2", kind: "confirmed" },
    ]);
    expect(await stateOf(database)).toEqual(["1 done ready https://x.test/a.mp4", "2 done ready https://x.test/a.mp4"]);
    const [row] = await database.query("SELECT response_json->>'output_url' AS url, notes FROM renders WHERE id = 1");
    expect(row).toEqual({ url: "https://x.test/a.mp4", notes: "by run-1" });
  });

  it.each([
    ["its status", "UPDATE renders SET status = 'done' WHERE id = 1"],
    ["its external id", "UPDATE renders SET external_id = 'another' WHERE id = 1"],
    ["its notes", "UPDATE renders SET notes = 'a person wrote' WHERE id = 1"],
    ["its target's output", "UPDATE segments SET output_url = 'https://other.test/' WHERE id = md5('1')::uuid"],
    ["a field of its target that is set", "UPDATE segments SET state = 'archived' WHERE id = md5('1')::uuid"],
  ])("writes neither where %s changed since the read, and still writes the other job", async (_, change) => {
    const database = await renders(2);
    const store = openStore(database);
    const writes = await recoveries(store, ["1", "2"]);
    await database.query(change);
    const [before] = await stateOf(database);
    const results = await store.atomic.write(writes, BY, NEVER);
    expect(results.map(({ kind }) => kind)).toEqual(["changed", "confirmed"]);
    expect((await stateOf(database))[0]).toBe(before);
  });

  it("reports a job and a target that were deleted since the read", async () => {
    const database = await renders(2);
    const store = openStore(database);
    const writes = await recoveries(store, ["1", "2"]);
    await database.query(
      "DELETE FROM renders WHERE id = 1; UPDATE renders SET segment_id = NULL; DELETE FROM segments",
    );
    const results = await store.atomic.write(writes, BY, NEVER);
    expect(results).toMatchObject([
      { kind: "deleted", error: "public.renders has no such row any more" },
      { kind: "deleted", error: "segments has no such row any more" },
    ]);
    expect(await database.query("SELECT status FROM renders")).toEqual([{ status: "processing" }]);
  });

  it("fails only the job whose column is too narrow for the URL", async () => {
    const database = await renders(9, "ALTER TABLE segments ALTER output_url TYPE varchar(30)");
    const store = openStore(database);
    const writes = await recoveries(store, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    const [long] = await recoveries(store, ["9"], `https://x.test/${"a".repeat(40)}.mp4`);
    const results = await store.atomic.write(
      [...writes.slice(0, 3), ...(long ? [long] : []), ...writes.slice(3)],
      BY,
      NEVER,
    );
    expect(results.map(({ kind }) => kind)).toEqual([
      ...Array(3).fill("confirmed"),
      "refused",
      ...Array(5).fill("confirmed"),
    ]);
    expect(results[3]).toMatchObject({ id: "9", error: expect.stringContaining("value too long") });
    expect((await stateOf(database)).filter((state) => state.includes("done"))).toHaveLength(8);
  });

  it("lets one of two stores win each of 60 jobs that both write at once", async () => {
    const database = await renders(60);
    const [one, other] = [openStore(database), openStore(database)];
    const ids = Array.from({ length: 60 }, (_, n) => String(n + 1));
    const mine = await recoveries(one, ids, "https://one.test/");
    const theirs = (await recoveries(other, ids, "https://other.test/")).reverse();
    const answers = await Promise.all([one.atomic.write(mine, BY, NEVER), other.atomic.write(theirs, BY, NEVER)]);
    const confirmed = answers.flat().filter(({ kind }) => kind === "confirmed");
    expect(new Set(confirmed.map(({ id }) => id)).size).toBe(60);
    expect(confirmed).toHaveLength(60);
    expect(answers.flat().filter(({ kind }) => kind === "changed")).toHaveLength(60);
  });

  it("waits for a handler that is writing the job, and leaves the job to it", async () => {
    const database = await renders(1);
    const store = openStore(database);
    const writes = await recoveries(store, ["1"]);
    const handler = openStore(database);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let locked = () => {};
    const isLocked = new Promise<void>((resolve) => {
      locked = resolve;
    });
    const working = handler.database.write(async (query) => {
      await query("UPDATE renders SET status = 'done' WHERE id = 1");
      locked();
      await held;
    }, NEVER);
    await isLocked;
    const writing = store.atomic.write(writes, BY, NEVER);
    await waitForLock(database);
    release();
    await working;
    expect(await writing).toMatchObject([{ kind: "changed" }]);
    expect(await stateOf(database)).toEqual(["1 done waiting -"]);
  });

  it("leaves a job alone that another transaction holds beyond the lock's time limit", async () => {
    const database = await renders(2);
    const store = openStore(database, {}, { lockTimeout: 50 });
    const writes = await recoveries(store, ["1", "2"]);
    const handler = openStore(database);
    await handler.database.write(async (query) => {
      await query("SELECT FROM renders WHERE id = 1 FOR UPDATE");
      const results = await store.atomic.write(writes, BY, NEVER);
      expect(results).toEqual([
        { id: "1", kind: "changed", error: "another transaction is writing it" },
        { id: "2", kind: "confirmed" },
      ]);
    }, NEVER);
  });

  it("writes target and job as one row where the job receives its output itself", async () => {
    const database = await renders(1, "ALTER TABLE renders ADD meta jsonb, ADD url text");
    const fields = new Map([["meta.video.url", { column: "meta", path: ["video", "url"] }]]);
    const targets = [
      { label: "renders", table: RENDERS_JOBS.table, key: "id", from: [], fields, written: [], values: [] },
    ];
    const store = openStore(database, { targets });
    const read = (await store.readJobs(["1"], NEVER)).get("1");
    const wanted = { attachments: [], cells: ["meta.video.url", "url"] };
    const target = (await store.readTargets("renders", ["1"], wanted, NEVER)).get("1");
    if (read === undefined || target === undefined) throw new Error("not read");
    expect(target.cells).toEqual({});
    const update = { id: "1", fields: { "meta.video.url": 'https://x.test/"1".mp4', url: "https://x.test/1.mp4" } };
    const write = {
      job: { read, update: { id: "1", status: "done" } },
      target: { table: "renders", read: target, update },
      records: [],
    };
    expect(await store.atomic.write([write, write], BY, NEVER)).toMatchObject([
      { kind: "confirmed" },
      { kind: "changed" },
    ]);
    expect(await database.query("SELECT status, url, meta FROM renders")).toEqual([
      { status: "done", url: "https://x.test/1.mp4", meta: { video: { url: 'https://x.test/"1".mp4' } } },
    ]);
    expect((await store.readTargets("renders", ["1"], wanted, NEVER)).get("1")?.cells).toEqual(update.fields);
    expect(
      await store.updateTargets("renders", [{ id: "1", fields: { "meta.video.url": null } }], {
        signal: NEVER,
        notAfter: Number.POSITIVE_INFINITY,
      }),
    ).toEqual([{ id: "1", kind: "confirmed" }]);
    expect(await database.query("SELECT meta FROM renders")).toEqual([{ meta: { video: {} } }]);
  });

  it("keeps what else a jsonb holds, and refuses a path that goes through a text", async () => {
    const database = await renders(
      2,
      `ALTER TABLE segments ADD meta jsonb;
      UPDATE segments SET meta = '{"a": {"b": 1}, "c": null}' WHERE id = md5('1')::uuid;
      UPDATE segments SET meta = '{"a": "text"}' WHERE id = md5('2')::uuid`,
    );
    const fields = new Map([["url", { column: "meta", path: ["a", "url"] }]]);
    const store = openStore(database, {
      targets: [{ label: "segments", table: ["segments"], key: "id", from: [], fields, written: [], values: [] }],
    });
    const [{ one, two } = {}] = await database.query("SELECT md5('1')::uuid AS one, md5('2')::uuid AS two");
    const updates = [one, two].map((id) => ({ id: String(id), fields: { url: "u" } }));
    expect(
      (await store.updateTargets("segments", updates, { signal: NEVER, notAfter: Number.POSITIVE_INFINITY })).map(
        ({ kind }) => kind,
      ),
    ).toEqual(["confirmed", "refused"]);
    expect(await database.query("SELECT meta FROM segments WHERE meta->'a'->>'b' = '1'")).toEqual([
      { meta: { a: { b: 1, url: "u" }, c: null } },
    ]);
  });

  it("writes nothing where a trigger keeps one of the two rows as it was", async () => {
    const database = await renders(
      2,
      `
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE UPDATE ON renders FOR EACH ROW WHEN (OLD.id = 1) EXECUTE FUNCTION keep()`,
    );
    const store = openStore(database);
    const results = await store.atomic.write(await recoveries(store, ["1", "2"]), BY, NEVER);
    expect(results.map(({ kind }) => kind)).toEqual(["refused", "confirmed"]);
    expect(await stateOf(database)).toEqual(["1 processing waiting -", "2 done ready https://x.test/a.mp4"]);
  });

  it("writes nothing where a trigger keeps the status or the URL that was there, and lets it write another", async () => {
    const database = await renders(
      3,
      `
      ALTER TYPE job_status ADD VALUE 'archived';
      CREATE FUNCTION keep_status() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.status := CASE OLD.id WHEN 1 THEN OLD.status ELSE 'archived' END; RETURN NEW; END$$;
      CREATE TRIGGER keep BEFORE UPDATE ON renders FOR EACH ROW WHEN (OLD.id < 3) EXECUTE FUNCTION keep_status();
      CREATE FUNCTION keep_url() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.output_url := OLD.output_url; RETURN NEW; END';
      CREATE TRIGGER keep BEFORE UPDATE ON segments FOR EACH ROW WHEN (OLD.id = md5('3')::uuid) EXECUTE FUNCTION keep_url()`,
    );
    const store = openStore(database);
    const results = await store.atomic.write(await recoveries(store, ["1", "2", "3"]), BY, NEVER);
    expect(results.map(({ kind }) => kind)).toEqual(["refused", "confirmed", "refused"]);
    expect(await stateOf(database)).toEqual([
      "1 processing waiting -",
      "2 archived ready https://x.test/a.mp4",
      "3 processing waiting -",
    ]);
  });

  it.each(["42501", "42P01", "28000", "08006", "XX000", "P0001"])(
    "fails only the job whose trigger raises %s",
    async (state) => {
      const database = await renders(
        3,
        `
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '${state}'; END$$;
        CREATE TRIGGER refuse BEFORE UPDATE ON renders FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION refuse()`,
      );
      const store = openStore(database);
      const results = await store.atomic.write(await recoveries(store, ["1", "2", "3"]), BY, NEVER);
      expect(results.map(({ kind }) => kind)).toEqual(["confirmed", "refused", "confirmed"]);
      expect(results[1]).toMatchObject({ error: `not this one (SQLSTATE ${state})` });
    },
  );

  it("fails only the job whose trigger outlasts the statement's time limit", async () => {
    const database = await renders(
      4,
      `
      CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END';
      CREATE TRIGGER linger BEFORE UPDATE ON renders FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION linger()`,
    );
    const writes = await recoveries(openStore(database), ["1", "2", "3", "4"]);
    const store = openStore(database, {}, { statementTimeout: 1_500 });
    const results = await store.atomic.write(writes, BY, NEVER);
    expect(results.map(({ kind }) => kind)).toEqual(["confirmed", "refused", "confirmed", "confirmed"]);
    expect(results[1]).toMatchObject({ error: expect.stringContaining("statement timeout") });
  });

  it("leaves the row of an inheriting table alone that has the same id as the job", async () => {
    const database = await renders(1, "CREATE TABLE old_renders () INHERITS (renders)");
    const store = openStore(database);
    const writes = await recoveries(store, ["1"]);
    await database.query("INSERT INTO old_renders (id, external_id) VALUES (1, 'another')");
    expect(await store.atomic.write(writes, BY, NEVER)).toMatchObject([{ kind: "confirmed" }]);
    expect(await database.query("SELECT status, external_id FROM renders ORDER BY external_id")).toEqual([
      { status: "processing", external_id: "another" },
      { status: "done", external_id: "ext-1" },
    ]);
  });

  it.each([
    [
      "a right to update one of the columns is missing",
      `GRANT SELECT ON renders, segments TO narrow_columns; GRANT UPDATE ON segments TO narrow_columns;
      GRANT UPDATE (status, response_json, notes) ON renders TO narrow_columns`,
      "narrow_columns",
      ["public", "renders"],
      "auth",
    ],
    [
      "a rule stands on the table",
      "CREATE TABLE log (id bigint); CREATE RULE r AS ON UPDATE TO renders DO ALSO INSERT INTO log VALUES (OLD.id); GRANT ALL ON ALL TABLES IN SCHEMA public TO under_rule",
      "under_rule",
      ["public", "renders"],
      "config",
    ],
    [
      "a view does not allow them",
      "CREATE VIEW shown AS SELECT id, lower(status::text) AS status, external_id, request_json, response_json, error, notes, segment_id, started_at FROM renders; GRANT ALL ON ALL TABLES IN SCHEMA public TO over_view",
      "over_view",
      ["shown"],
      "config",
    ],
  ])("refuses all writes before the first where %s", async (_, statements, role, table, code) => {
    const database = await renders(1, `CREATE ROLE ${role} LOGIN PASSWORD 'pw'; ${statements}`);
    const writes = await recoveries(openStore(database), ["1"]);
    const jobs = { ...RENDERS_JOBS, table };
    const store = openStore({ url: database.urlFor(role, "pw") }, { jobs });
    const [write] = writes;
    if (write?.job === null || write === undefined) throw new Error("not read");
    const alone = { ...write, target: null, job: { ...write.job, update: { id: "1", status: "done" } } };
    await expect(store.atomic.write([alone], BY, NEVER)).rejects.toMatchObject({ code });
    expect(await stateOf(database)).toEqual(["1 processing waiting -"]);
  });

  it("writes through a view of two tables that has an INSTEAD OF trigger for updates alone", async () => {
    const database = await renders(
      1,
      `
      CREATE VIEW shown AS SELECT r.* FROM renders r JOIN segments s ON s.id = r.segment_id;
      CREATE FUNCTION through() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
        UPDATE renders SET status = NEW.status, response_json = NEW.response_json, notes = NEW.notes WHERE id = NEW.id;
        RETURN NEW; END$$;
      CREATE TRIGGER through INSTEAD OF UPDATE ON shown FOR EACH ROW EXECUTE FUNCTION through()`,
    );
    const store = openStore(database, { jobs: { ...RENDERS_JOBS, table: ["shown"] } });
    expect(await store.atomic.write(await recoveries(store, ["1"]), BY, NEVER)).toMatchObject([{ kind: "confirmed" }]);
    expect(await stateOf(database)).toEqual(["1 done ready https://x.test/a.mp4"]);
  });

  it("stores values that look like SQL as they are", async () => {
    const database = await renders(1);
    const store = openStore(database);
    const url = 'https://x.test/\'); DROP TABLE renders; -- $1 \\ {"a"}.mp4';
    expect(await store.atomic.write(await recoveries(store, ["1"], url), BY, NEVER)).toMatchObject([
      { kind: "confirmed" },
    ]);
    expect(
      await database.query(
        "SELECT output_url, (SELECT response_json->>'output_url' FROM renders) AS job FROM segments",
      ),
    ).toEqual([{ output_url: url, job: url }]);
  });

  it("refuses a value that PostgreSQL cannot hold, for that job alone", async () => {
    const database = await renders(2);
    const store = openStore(database);
    const [one, two] = await recoveries(store, ["1", "2"]);
    const [, bad] = await recoveries(store, ["1", "2"], "a\0b");
    if (one === undefined || bad === undefined || two === undefined) throw new Error("not read");
    expect((await store.atomic.write([one, bad], BY, NEVER)).map(({ kind }) => kind)).toEqual(["confirmed", "refused"]);
  });

  it("needs no right but to read, and to update the columns that it writes", async () => {
    const database = await renders(
      1,
      `
      DROP ROLE IF EXISTS sweeper; CREATE ROLE sweeper LOGIN PASSWORD 'pw';
      GRANT SELECT (id, status, external_id, request_json, response_json, error, notes, segment_id, started_at) ON renders TO sweeper;
      GRANT UPDATE (status, response_json, error, notes) ON renders TO sweeper;
      GRANT SELECT (id, state, output_url), UPDATE (state, output_url) ON segments TO sweeper`,
    );
    const store = openStore({ url: database.urlFor("sweeper", "pw") });
    const now = Date.now();
    const query = { statuses: ["processing"], before: now, future: now + 60_000 };
    for await (const page of store.list(query, NEVER)) expect(page).toHaveLength(1);
    expect(await store.atomic.write(await recoveries(store, ["1"]), BY, NEVER)).toMatchObject([{ kind: "confirmed" }]);
    await database.query(
      "REVOKE UPDATE (state) ON segments FROM sweeper; UPDATE renders SET status = 'processing'; UPDATE segments SET output_url = NULL",
    );
    await expect(store.atomic.write(await recoveries(store, ["1"]), BY, NEVER)).rejects.toMatchObject({
      name: "UpstreamError",
      code: "auth",
      message: expect.stringContaining("permission denied for table segments"),
    });
  });

  it("writes statuses that are numbers, and keys that are texts", async () => {
    const database = await server.createDatabase();
    await database.query(`CREATE TABLE tasks (key text PRIMARY KEY, state smallint, ext text, began timestamptz);
      INSERT INTO tasks VALUES ('it''s', 1, 'x', now() - interval '1 hour')`);
    const none = { requestPayload: null, responsePayload: null, error: null, notes: null };
    const fields = { ...RENDERS_JOBS.fields, ...none, status: "state", externalId: "ext", startedAt: "began" };
    const statuses = { stuckStatuses: ["1"], completedStatus: "2", failedStatus: "3" };
    const jobs = { ...RENDERS_JOBS, table: ["tasks"], id: "key", fields, ...statuses };
    const store = openStore(database, { jobs, links: [], targets: [] });
    const read = (await store.readJobs(["it's"], NEVER)).get("it's");
    if (read === undefined) throw new Error("not read");
    const write = { job: { read, update: { id: read.id, status: "2" } }, target: null, records: [] };
    expect(await store.atomic.write([write], BY, NEVER)).toMatchObject([{ kind: "confirmed" }]);
    expect(await database.query("SELECT state FROM tasks")).toEqual([{ state: 2 }]);
  });

  it.each([
    [
      "a status that the enumeration lacks",
      { completedStatus: "completed" },
      /jobs.completedStatus: found "completed"/,
    ],
    ["a table that is not there", { table: ["nowhere"] }, /has no table nowhere/],
    ["a key that is not unique", { id: "external_id" }, /external_id may name several rows/],
    ["a column that is not there", { id: "nr" }, /has no column "nr"/],
    ["a key that is an array", { id: "parts" }, /parts is an array/],
    [
      "several of these at once",
      { completedStatus: "completed", fields: { ...RENDERS_JOBS.fields, notes: "remarks", error: "reason" } },
      /no column "reason".*no column "remarks".*jobs.completedStatus: found "completed"/,
    ],
  ])("refuses %s as configuration, before anything is written", async (_, over, message) => {
    const database = await renders(1, "ALTER TABLE renders ADD parts int[] UNIQUE");
    const writes = await recoveries(openStore(database), ["1"]);
    const store = openStore(database, { jobs: { ...RENDERS_JOBS, ...over } });
    await expect(store.atomic.write(writes, BY, NEVER)).rejects.toMatchObject({
      name: "WritesRefused",
      code: "config",
      message: expect.stringMatching(message),
    });
    expect(await stateOf(database)).toEqual(["1 processing waiting -"]);
  });
});

/** Resolves when a session waits for a lock. */
async function waitForLock(database: TestDatabase): Promise<void> {
  for (;;) {
    const waiting = await database.query(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    if (waiting.length > 0) return;
  }
}
