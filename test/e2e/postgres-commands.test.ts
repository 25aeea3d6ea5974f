import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { startSandbox } from "../../src/sandbox/server.ts";
import { usePostgres } from "../support/use-postgres.ts";
import { folder, stuckJobs } from "./cli.ts";
import { CONFIGURATION, createRendersWorld, JOURNAL } from "./renders.ts";

const server = usePostgres();

it("fail-old fails a job of any age in a database, and leaves alone those with an output", async () => {
  const { database, run, statuses } = await createRendersWorld(server);
  await database.query("UPDATE renders SET started_at = now() - interval '9 days'");
  const recover = JSON.parse((await run(["recover", "-o", "json"], CONFIGURATION)).stdout);
  expect(recover.jobs.map(({ reason }: { reason: string }) => reason)).toEqual(Array(3).fill("beyond-max-age"));
  const failed = await run(["fail-old", "-o", "json"], CONFIGURATION);
  expect(JSON.parse(failed.stdout).summary).toMatchObject({ stuck: 3, failed: 1 });
  expect(await statuses()).toBe("processing:waiting processing:waiting failed:waiting");
});

it("watch sweeps a database again and again until it is stopped", async () => {
  const { run, statuses, database } = await createRendersWorld(server);
  let kill = (_: NodeJS.Signals) => {};
  const watching = run(["watch", "--every", "1s"], CONFIGURATION, {}, (send) => {
    kill = send;
  });
  await expect.poll(statuses, { timeout: 30_000 }).toBe("done:ready done:ready failed:waiting");
  await database.query(
    "UPDATE renders SET status = 'processing', notes = NULL WHERE id = 3; UPDATE renders SET external_id = 'ext-1' WHERE id = 3",
  );
  await expect.poll(statuses, { timeout: 30_000 }).toContain("done:ready done:ready");
  await expect.poll(async () => (await statuses()).endsWith("failed:waiting"), { timeout: 30_000 }).toBe(false);
  kill("SIGTERM");
  expect(await watching).toMatchObject({ code: 143 });
});

it("sweeps a database and an Airtable base of one list, and metrics, report and summary name both stores", async () => {
  const { database, file } = await createRendersWorld(server);
  const cwd = folder();
  const sandbox = await startSandbox({ stateFile: null, delayedWebhook: false });
  onTestFinished(() => sandbox.close());
  const { AIRTABLE_BASE_ID, STUCK_JOBS_STORAGE_URL, ...env } = sandbox.env;
  const entry = file(CONFIGURATION)
    .trim()
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
  const list = join(cwd, "stuck-jobs.yaml");
  writeFileSync(
    list,
    `bases:\n  - name: renders\n${entry}\n  - { baseId: ${AIRTABLE_BASE_ID}, name: videos, preset: nca, storage: { baseUrl: "${STUCK_JOBS_STORAGE_URL}" } }\n`,
  );
  const metrics = join(cwd, "stuck-jobs.prom");
  const ran = await stuckJobs(["recover", "--config", list, "-o", "json", "--metrics-file", metrics], {
    cwd,
    env: { ...env, STUCK_JOBS_DATABASE_URL: database.url },
  });
  expect(ran.stderr).toBe("");
  const total = JSON.parse(ran.stdout);
  expect(total.requests).toMatchObject({ airtable: expect.any(Number), postgres: expect.any(Number) });
  expect(Math.min(total.requests.airtable, total.requests.postgres)).toBeGreaterThan(0);
  const byBase = Object.fromEntries(
    total.reports.map((each: { base: { name: string }; summary: object }) => [each.base.name, each.summary]),
  );
  expect(byBase).toMatchObject({ renders: { recovered: 2, failed: 1 }, videos: { recovered: 11, failed: 2 } });
  expect(existsSync(metrics)).toBe(true);
  expect(readFileSync(metrics, "utf8")).toMatch(/stuck_jobs_requests_total\{base="renders",upstream="postgres"\} \d+/);
  const summary = await stuckJobs(["scan", "--config", list, "-o", "table"], {
    cwd,
    env: { ...env, STUCK_JOBS_DATABASE_URL: database.url },
  });
  expect(summary.stdout).toMatch(/\d+ Airtable requests?, \d+ PostgreSQL statements?, \d+ probes/);
});

it.each([
  ["with notes", (text: string) => text],
  ["without notes, whose journal has what was written lately", (text: string) => text.replace(", notes: notes", "")],
])("an idle sweep of a database %s is at most three transactions", async (_, change) => {
  const { database, run } = await createRendersWorld(server);
  const configuration = change(CONFIGURATION + JOURNAL);
  expect((await run(["db", "migrate"], configuration)).code).toBe(0);
  expect((await run(["recover"], configuration)).code).toBe(0);
  // Asked from another database, so that the question is not counted.
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  onTestFinished(() => admin.end());
  const transactions = async () => {
    const { rows } = await admin.query(
      "SELECT xact_commit + xact_rollback AS n, numbackends AS open FROM pg_stat_database WHERE datname = $1",
      [new URL(database.url).pathname.slice(1)],
    );
    return { n: Number(rows[0]?.n), open: Number(rows[0]?.open) };
  };
  const { open } = await transactions();
  await expect.poll(async () => (await transactions()).open).toBe(open);
  const before = (await transactions()).n;
  const ran = await run(["recover", "-o", "json"], configuration);
  expect(JSON.parse(ran.stdout).summary).toMatchObject({ stuck: 0 });
  await expect.poll(async () => (await transactions()).n - before).toBeGreaterThan(0);
  expect((await transactions()).n - before).toBeLessThanOrEqual(3);
});
