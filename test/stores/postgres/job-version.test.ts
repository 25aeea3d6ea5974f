import { describe, expect, it } from "vitest";
import type { Job } from "../../../src/core/domain/job.ts";
import type { Operation } from "../../../src/core/domain/operation.ts";
import type { SweepContext } from "../../../src/core/sweep/context.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { buildChangeSets } from "../../../src/core/undo/change-sets.ts";
import { undo } from "../../../src/core/undo/undo.ts";
import { named } from "../../support/builders.ts";
import { FakeBucket } from "../../support/fakes.ts";
import type { TestDatabase } from "../../support/postgres.ts";
import { usePostgres } from "../../support/use-postgres.ts";
import { createRenders, openRun, RENDER } from "./run.ts";
import { NEVER, openStore, RENDERS_JOBS } from "./world.ts";

const server = usePostgres();

const BY = { runId: "run-1", version: "0.0.0", command: "recover" };

/** All columns that a verdict may rest on, beside those of `RENDERS`. */
const FURTHER_COLUMNS =
  "ALTER TABLE renders ADD own_id text, ADD kind text, ADD hook text, ADD customer text, ADD worker text;";

const ALL_COLUMNS = {
  jobs: { ...RENDERS_JOBS, fields: { ...RENDERS_JOBS.fields, ownId: "own_id", type: "kind", webhookUrl: "hook" } },
  furtherFields: ["customer"],
};

type Layout = NonNullable<Parameters<typeof openStore>[1]>;

/** One job that has been stuck for two hours, with all columns. */
async function oneRender(statements = ""): Promise<TestDatabase> {
  const database = await createRenders(server, 1);
  await database.query(`${FURTHER_COLUMNS} INSERT INTO segments VALUES (md5('2')::uuid);
    UPDATE renders SET customer = 'acme'; ${statements}`);
  return database;
}

async function listJobs(store: ReturnType<typeof openStore>): Promise<readonly Job[]> {
  const now = Date.now();
  const jobs: Job[] = [];
  for await (const page of store.list({ statuses: ["processing"], before: now, future: now + 60_000 }, NEVER))
    jobs.push(...page);
  return jobs;
}

/** Writes the first job as it was listed, after `change` was made. Returns the kind of the result. */
async function writeListed(database: Pick<TestDatabase, "url" | "query">, change: string, layout: Layout) {
  const store = openStore(database, layout);
  const [read] = await listJobs(store);
  if (read === undefined) throw new Error("nothing is listed");
  expect(read.version).toBeTypeOf("string");
  await database.query(change);
  const write = { job: { read, update: { id: read.id, status: "done" } }, target: null, records: [] };
  const [result] = await store.atomic.write([write], BY, NEVER);
  return result?.kind;
}

/** Makes a sweep meet `change` right before its first transaction, and counts the reads of jobs. */
function withChange(run: SweepContext, change: () => Promise<unknown>) {
  const { atomic, store } = run;
  if (atomic === null) throw new Error("no transactions");
  const reads: (readonly string[])[] = [];
  const order: string[] = [];
  return {
    reads,
    order,
    run: {
      ...run,
      store: {
        ...store,
        async readJobs(...given: Parameters<typeof store.readJobs>) {
          reads.push(given[0]);
          order.push("read");
          return await store.readJobs(...given);
        },
      },
      atomic: {
        ...atomic,
        async write(...given: Parameters<typeof atomic.write>) {
          if (!order.includes("write")) await change();
          order.push("write");
          return await atomic.write(...given);
        },
      },
    },
  };
}

const ACME: Operation = {
  ...RENDER,
  types: ["render"],
  outputs: [named("{field.customer}/{externalId}.mp4")],
  target: { ...RENDER.target, payloadKeys: ["segment"] },
};

/** A sweep over one job whose output is there, which meets `change` right before its first transaction. */
async function sweepThrough(change: string, statements = "") {
  const database = await oneRender(statements);
  const probe = new FakeBucket();
  probe.objects.set("acme/ext-1.mp4", 1000);
  const { run, history } = await openRun(database, probe, {}, ALL_COLUMNS);
  const policy = { ...run.policy, operations: [ACME, { ...ACME, name: "other", types: ["other"] }] };
  const watched = withChange({ ...run, policy }, () => database.query(change));
  const { report } = await sweep(watched.run);
  return { database, run: watched.run, history, report, reads: watched.reads, order: watched.order };
}

describe("the version of a job that PostgreSQL lists", () => {
  it.each([
    ["its status", "status = 'queued'"],
    ["its external id", "external_id = 'another'"],
    ["its date", "started_at = started_at + interval '1 microsecond'"],
    ["its own id", "own_id = 'o-1'"],
    ["its type", "kind = 'other'"],
    ["its request payload", `request_json = '{"operation": "render", "segment": "x"}'`],
    ["its webhook URL", "hook = 'https://app.example/'"],
    ["the link to its target", "segment_id = md5('2')::uuid"],
    ["a field that its output's name contains", "customer = 'beta'"],
    ["its response payload, which was blank,", `response_json = '{"by": "worker"}'`],
    ["its error, which was blank,", "error = 'worker died'"],
    ["its notes, which were blank,", "notes = 'seen'"],
  ])("keeps the job from being written where %s changed since", async (_, change) => {
    const database = await oneRender();
    expect(await writeListed(database, `UPDATE renders SET ${change}`, ALL_COLUMNS)).toBe("changed");
    expect(await database.query("SELECT FROM renders WHERE status = 'done'")).toEqual([]);
  });

  it.each([
    ["nothing", "SELECT 1"],
    ["a column that is not configured", "UPDATE renders SET worker = 'w-1'"],
    ["no value, although the row was written,", "UPDATE renders SET customer = 'acme', notes = ''"],
  ])("lets the job be written where %s changed since", async (_, change) => {
    const database = await oneRender();
    expect(await writeListed(database, change, ALL_COLUMNS)).toBe("confirmed");
  });

  it.each([
    ["a response payload", `response_json = '{"by": "worker"}'`],
    ["an error", "error = 'worker died'"],
    ["notes", "notes = 'seen'"],
  ])("is not there where the job holds %s already", async (_, change) => {
    const database = await oneRender(`UPDATE renders SET ${change};`);
    const [job] = await listJobs(openStore(database, ALL_COLUMNS));
    expect([job?.id, job?.version]).toEqual(["1", undefined]);
  });

  it.each([
    ["json", "text"],
    ["jsonb", "uuid"],
    ["text", "bigint"],
  ])("compares a payload that is %s in a row whose id is %s", async (payload, id) => {
    const database = await server.createDatabase();
    await database.query(`CREATE TABLE tasks (key ${id} PRIMARY KEY, state varchar(20) COLLATE "C", ext text COLLATE "POSIX",
        began timestamp, request ${payload}, size numeric, parts int[], spot point);
      INSERT INTO tasks VALUES (${id === "bigint" ? "9007199254740993" : id === "uuid" ? "md5('1')::uuid" : "'it''s'"},
        'processing', 'x', now() - interval '2 hours', '{"operation":  "render"}', 1.50, '{1,2}', '(1,2)')`);
    const none = { responsePayload: null, error: null, notes: null };
    const columns = { status: "state", externalId: "ext", startedAt: "began", requestPayload: "request" };
    const fields = { ...RENDERS_JOBS.fields, ...none, ...columns };
    const layout = {
      jobs: { ...RENDERS_JOBS, table: ["tasks"], id: "key", fields },
      links: [],
      furtherFields: ["size", "parts", "spot"],
      targets: [],
    };
    const change = `UPDATE tasks SET request = '{"operation": "other"}'`;
    expect(await writeListed(database, change, layout)).toBe("changed");
    expect(await writeListed(database, "SELECT 1", layout)).toBe("confirmed");
  });

  it("needs no right but to read the named columns, also of a view", async () => {
    const database = await createRenders(server, 2);
    await database.query(`DROP ROLE IF EXISTS lister; CREATE ROLE lister LOGIN PASSWORD 'pw';
      ALTER TABLE renders ADD secret text;
      GRANT SELECT (id, status, external_id, request_json, response_json, error, notes, segment_id, started_at) ON renders TO lister;
      GRANT UPDATE (status, response_json, error, notes) ON renders TO lister;
      CREATE VIEW stuck AS SELECT * FROM renders WHERE id = 2;
      GRANT SELECT (id, status, external_id, request_json, response_json, error, notes, segment_id, started_at) ON stuck TO lister;
      GRANT UPDATE (status, response_json, error, notes) ON stuck TO lister`);
    const own = { url: database.urlFor("lister", "pw"), query: database.query };
    expect(await writeListed(own, "UPDATE renders SET external_id = 'other' WHERE id = 1", {})).toBe("changed");
    expect(await writeListed(own, "SELECT 1", {})).toBe("confirmed");
    const layout = { jobs: { ...RENDERS_JOBS, table: ["stuck"] }, targets: [] };
    expect(await writeListed(own, "UPDATE renders SET external_id = 'other' WHERE id = 2", layout)).toBe("changed");
    expect(await writeListed(own, "SELECT 1", layout)).toBe("confirmed");
  });
});

describe("a sweep over PostgreSQL that writes jobs as they were listed", () => {
  it("reads none of them again", async () => {
    const { database, report, order } = await sweepThrough("SELECT 1");
    expect(report.summary).toMatchObject({ recovered: 1, errors: 0 });
    expect(order).toEqual(["write"]);
    expect(await database.query("SELECT status, notes <> '' AS noted FROM renders")).toEqual([
      { status: "done", noted: true },
    ]);
  });

  it("reads them in a dry run", async () => {
    const database = await oneRender();
    const probe = new FakeBucket();
    probe.objects.set("ext-1.mp4", 1000);
    const { run } = await openRun(database, probe, { dryRun: true });
    const { run: watched, order } = withChange(run, async () => {});
    const { report } = await sweep(watched);
    expect(report.summary).toMatchObject({ recovered: 1, errors: 0 });
    expect(order).toEqual(["read"]);
  });

  it.each([
    ["its status", "status = 'failed'", 'its status is "failed" now'],
    ["its external id", "external_id = 'another'", "its external id was changed"],
    ["its date", "started_at = now()", "its date was changed"],
    ["its type", "kind = 'other', request_json = NULL", "its operation was changed"],
    ["its payload", `request_json = '{"operation": "other"}'`, "its operation was changed"],
    ["the target in its payload", `request_json = '{"operation": "render", "segment": "s-9"}'`, "its target is"],
    ["the target in its webhook URL", "hook = 'https://app.example/?target_id=s-9'", "its target is"],
    ["the link to its target", "segment_id = md5('2')::uuid", "its target was changed"],
    ["a field in its output's name", "customer = 'beta'", "what its output is named by was changed"],
  ])("leaves a job alone where %s changed after the listing", async (_, change, detail) => {
    const { database, report, order } = await sweepThrough(`UPDATE renders SET ${change}`);
    expect(report.entries[0]?.verdict).toMatchObject({ kind: "skip", reason: "changed-meanwhile" });
    expect(report.entries[0]?.verdict.detail).toContain(detail);
    expect(report.entries[0]?.error).toBeNull();
    expect(order).toEqual(["write", "read"]);
    expect(await database.query("SELECT FROM renders WHERE status = 'done'")).toEqual([]);
    expect(await database.query("SELECT FROM segments WHERE output_url IS NOT NULL")).toEqual([]);
  });

  it("leaves a job alone that was deleted after the listing", async () => {
    const { report } = await sweepThrough("DELETE FROM renders");
    expect(report.entries[0]?.verdict).toMatchObject({ kind: "skip", reason: "changed-meanwhile" });
    expect(report.summary.errors).toBe(0);
  });

  it("reads and completes a job whose payload changed in what no verdict rests on", async () => {
    const change = `UPDATE renders SET request_json = '{"operation": "render", "attempt": 2}'`;
    const { report, order } = await sweepThrough(change);
    expect(report.summary).toMatchObject({ recovered: 1, errors: 0 });
    expect(order).toEqual(["write", "read", "write"]);
  });

  it("reads a target again that was filled between its read and the write", async () => {
    const { report, database } = await sweepThrough("UPDATE segments SET output_url = 'https://elsewhere.example/'");
    expect(report.entries[0]?.verdict).toMatchObject({ kind: "skip", reason: "target-occupied" });
    expect(await database.query("SELECT status FROM renders")).toEqual([{ status: "processing" }]);
  });

  it("records what a response payload held that was filled after the listing, and undo restores it", async () => {
    const { database, run, history, report, order } = await sweepThrough(
      `UPDATE renders SET response_json = '{"progress": 90}', error = 'slow'`,
    );
    expect(report.summary).toMatchObject({ recovered: 1, errors: 0 });
    expect(order).toEqual(["write", "read", "write"]);
    const { writes } = await history();
    const written = writes.find(({ role }) => role === "job");
    expect(written?.fields.responsePayload?.before).toBe('{"progress": 90}');
    expect(await database.query("SELECT status, error FROM renders")).toEqual([{ status: "done", error: "slow" }]);
    const signature = { runId: "undo-1", version: "0.0.0" };
    const changeSets = buildChangeSets(writes, run.signature.runId, null);
    await undo(changeSets, { ...run, signature, redact: (text) => text, absent: new Set() });
    expect(await database.query("SELECT status, response_json, error FROM renders")).toEqual([
      { status: "processing", response_json: { progress: 90 }, error: "slow" },
    ]);
    expect(await database.query("SELECT output_url FROM segments WHERE id = md5('1')::uuid")).toEqual([
      { output_url: null },
    ]);
  });
});
