import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";
import type { Ran } from "./cli.ts";
import { CONFIGURATION, createRendersWorld, JOURNAL } from "./renders.ts";

const server = usePostgres();

const renders = () => createRendersWorld(server);

describe("stuck-jobs over a PostgreSQL database", () => {
  it("migrates, scans, recovers, and takes it back", async () => {
    const { database, run, statuses } = await renders();
    const planned = await run(["db", "migrate", "--dry-run"]);
    expect(planned.stdout).toContain("CREATE TABLE journal");
    expect((await run(["db", "migrate"])).stdout).toContain("applied 001-journal.sql");
    expect((await run(["db", "migrate"])).stdout).toContain("up to date");

    const scan = await run(["scan", "-o", "json"]);
    expect(scan.stderr).toBe("");
    expect(JSON.parse(scan.stdout).summary).toMatchObject({ stuck: 3, recovered: 2, failed: 1 });
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");

    const recover = await run(["recover", "-o", "json"]);
    expect(recover).toMatchObject({ code: 0, stderr: "" });
    const report = JSON.parse(recover.stdout);
    expect(report.summary).toMatchObject({ stuck: 3, recovered: 2, failed: 1, errors: 0 });
    expect(report.jobs[0]).toMatchObject({
      id: "1",
      target: { table: "segments", field: "output_url" },
      applied: true,
    });
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
    // Not every database holds more than ASCII.
    const written = "notes || coalesce(error, '') || coalesce(response_json::text, '')";
    const foreign = await database.query(`SELECT FROM renders WHERE octet_length(${written}) <> length(${written})`);
    expect(foreign).toEqual([]);

    const undo = await run(["undo", report.runId, "--journal", "none"]);
    expect(undo.code).toBe(2);
    const undone = await run(["undo", report.runId, "-o", "json"]);
    expect(undone).toMatchObject({ code: 0 });
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
    expect(await database.query("SELECT output_url FROM segments WHERE output_url IS NOT NULL")).toEqual([]);
  });

  it("finds outputs whose names contain another column and the date", async () => {
    const { database, run, output } = await renders();
    await database.query("ALTER TABLE renders ADD COLUMN customer int NOT NULL DEFAULT 7");
    await run(["db", "migrate"]);
    const [{ day } = { day: "" }] = await database.query(
      "SELECT to_char(min(started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day FROM renders",
    );
    output(`7/${day}/ext-1.mp4`);
    const pattern = "{field.customer}/{startedAt:yyyy-MM-dd}/{externalId}.mp4";
    const configuration = CONFIGURATION.replace("{externalId}.mp4", pattern) + JOURNAL;
    expect((await run(["recover", "--job", "ext-1"], configuration)).stdout).toContain("1 recovered");
    const missing = await run(["scan"], configuration.replace("field.customer", "field.client"));
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('no column "client"')]);
    const doctor = await run(["doctor"], configuration.replace("field.customer", "field.client"));
    expect([doctor.code, doctor.stdout]).toEqual([2, expect.stringContaining("client")]);
  });

  it("says nothing and asks little where nothing is stuck", async () => {
    const { database, run } = await renders();
    await database.query("UPDATE renders SET status = 'done'");
    expect(await run(["recover"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  it.each([
    [
      "a wrong password",
      (url: URL) => {
        url.password = "not-the-password";
      },
      4,
      "password authentication failed",
    ],
    [
      "a missing database",
      (url: URL) => {
        url.pathname = "/nowhere";
      },
      2,
      'database "nowhere" does not exist',
    ],
    [
      "a URL of another kind of database",
      (url: URL) => {
        url.protocol = "mysql:";
      },
      2,
      "expected a URL as docs/postgresql.md has it",
    ],
    [
      "a host name that does not exist",
      (url: URL) => {
        url.hostname = "db.invalid";
      },
      5,
      "db.invalid",
    ],
    [
      "an sslmode that does not exist",
      (url: URL) => {
        url.search = "?sslmode=yes";
      },
      2,
      "sslmode",
    ],
    [
      "a file for TLS that does not exist",
      (url: URL) => {
        url.search = "?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem";
      },
      2,
      "/nowhere/ca.pem",
    ],
    [
      "a server that is away",
      (url: URL) => {
        url.port = "9";
      },
      5,
      "connection refused",
    ],
    [
      "TLS that is not there",
      (url: URL) => {
        url.search = "?sslmode=verify-full";
      },
      2,
      "offers no TLS",
    ],
  ] as const)("exits as the contract says for %s", async (_, change, code, message) => {
    const { database, run, statuses } = await renders();
    const url = new URL(database.url);
    change(url);
    const ran = await run(["recover"], CONFIGURATION, { STUCK_JOBS_DATABASE_URL: url.href });
    expect(ran).toMatchObject({ code, stdout: "" });
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).not.toContain("not-the-password");
    const doctor = await run(["doctor"], CONFIGURATION, { STUCK_JOBS_DATABASE_URL: url.href });
    expect(doctor.code).toBe(code);
    expect(doctor.stdout + doctor.stderr).not.toMatch(/airtable/i);
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it.each([
    ["a missing table", "table: public.renders", "table: public.rendres", "rendres"],
    ["a missing column", "startedAt: started_at", "startedAt: begun_at", "begun_at"],
    ["a missing target's table", "table: segments", "table: segmnts", "segmnts"],
    ["a missing target's column", "field: output_url", "field: output_uri", "output_uri"],
    ["a status that the type lacks", "completedStatus: done", "completedStatus: complete", 'found "complete"'],
    [
      "a stuck status that the type lacks",
      "completedStatus: done",
      "completedStatus: done\n  stuckStatuses: [working]",
      "working",
    ],
    ["a value of set that the type lacks", "set: { state: ready }", "set: { kind: clip }", 'found "clip"'],
    ["a value of set that is no number", "set: { state: ready }", "set: { frames: many }", 'found "many"'],
    ["a status that is no number", "status: status", "status: priority", "priority"],
    ["an id that may name several jobs", "id: id", "id: external_id", "no unique index"],
    [
      "a target's key that may name several rows",
      "from: segment_id",
      "from: segment_id, key: state",
      "no unique index",
    ],
    ["a date column that is none", "startedAt: started_at", "startedAt: external_id", "external_id"],
    ["a number for errors", "error: error", "error: priority", "renders.priority is int4; expected a text"],
    ["a document for errors", "error: error", "error: details", "renders.details is jsonb; expected a text"],
    ["a number for notes", "notes: notes", "notes: priority", "renders.priority is int4; expected a text"],
    [
      "a number for the response",
      "responsePayload: response_json",
      "responsePayload: priority",
      "renders.priority is int4",
    ],
    ["a computed column for errors", "error: error", "error: label", "renders.label is computed by the server"],
    ["a number for the URL", "field: output_url", "field: frames", "segments.frames is int4; expected a text"],
    ["an enumeration for the URL", "field: output_url", "field: kind", "segments.kind is kind; expected a text"],
    ["a document for the URL without a path", "field: output_url", "field: meta", "jsonb with deliver.path"],
    ["a path in a text", "field: output_url", "field: output_url, path: [url]", "expected jsonb"],
    [
      "a value of set with the URL for a number",
      "set: { state: ready }",
      'set: { frames: "{url}" }',
      "segments.frames is int4",
    ],
    ["a view of groups as the target", "table: segments", "table: grouped", "grouped is a view"],
    ["an id that is blank in all jobs", "id: id", "id: details", "renders.details may name several rows"],
    [
      "a link to a key of another type",
      "from: segment_id",
      "from: priority",
      "public.renders.priority is int4, and segments.id is uuid; expected two columns with the same values",
    ],
    [
      "an external id that no name contains",
      "externalId: external_id",
      "externalId: details",
      "renders.details is jsonb",
    ],
    ["a date of completion that is none", "error: error", "error: error, completedAt: label", "renders.label is text"],
    ["a request that is none", "requestPayload: request_json", "requestPayload: raw", "renders.raw is bytea"],
    ["a value of set that is no date", "set: { state: ready }", "set: { made: soon }", 'found "soon"'],
    ["a value of set that is no JSON", "set: { state: ready }", "set: { meta: ready }", 'found "ready"'],
    ["the size for an enumeration", "set: { state: ready }", 'set: { kind: "{bytes}" }', "segments.kind is kind"],
    ["the time for a number", "set: { state: ready }", 'set: { frames: "{now}" }', "segments.frames is int4"],
    [
      "a failed status that the type lacks",
      "completedStatus: done",
      "completedStatus: done\n  failedStatus: broken",
      'found "broken"',
    ],
    ["a schema that is not there", "table: public.renders", "table: nope.renders", "no table nope.renders"],
  ])("writes nothing and exits 2 with %s", async (_, good, bad, message) => {
    const { database, run, statuses } = await renders();
    await database.query(`CREATE TYPE kind AS ENUM ('video', 'audio');
      ALTER TABLE segments ADD kind kind, ADD frames int, ADD meta jsonb, ADD made timestamptz;
      ALTER TABLE renders ADD priority int DEFAULT 1, ADD details jsonb, ADD raw bytea,
        ADD label text GENERATED ALWAYS AS (external_id || '!') STORED;
      CREATE VIEW grouped AS SELECT id, max(state) AS state, max(output_url) AS output_url FROM segments GROUP BY id`);
    const ran = await run(["recover"], CONFIGURATION.replace(good, bad));
    expect(ran.stderr).toContain(message);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it("writes nothing where the journal's schema is not there, and names the command", async () => {
    const { run, statuses } = await renders();
    const ran = await run(["recover"]);
    expect(ran.stderr).toContain("stuck-jobs db migrate");
    expect(ran.code).toBe(2);
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it.each([
    ["may not read the jobs", "REVOKE SELECT ON renders FROM stuck", "renders"],
    [
      "may not read a column",
      "REVOKE SELECT ON renders FROM stuck; GRANT SELECT (id, status) ON renders TO stuck",
      "renders",
    ],
    ["may not update the jobs", "REVOKE UPDATE ON renders FROM stuck", "renders"],
    ["may not update the target", "REVOKE UPDATE ON segments FROM stuck", "segments"],
    ["may not use the schema", "REVOKE USAGE ON SCHEMA public FROM stuck, public", "schema public"],
  ])("writes nothing and exits 4 where the role %s", async (_, revoke, name) => {
    const { database, run, statuses } = await renders();
    await database.query(`
      DO $$ BEGIN CREATE ROLE stuck LOGIN PASSWORD 'pw'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      GRANT SELECT, UPDATE ON renders, segments TO stuck; ${revoke}`);
    const env = { STUCK_JOBS_DATABASE_URL: database.urlFor("stuck", "pw") };
    const ran = await run(["recover", "--no-fail"], CONFIGURATION, env);
    expect(ran.stderr).toContain(name);
    expect(ran.stderr).toContain("docs/postgresql.md");
    expect(ran.code).toBe(4);
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it("gets GRANTs from doctor that can be run where names have to be quoted", async () => {
    const { database, run } = await renders();
    const role = `Odd ${randomUUID()}`;
    await database.query(`ALTER TABLE renders RENAME error TO "order"; ALTER TABLE segments RENAME state TO "The State";
      CREATE ROLE "${role}" LOGIN PASSWORD 'pw'`);
    const configuration = CONFIGURATION.replace("error: error", "error: order").replace(
      "state: ready",
      "The State: ready",
    );
    const env = { STUCK_JOBS_DATABASE_URL: database.urlFor(role, "pw") };
    const checked = z.object({ checks: z.array(z.object({ next: z.string().nullish() })) });
    const doctor = checked.parse(JSON.parse((await run(["doctor", "-o", "json"], configuration, env)).stdout));
    const grants = doctor.checks.flatMap(({ next }) => (next?.includes("GRANT") ? [next] : []));
    expect(grants.join()).toContain(
      `GRANT UPDATE (status, response_json, "order", notes) ON public.renders TO "${role}"`,
    );
    await database.query(grants.join(" "));
    expect(await run(["recover", "--journal", "none"], configuration, env)).toMatchObject({ code: 0, stderr: "" });
  });

  it("writes nothing and exits 5 where transactions are read-only by default, which scan does not mind", async () => {
    const { database, run, statuses } = await renders();
    await run(["db", "migrate"]);
    await database.query(`DO $$ BEGIN
      EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`);
    expect(JSON.parse((await run(["scan", "-o", "json"])).stdout).summary).toMatchObject({ recovered: 2, failed: 1 });
    const ran = await run(["recover"]);
    expect([ran.code, ran.stderr]).toEqual([5, expect.stringContaining("default_transaction_read_only is on")]);
    const doctor = await run(["doctor"]);
    expect([doctor.code, doctor.stdout]).toEqual([2, expect.stringContaining("takes no writes")]);
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it("does not fail a job of today by a date that has no time", async () => {
    const { database, run, statuses } = await renders();
    await database.query(`CREATE DOMAIN day AS date;
      ALTER TABLE renders ALTER started_at DROP DEFAULT, ALTER started_at TYPE day`);
    await database.query("UPDATE renders SET started_at = now() AT TIME ZONE 'UTC' WHERE id = 3");
    const day = await run(
      ["recover", "-o", "json"],
      CONFIGURATION.replace("completedStatus: done", "completedStatus: done\n  failedStatus: failed"),
    );
    expect(JSON.parse(day.stdout).summary).toMatchObject({ recovered: 2, failed: 0, waiting: 1 });
    expect(await statuses()).toBe("done:ready done:ready processing:waiting");
    await database.query("UPDATE renders SET started_at = started_at - 3");
    const later = await run(["recover", "-o", "json"], `${CONFIGURATION}thresholds: { maxAge: none }\n`);
    expect(JSON.parse(later.stdout).summary).toMatchObject({ failed: 1 });
  });

  it("reports a job whose column is too narrow for the URL, and completes the others", async () => {
    const { database, run, output, statuses } = await renders();
    output("a-much-longer-name-than-the-others-have.mp4");
    await database.query(`
      UPDATE renders SET external_id = 'a-much-longer-name-than-the-others-have' WHERE id = 2;
      ALTER TABLE segments ALTER output_url TYPE varchar(50)`);
    const ran = await run(["recover", "-o", "json", "--no-fail"], CONFIGURATION);
    expect(ran.code).toBe(3);
    const { summary, jobs } = JSON.parse(ran.stdout);
    expect(summary).toMatchObject({ recovered: 1, errors: 1 });
    expect(jobs.find((job: { id: string }) => job.id === "2").error).toContain(
      "too long for type character varying(50)",
    );
    expect(await statuses()).toBe("done:ready processing:waiting processing:waiting");
  });

  it.each([
    [1, "before"],
    [6, "before"],
    [9, "after"],
  ] as const)(
    "exits 5 where the server goes away at message %i (%s it), and the next run does the rest",
    async (n, when) => {
      const { database, run, statuses } = await renders();
      await run(["db", "migrate"]);
      const proxy = await startTcpProxy(database.url);
      proxy.goAway(n, when);
      const cut = await run(["recover"], undefined, { STUCK_JOBS_DATABASE_URL: proxy.url });
      expect(cut).toMatchObject({ code: 5 });
      expect((await run(["recover"])).code).toBe(0);
      expect(await statuses()).toBe("done:ready done:ready failed:waiting");
      const journaled = "SELECT job FROM stuck_jobs.journal WHERE line->>'role' = 'job' ORDER BY job";
      expect(await database.query(journaled)).toEqual([{ job: "1" }, { job: "2" }, { job: "3" }]);
    },
  );

  it("recovers each job once where four runs start at the same time", async () => {
    const { database, run } = await renders();
    await run(["db", "migrate"]);
    const runs = await Promise.all([1, 2, 3, 4].map(() => run(["recover", "-o", "json", "--no-fail"])));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const recovered = runs.map(({ stdout }) => JSON.parse(stdout).summary.recovered).reduce((a, b) => a + b, 0);
    expect(recovered).toBe(2);
    expect(await database.query("SELECT count(*)::int AS n FROM stuck_jobs.journal")).toEqual([{ n: 4 }]);
  });

  it("counts and replays from another host by the journal in the database", async () => {
    const { run } = await renders();
    await run(["db", "migrate"]);
    await run(["recover"]);
    const stats = await run(["stats", "-o", "json"]);
    expect(stats).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(stats.stdout).total).toMatchObject({ byPolling: 2 });
    const replay = await run(["replay", "-o", "json"]);
    expect(replay).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(replay.stdout)).toMatchObject({ runs: 1, jobs: 3, differences: [] });
  });

  it("replays the journal of the configuration where none is named", async () => {
    const { run } = await renders();
    await run(["recover"], CONFIGURATION);
    const replay = await run(["replay", "-o", "json"], CONFIGURATION);
    expect(replay).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(replay.stdout)).toMatchObject({ runs: 1, jobs: 3, differences: [] });
    const off = await run(["replay"], `${CONFIGURATION}journal: { path: none }\n`);
    expect([off.code, off.stderr]).toEqual([2, expect.stringContaining("the journal is disabled")]);
  });

  it("is examined by doctor without a write: connection, columns, rights, index, triggers and journal", async () => {
    const { database, run } = await renders();
    await run(["db", "migrate"]);
    const fine = await run(["doctor", "-o", "json"]);
    const levels = (ran: Ran) =>
      Object.fromEntries(
        JSON.parse(ran.stdout).checks.map((check: { id: string; level: string }) => [check.id, check.level]),
      );
    expect(levels(fine)).toMatchObject({
      database: "pass",
      "database.table": "pass",
      "database.rights": "pass",
      "database.index": "pass",
      "database.journal": "pass",
      jobs: "pass",
      clock: "pass",
    });
    expect(fine.code).toBe(0);

    await database.query(`
      DROP INDEX renders_status_started;
      INSERT INTO renders (external_id, status, started_at) SELECT n, 'done', now() FROM generate_series(1, 20000) AS n;
      ANALYZE renders;
      CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
      CREATE TRIGGER touch BEFORE UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION touch();
      DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'pw';
      GRANT USAGE ON SCHEMA stuck_jobs TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA stuck_jobs, public TO reader`);
    const poor = await run(["doctor", "-o", "json"], CONFIGURATION, {
      STUCK_JOBS_DATABASE_URL: database.urlFor("reader", "pw"),
    });
    expect(poor.code).toBe(4);
    expect(levels(poor)).toMatchObject({
      "database.rights": "fail",
      "database.index": "warn",
      "database.triggers": "warn",
    });
    expect(poor.stdout).toContain("GRANT UPDATE (status, response_json, error, notes) ON public.renders TO reader;");
    expect(poor.stdout).toContain("CREATE INDEX CONCURRENTLY ON");

    const wrong = await run(
      ["doctor", "-o", "json"],
      CONFIGURATION.replace("completedStatus: done", "completedStatus: complete").replace(
        "table: segments",
        "table: segmnts",
      ),
    );
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).toContain("there is no table segmnts");
    expect(wrong.stdout).toContain('found \\"complete\\"');
    expect((await run(["doctor"])).stdout).toContain("the database's");
  });

  it("is examined by doctor for columns that cannot hold what is written to them", async () => {
    const { database, run, statuses } = await renders();
    await database.query(
      "ALTER TABLE segments ADD frames int; ALTER TABLE renders ADD details jsonb, ADD priority int",
    );
    const wrong = CONFIGURATION.replace("error: error", "error: details").replace("field: output_url", "field: frames");
    const doctor = await run(["doctor", "-o", "json"], wrong);
    expect(doctor.code).toBe(2);
    expect(doctor.stdout).toContain("public.renders.details is jsonb; expected a text");
    expect(doctor.stdout).toContain("segments.frames is int4; expected a text");
    const unlike = await run(["doctor", "-o", "json"], CONFIGURATION.replace("from: segment_id", "from: priority"));
    expect(unlike.code).toBe(2);
    expect(unlike.stdout).toContain("public.renders.priority is int4, and segments.id is uuid");
    const undated = await run(["doctor"], CONFIGURATION.replace("startedAt: started_at", "startedAt: external_id"));
    expect([undated.code, undated.stdout]).toEqual([2, expect.stringContaining("is text; expected timestamptz")]);
    expect(undated.stdout).not.toContain("SQLSTATE");
    const view =
      "CREATE VIEW grouped AS SELECT id, max(state) AS state, max(output_url) AS output_url FROM segments GROUP BY id";
    await database.query(view);
    const grouped = await run(["doctor"], CONFIGURATION.replace("table: segments", "table: grouped"));
    expect([grouped.code, grouped.stdout]).toEqual([2, expect.stringContaining("grouped is a view")]);
    await database.query(`CREATE TABLE log (id uuid);
      CREATE RULE logged AS ON UPDATE TO segments DO ALSO INSERT INTO log VALUES (OLD.id)`);
    const ruled = await run(["doctor", "-o", "json"]);
    expect([ruled.code, ruled.stdout]).toEqual([2, expect.stringContaining("DO ALSO rules are not supported")]);
    await run(["db", "migrate"]);
    const before = await statuses();
    const refused = await run(["recover"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("DO ALSO rules are not supported")]);
    expect(await statuses()).toBe(before);
  });

  it("undoes values that their columns keep in another form than they were written", async () => {
    const { database, run, statuses } = await renders();
    await database.query(`CREATE DOMAIN day AS date;
      ALTER TABLE segments ADD made timestamptz, ADD noted timestamp(0), ADD on_day day, ADD size bigint,
        ADD price numeric(8, 2) DEFAULT 7.5, ADD label text, ADD seen bool, ADD host inet`);
    await run(["db", "migrate"]);
    const set =
      'set: { state: ready, made: "{now}", noted: "{now}", on_day: "{now}", size: "{bytes}", price: 5, label: "{bytes}", seen: true, host: 10.0.0.1 }';
    const configuration = (CONFIGURATION + JOURNAL).replace("set: { state: ready }", set);
    const columns = () => database.query("SELECT * FROM segments ORDER BY id");
    const before = await columns();
    const recover = await run(["recover", "-o", "json"], configuration);
    expect(recover).toMatchObject({ code: 0, stderr: "" });
    expect(await statuses()).toBe("done:ready done:ready failed:waiting");
    expect(await database.query("SELECT price, host::text FROM segments WHERE state = 'ready'")).toEqual([
      { price: "5.00", host: "10.0.0.1/32" },
      { price: "5.00", host: "10.0.0.1/32" },
    ]);
    const undo = await run(["undo", JSON.parse(recover.stdout).runId, "-o", "json"], configuration);
    expect(undo.code).toBe(0);
    expect(await columns()).toEqual(before);
    expect(await statuses()).toBe("processing:waiting processing:waiting processing:waiting");
  });

  it("delivers into a place of a jsonb column, and undo takes it out again", async () => {
    const { database, run } = await renders();
    await database.query(`ALTER TABLE segments ADD meta jsonb; UPDATE segments SET meta = '{"kept": 1}'`);
    await run(["db", "migrate"]);
    const configuration = `${CONFIGURATION}${JOURNAL}`.replace(
      "deliver: { field: output_url, as: url }",
      "deliver: { field: meta, path: [video, url], as: url }",
    );
    const recover = JSON.parse((await run(["recover", "-o", "json"], configuration)).stdout);
    expect(recover.summary).toMatchObject({ recovered: 2, errors: 0 });
    expect(recover.jobs[0].target).toMatchObject({ table: "segments", field: "meta.video.url" });
    expect(
      await database.query(
        "SELECT meta->>'kept' AS kept, meta#>>'{video,url}' LIKE '%ext-_.mp4' AS url FROM segments WHERE state = 'ready'",
      ),
    ).toEqual([
      { kept: "1", url: true },
      { kept: "1", url: true },
    ]);
    expect((await run(["undo", recover.runId], configuration)).code).toBe(0);
    expect(await database.query("SELECT DISTINCT meta FROM segments ORDER BY meta")).toEqual([
      { meta: { kept: 1 } },
      { meta: { kept: 1, video: {} } },
    ]);
  });

  it("explains a job by its id as by its external id", async () => {
    const { run } = await renders();
    for (const name of ["2", "ext-2"]) {
      const explained = await run(["explain", name], CONFIGURATION);
      expect(explained).toMatchObject({ code: 0, stderr: "" });
      expect(explained.stdout).toContain("ext-2.mp4");
    }
  });
});
