import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import type { JobQuery } from "../../../src/core/ports/ports.ts";
import type { TestDatabase } from "../../support/postgres.ts";
import { usePostgres } from "../../support/use-postgres.ts";
import { NEVER, openStore, RENDERS, RENDERS_JOBS } from "./world.ts";

const server = usePostgres();

const MINUTE = 60_000;

async function collect(pages: AsyncIterable<readonly Job[]>): Promise<Job[]> {
  const jobs: Job[] = [];
  for await (const page of pages) jobs.push(...page);
  return jobs;
}

function stuckQuery(over: Partial<JobQuery> = {}): JobQuery {
  const now = Date.now();
  return { statuses: ["processing"], before: now - 5 * MINUTE, future: now + MINUTE, ...over };
}

async function renders(statements = ""): Promise<TestDatabase> {
  const database = await server.createDatabase();
  await database.query(`${RENDERS}${statements}`);
  return database;
}

describe("listing jobs of a PostgreSQL table", () => {
  it("lists stuck jobs of an enum status older than the moment, oldest first, and those without a usable date", async () => {
    const database = await renders(`
      INSERT INTO renders (external_id, started_at, status, request_json) VALUES
        ('young', now() - interval '1 minute', 'processing', null),
        ('old', now() - interval '10 minutes', 'processing', '{"operation": "combine"}'),
        ('older', now() - interval '20 minutes', 'processing', null),
        ('undated', null, 'processing', null), ('infinite', 'infinity', 'processing', null),
        ('future', now() + interval '1 day', 'processing', null), ('done', now() - interval '20 minutes', 'done', null)`);
    const jobs = await collect(openStore(database).list(stuckQuery(), NEVER));
    expect(jobs.map(({ externalId }) => externalId)).toEqual(["older", "old", "future", "infinite", "undated"]);
    expect(jobs[1]?.payload).toEqual({ kind: "read", value: { operation: "combine" } });
    expect(jobs.slice(3).map(({ since }) => since.kind)).toEqual(["missing", "missing"]);
  });

  it("asks one statement where nothing is stuck, and learns the server's clock from it", async () => {
    const store = openStore(await renders());
    expect(await collect(store.list(stuckQuery(), NEVER))).toEqual([]);
    expect(store.requests()).toBe(1);
    expect(Math.abs(store.clockSkewMs() ?? Number.NaN)).toBeLessThan(60_000);
  });

  it("counts ages by the server's clock where this machine's is an hour behind", async () => {
    const database = await renders(
      "INSERT INTO renders (external_id, started_at) VALUES ('a', now() - interval '10 minutes')",
    );
    const behind = { now: () => Date.now() - 60 * MINUTE, sleep: async () => {} };
    const store = openStore(database, { clock: behind });
    const query = stuckQuery({ before: behind.now() - 5 * MINUTE, future: behind.now() + MINUTE });
    expect(await collect(store.list(query, NEVER))).toHaveLength(1);
    expect(store.clockSkewMs()).toBeGreaterThan(59 * MINUTE);
  });

  it("lists every one of 2,500 jobs once over several pages, jobs of one moment and undated ones among them", async () => {
    const database = await renders(`
      INSERT INTO renders (external_id, started_at)
      SELECT 'job-' || n, CASE WHEN n % 5 > 0 THEN now() - interval '1 hour' - (n / 400) * interval '1 second' END
      FROM generate_series(1, 2500) AS n`);
    const jobs = await collect(openStore(database).list(stuckQuery(), NEVER));
    expect(jobs).toHaveLength(2500);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(2500);
  });

  it("lists the jobs that are named by id or external id, whatever the texts hold", async () => {
    const database = await renders(`INSERT INTO renders (id, external_id, started_at) VALUES
      (7, 'a', now() - interval '1 hour'), (8, $$x'); DROP TABLE renders; --$$, now() - interval '1 hour'), (9, 'c', now() - interval '1 hour')`);
    const store = openStore(database);
    const named = await collect(
      store.list(stuckQuery({ named: ["7", "x'); DROP TABLE renders; --", "nobody"] }), NEVER),
    );
    expect(named.map(({ id }) => id).sort()).toEqual(["7", "8"]);
  });

  it("brings along the jobs that the tool failed lately, by their notes", async () => {
    const database = await renders(`INSERT INTO renders (external_id, started_at, status, notes) VALUES
      ('ours', now() - interval '2 hours', 'failed', 'Failed via polling at 2026-03-01: 100% _odd\\ [stuck-jobs]'),
      ('theirs', now() - interval '2 hours', 'failed', 'the worker died'),
      ('long ago', now() - interval '9 days', 'failed', 'Failed via polling at 2026-03-01')`);
    const failed = {
      status: "failed",
      notes: ["Failed via polling at 2026-03-01"],
      undated: { notes: ["nothing"], after: Date.now() - 48 * 60 * MINUTE },
    };
    const jobs = await collect(openStore(database).list(stuckQuery({ revisit: { completed: null, failed } }), NEVER));
    expect(jobs.map(({ externalId }) => externalId)).toEqual(["ours"]);
  });

  it("reads statuses that are numbers, ids that are texts, and dates without a zone as UTC", async () => {
    const database = await renders(`
      CREATE SCHEMA "odd.schema";
      CREATE TABLE "odd.schema"."My ""Jobs""" ("the id" text PRIMARY KEY, "Status" int, ext uuid, "when" timestamp);
      INSERT INTO "odd.schema"."My ""Jobs""" VALUES
        ('j''1', 2, '6F9619FF-8B86-D011-B42D-00C04FC964FF', (now() AT TIME ZONE 'UTC') - interval '10 minutes');`);
    const fields = { ...RENDERS_JOBS.fields, status: "Status", externalId: "ext", startedAt: "when" };
    const none = { requestPayload: null, responsePayload: null, error: null, notes: null };
    const store = openStore(database, {
      jobs: {
        ...RENDERS_JOBS,
        table: ["odd.schema", 'My "Jobs"'],
        id: "the id",
        fields: { ...fields, ...none },
        stuckStatuses: ["2"],
        completedStatus: "3",
        failedStatus: "4",
      },
      links: [],
      furtherFields: [],
    });
    const jobs = await collect(store.list(stuckQuery({ statuses: ["2"] }), NEVER));
    expect(jobs).toMatchObject([{ id: "j'1", status: "2", externalId: "6f9619ff-8b86-d011-b42d-00c04fc964ff" }]);
    expect([...(await store.readJobs(["j'1"], NEVER)).keys()]).toEqual(["j'1"]);
    expect(await store.findJobs(["6F9619FF8B86D011B42D00C04FC964FF", "not a uuid"], NEVER)).toHaveLength(1);
  });

  it.each([
    ["numeric(5, 2)", "1", "2", "3", 'found "1", which tasks.state holds as "1.00"', 'Write "1.00".'],
    [
      "text COLLATE anycase",
      "Busy",
      "done",
      "failed",
      'tasks.state of 1 is "BUSY"',
      'Add "BUSY" to jobs.stuckStatuses',
    ],
  ])(
    "refuses to pass over a status of %s that the server compares as equal to a stuck one",
    async (type, stuck, completedStatus, failedStatus, found, next) => {
      const database = await server.createDatabase();
      await database.query(`
        CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE tasks (id int PRIMARY KEY, state ${type}, ext text, began timestamptz);
        INSERT INTO tasks VALUES (1, upper('${stuck}')${type.startsWith("text") ? "" : "::numeric"}, 'x', now() - interval '1 hour')`);
      const none = { requestPayload: null, responsePayload: null, error: null, notes: null };
      const fields = { ...RENDERS_JOBS.fields, ...none, status: "state", externalId: "ext", startedAt: "began" };
      const jobs = { ...RENDERS_JOBS, table: ["tasks"], fields, stuckStatuses: [stuck], completedStatus, failedStatus };
      const store = openStore(database, { jobs, links: [], targets: [] });
      await expect(collect(store.list(stuckQuery({ statuses: [stuck] }), NEVER))).rejects.toMatchObject({
        code: "config",
        message: expect.stringContaining(found),
        hint: expect.stringContaining(next),
      });
    },
  );

  it("names a status column whose type is a domain over an enumeration", async () => {
    const database = await renders(`CREATE DOMAIN named_status AS job_status;
      ALTER TABLE renders ALTER status DROP DEFAULT, ALTER status TYPE named_status`);
    await expect(collect(openStore(database).list(stuckQuery(), NEVER))).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("renders.status is a domain over the enumeration job_status"),
    });
  });

  it("sees through domains that stand on domains", async () => {
    const database = await renders(`
      CREATE DOMAIN moment AS timestamptz; CREATE DOMAIN began AS moment;
      CREATE DOMAIN label AS varchar(40); CREATE DOMAIN name_of_job AS label;
      ALTER TABLE renders ALTER started_at TYPE began, ALTER external_id TYPE name_of_job, ALTER notes TYPE name_of_job;
      INSERT INTO renders (external_id, started_at) VALUES ('old', now() - interval '10 minutes')`);
    expect(await collect(openStore(database).list(stuckQuery(), NEVER))).toHaveLength(1);
  });

  it("uses the index on status and date among 50,000 rows", async () => {
    const database = await renders(`
      INSERT INTO renders (external_id, status, started_at)
      SELECT 'job-' || n, CASE WHEN n % 50 = 0 THEN 'processing' ELSE 'done' END::job_status, now() - n * interval '1 second'
      FROM generate_series(1, 50000) AS n;
      ANALYZE renders`);
    const { pageStatement } = await import("../../../src/stores/postgres/select-jobs.ts");
    const filter = {
      kind: "stuck",
      statuses: ["processing"],
      olderThan: 1000,
      ahead: 1000,
      within: null,
      named: null,
    } as const;
    const options = { jobs: RENDERS_JOBS, links: [], furtherFields: [], targets: [] };
    const { text, values } = pageStatement(options, filter, null);
    const plan = (await database.query(`EXPLAIN ${text}`, values)).map((row) => String(row["QUERY PLAN"])).join("\n");
    expect(plan).toContain("renders_status_started");
    expect(plan).not.toContain("Seq Scan");
  });
});
