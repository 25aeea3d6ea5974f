import { describe, expect, it } from "vitest";
import type { Operation } from "../../../src/core/domain/operation.ts";
import type { SweepContext } from "../../../src/core/sweep/context.ts";
import { sweep } from "../../../src/core/sweep/sweep.ts";
import { FakeBucket } from "../../support/fakes.ts";
import { usePostgres } from "../../support/use-postgres.ts";
import { createRenders, openRun, RENDER } from "./run.ts";
import { RENDERS_JOBS } from "./world.ts";

const server = usePostgres();

const renders = (count: number) => createRenders(server, count);

describe("a sweep over PostgreSQL", () => {
  it("completes the jobs whose output is there, fails the others, and keeps the journal in the same transactions", async () => {
    const database = await renders(3);
    const probe = new FakeBucket();
    for (const n of [1, 2]) probe.objects.set(`ext-${n}.mp4`, 1000);
    const { run, history } = await openRun(database, probe);
    const { report } = await sweep(run);
    expect(report.summary).toMatchObject({ stuck: 3, recovered: 2, failed: 1, errors: 0 });
    const rows = await database.query(`
      SELECT r.status, s.state, s.output_url, r.response_json->>'completed_via' AS via, r.error IS NOT NULL AS failed
      FROM renders r JOIN segments s ON s.id = r.segment_id ORDER BY r.id`);
    const recovered = (n: number) => ({
      status: "done",
      state: "ready",
      output_url: `https://bucket.example/ext-${n}.mp4`,
      via: "polling",
      failed: false,
    });
    expect(rows).toEqual([
      recovered(1),
      recovered(2),
      { status: "failed", state: "waiting", output_url: null, via: null, failed: true },
    ]);
    const { writes } = await history();
    expect(writes.map(({ role, confirmed }) => `${role} ${confirmed}`).sort()).toEqual([
      "job true",
      "job true",
      "job true",
      "target true",
      "target true",
    ]);
  });

  it("writes nothing in a second run, and asks one page of what is stuck and one of what it failed", async () => {
    const database = await renders(2);
    const probe = new FakeBucket();
    for (const n of [1, 2]) probe.objects.set(`ext-${n}.mp4`, 1000);
    await sweep((await openRun(database, probe)).run);
    const again = await openRun(database, probe);
    const { report } = await sweep(again.run);
    expect(report.summary).toMatchObject({ stuck: 0, recovered: 0 });
    expect(again.run.store.requests()).toBe(2);
  });

  it("leaves a job to the webhook that came between the guard read and the write", async () => {
    const database = await renders(1);
    const probe = new FakeBucket();
    probe.objects.set("ext-1.mp4", 1000);
    const { run, history } = await openRun(database, probe);
    const { atomic } = run;
    if (atomic === null) throw new Error("no transactions");
    const late: SweepContext["atomic"] = {
      ...atomic,
      async write(...given) {
        await database.query("UPDATE renders SET status = 'done', response_json = '{\"by\": \"webhook\"}'");
        return await atomic.write(...given);
      },
    };
    const { report } = await sweep({ ...run, atomic: late });
    expect(report.summary).toMatchObject({ recovered: 0, skipped: 1, errors: 0 });
    expect(report.entries[0]).toMatchObject({ verdict: { reason: "changed-meanwhile" } });
    expect(await database.query("SELECT response_json FROM renders")).toEqual([{ response_json: { by: "webhook" } }]);
    expect(await database.query("SELECT state FROM segments")).toEqual([{ state: "waiting" }]);
    expect((await history()).writes).toEqual([]);
  });

  it("writes each of 120 jobs once where four sweeps run at the same time", async () => {
    const database = await renders(120);
    const probe = new FakeBucket();
    for (let n = 1; n <= 120; n += 1) probe.objects.set(`ext-${n}.mp4`, 1000);
    const runs = await Promise.all([1, 2, 3, 4].map(() => openRun(database, probe)));
    const reports = await Promise.all(
      runs.map(({ run }, n) => sweep({ ...run, signature: { runId: `run-${n}`, version: "0" } })),
    );
    const recovered = reports.reduce((sum, { report }) => sum + report.summary.recovered, 0);
    expect(recovered).toBe(120);
    expect(
      await database.query("SELECT count(*)::int AS n FROM stuck_jobs.journal WHERE line->>'role' = 'job'"),
    ).toEqual([{ n: 120 }]);
    expect(await database.query("SELECT DISTINCT status FROM renders")).toEqual([{ status: "done" }]);
  });

  it("delivers the URL to the job itself, with the values of `set` filled in", async () => {
    const database = await renders(2);
    await database.query(
      "ALTER TABLE renders ADD url text, ADD bytes bigint, ADD summary text; UPDATE renders SET url = 'https://bucket.example/ext-2.mp4' WHERE id = 2",
    );
    const probe = new FakeBucket();
    for (const n of [1, 2]) probe.objects.set(`ext-${n}.mp4`, 1234);
    const self: Operation = {
      ...RENDER,
      targetKind: "self",
      target: { table: "renders", links: [], payloadKeys: [] },
      attachment: "url",
      deliver: { field: "url", as: "url" },
      set: { bytes: "{bytes}", summary: "{externalId} at {url}" },
    };
    const targets = [
      {
        label: "renders",
        table: ["public", "renders"],
        key: "id",
        from: [],
        fields: new Map(),
        written: [],
        values: [],
      },
    ];
    const { run } = await openRun(database, probe, {}, { targets });
    const { report } = await sweep({ ...run, policy: { ...run.policy, operations: [self] } });
    expect(report.summary).toMatchObject({ recovered: 2, errors: 0 });
    expect(report.entries[0]?.target).toEqual({ table: "renders", id: "1", field: "url" });
    expect(await database.query("SELECT status, url, bytes, summary FROM renders ORDER BY id")).toEqual([
      {
        status: "done",
        url: "https://bucket.example/ext-1.mp4",
        bytes: "1234",
        summary: "ext-1 at https://bucket.example/ext-1.mp4",
      },
      {
        status: "done",
        url: "https://bucket.example/ext-2.mp4",
        bytes: "1234",
        summary: "ext-2 at https://bucket.example/ext-2.mp4",
      },
    ]);
  });

  it("completes and fails jobs where no column but the required ones is configured", async () => {
    const database = await renders(7);
    await database.query("UPDATE renders SET status = 'done' WHERE id = 7");
    const probe = new FakeBucket();
    for (const n of [1, 7]) probe.objects.set(`ext-${n}.mp4`, 1000);
    const none = { ownId: null, type: null, requestPayload: null, responsePayload: null, webhookUrl: null };
    const fields = { ...RENDERS_JOBS.fields, ...none, error: null, notes: null };
    const { run } = await openRun(database, probe, {}, { jobs: { ...RENDERS_JOBS, fields } });
    const { report } = await sweep({ ...run, policy: { ...run.policy, operations: [{ ...RENDER, isDefault: true }] } });
    expect(report.summary).toMatchObject({ stuck: 6, recovered: 1, failed: 5, errors: 0 });
  });

  it("changes the status alone where an operation has no target", async () => {
    const database = await renders(1);
    const probe = new FakeBucket();
    probe.objects.set("ext-1.mp4", 1234);
    const none: Operation = {
      ...RENDER,
      targetKind: "none",
      target: { table: "", links: [], payloadKeys: [] },
      attachment: "",
      deliver: null,
      set: {},
    };
    const { run } = await openRun(database, probe);
    const { report } = await sweep({ ...run, policy: { ...run.policy, operations: [none] } });
    expect(report.summary).toMatchObject({ recovered: 1 });
    expect(report.entries[0]?.target).toBeNull();
    expect(await database.query("SELECT r.status, s.state FROM renders r, segments s")).toEqual([
      { status: "done", state: "waiting" },
    ]);
  });

  it("leaves another URL in the target where it is, and counts the same one as delivered", async () => {
    const database = await renders(2);
    await database.query(`
      UPDATE segments SET output_url = 'https://elsewhere.example/a-person.mp4' WHERE id = md5('1')::uuid;
      UPDATE segments SET output_url = 'https://bucket.example/ext-2.mp4' WHERE id = md5('2')::uuid`);
    const probe = new FakeBucket();
    for (const n of [1, 2]) probe.objects.set(`ext-${n}.mp4`, 1234);
    const { run } = await openRun(database, probe);
    const { report } = await sweep(run);
    expect(report.entries.map(({ verdict }) => verdict.reason)).toEqual(["target-occupied", "output-found"]);
    expect(await database.query("SELECT status FROM renders ORDER BY id")).toEqual([
      { status: "processing" },
      { status: "done" },
    ]);
  });
});
