import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { listen } from "../../src/sandbox/loopback-server.ts";
import { openPostgresProxy } from "../support/postgres-proxy.ts";
import { usePostgres } from "../support/use-postgres.ts";
import { folder, stuckJobs } from "./cli.ts";
import { migratedDatabase, openFleet } from "./fleet-world.ts";
import { reportsIn } from "./report.ts";

const server = usePostgres();

describe("two hosts of a fleet", () => {
  it("share the bases of a slot: each is swept once, whoever comes first", async () => {
    const { world, host } = await openFleet(server, 12);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const ran = await Promise.all([host(["recover", "-o", "json"]), host(["recover", "-o", "json"])]);
    expect(ran.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ""],
      [0, ""],
    ]);
    const swept = ran.flatMap(({ stdout }) => reportsIn(stdout).reports.map(({ base }) => base?.id));
    expect(swept.toSorted()).toEqual(world.ids.toSorted());
    expect(world.ids.map((_, n) => world.status(n, "recoverable"))).toEqual(world.ids.map(() => "completed"));
    const again = await host(["recover", "-o", "json"]);
    expect([again.code, reportsIn(again.stdout).reports]).toEqual([0, []]);
  });
});

describe("a host of a fleet", () => {
  it("that has nothing to do asks the database one question", async () => {
    const { host, database } = await openFleet(server, 3);
    expect((await host(["recover"])).code).toBe(0);
    const way = await openPostgresProxy(database.url);
    const idle = await host(["recover"], { env: { STUCK_JOBS_DATABASE_URL: way.url } });
    expect([idle.code, idle.stdout, idle.stderr]).toEqual([0, "", ""]);
    expect(way.statements.length).toBe(1);
  });

  it("with another configuration takes nothing, and names both", async () => {
    const { world, host } = await openFleet(server, 3);
    expect((await host(["recover"])).code).toBe(0);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const before = world.arrivals.length;
    const other = world.configured("fleet: { schema: stuck_jobs }\nthresholds: { failAfter: 3h }");
    const ran = await host(["recover"], { cwd: other });
    expect([ran.code, ran.stdout]).toEqual([2, ""]);
    const [mine = "", theirs = ""] = [...ran.stderr.matchAll(/\b[0-9a-f]{12}\b/g)].map(([digest]) => digest);
    expect(new Set([mine, theirs]).size).toBe(2);
    expect(theirs).toMatch(/^[0-9a-f]{12}$/);
    expect(world.arrivals.length).toBe(before);
  });

  it("counts its metrics without any monitoring of its own", async () => {
    const { world, host } = await openFleet(server, 2);
    world.stuck(0, "recoverable");
    expect((await host(["recover"])).code).toBe(0);
    const { stdout } = await host(["fleet", "metrics"]);
    expect(stdout).toMatch(/^stuck_jobs_recovered_total\{.*operation="combine".*\} 1$/m);
  });

  it("whose environment selects one base plans nothing, and names the variable", async () => {
    const { world, host, database } = await openFleet(server, 2);
    const env = { AIRTABLE_BASE_ID: world.ids[1] ?? "" };
    for (const command of ["recover", "watch"]) {
      const refused = await host([command], { env });
      expect([refused.code, refused.stderr]).toEqual([
        2,
        expect.stringContaining("AIRTABLE_BASE_ID: selects one base"),
      ]);
    }
    expect(await database.query("SELECT FROM stuck_jobs.slots")).toEqual([]);
    expect((await host(["recover", "--dry-run"], { env })).code).toBe(0);
  });

  it("without a database in its environment says so once", async () => {
    const { host } = await openFleet(server, 1);
    const { code, stderr } = await host(["recover"], { env: { STUCK_JOBS_DATABASE_URL: "" } });
    expect([code, stderr.match(/no database; set it/g)?.length]).toEqual([2, 1]);
  });

  it("keeps the metrics of a base that the slot left out", async () => {
    const { world, host, database } = await openFleet(server, 2);
    world.stuck(1, "recoverable");
    expect((await host(["recover"])).code).toBe(0);
    // The next slot begins, while a host still holds the second base.
    await database.query("DELETE FROM stuck_jobs.slots; DELETE FROM stuck_jobs.job");
    await database.query(
      `INSERT INTO stuck_jobs.job (id, name, data, state, policy, singleton_key, started_on, heartbeat_on)
SELECT gen_random_uuid(), 'sweeps', json_build_object('base', $1::text), 'active', 'exclusive', $1, now(), now() + interval '1 hour'`,
      [world.ids[1]],
    );
    expect((await host(["recover"])).code).toBe(0);
    const { stdout } = await host(["fleet", "metrics"]);
    const of = (base: number, rest: string) => new RegExp(`\\{base="${world.ids[base]}",${rest}$`, "m");
    expect(stdout).toMatch(of(0, 'exit_code="0"\\} 2'));
    expect(stdout).toMatch(of(1, 'exit_code="0"\\} 1'));
    expect(stdout).toMatch(of(1, 'operation="combine"\\} 1'));
  });

  it("may differ in its token, its monitoring and its heartbeat", async () => {
    const { world, host } = await openFleet(server, 2);
    expect((await host(["recover"])).code).toBe(0);
    const other = world.configured("fleet: { heartbeat: 20s }\nmonitoring: { metricsFile: fleet.prom }");
    expect(await host(["recover"], { cwd: other })).toMatchObject({ code: 0, stderr: "" });
  });

  it("whose tables are missing exits with 2 and names the command", async () => {
    const { world, database } = await openFleet(server, 1);
    await database.query("DROP SCHEMA stuck_jobs CASCADE");
    const env = { ...world.env, STUCK_JOBS_DATABASE_URL: database.url };
    const cwd = world.configured("fleet: {}");
    const missing = await stuckJobs(["recover"], { env, cwd });
    expect([missing.code, missing.stdout]).toEqual([2, ""]);
    expect(missing.stderr).toContain("stuck-jobs db migrate");
    expect(world.arrivals.length).toBe(0);
    expect((await stuckJobs(["fleet", "migrate"], { env, cwd })).code).toBe(0);
    expect((await stuckJobs(["recover"], { env, cwd })).code).toBe(0);
    await database.query("UPDATE stuck_jobs.version SET version = version - 1");
    const old = await stuckJobs(["recover"], { env, cwd });
    expect([old.code, old.stderr.includes("stuck-jobs db migrate")]).toEqual([2, true]);
  });

  it("plans the slot of the database, whatever its own clock says", async () => {
    const { world, host, database } = await openFleet(server, 4);
    const shift = join(folder(), "shift.mjs");
    writeFileSync(
      shift,
      "const real = Date.now; Date.now = () => real() + 3_600_000; globalThis.Date = class extends Date { constructor(...given) { given.length === 0 ? super(Date.now()) : super(...given); } };",
    );
    const ran = await Promise.all([
      host(["recover"]),
      host(["recover"], { env: { NODE_OPTIONS: `--import ${shift}` } }),
    ]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0]);
    const slots = await database.query("SELECT count(*)::int AS slots FROM stuck_jobs.slots");
    const jobs = await database.query("SELECT count(*)::int AS jobs FROM stuck_jobs.job WHERE name = 'sweeps'");
    expect([slots[0]?.slots, jobs[0]?.jobs]).toEqual([1, world.ids.length]);
  });

  it("sweeps at once, under the base's key, where a flag changes the sweep", async () => {
    const { world, host, database } = await openFleet(server, 2);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    // Another host sweeps the first one meanwhile.
    await database.query(
      `INSERT INTO stuck_jobs.job (id, name, data, state, policy, singleton_key, started_on, heartbeat_on)
SELECT gen_random_uuid(), 'sweeps', json_build_object('base', $1::text), 'active', 'exclusive', $1, now(), now() + interval '1 hour'`,
      [world.ids[0]],
    );
    const [busy, free] = await Promise.all(
      ["base-0", "base-1"].map((name) => host(["recover", "--base", name, "-o", "json"])),
    );
    expect([busy?.code, free?.code]).toEqual([75, 0]);
    expect(world.ids.map((_, n) => world.status(n, "recoverable"))).toEqual(["processing", "completed"]);
    expect(await database.query("SELECT slot, ended_at IS NOT NULL AS done FROM stuck_jobs.sweeps")).toEqual([
      { slot: null, done: true },
    ]);
  });

  it("without the database exits with 5 and sweeps nothing; whenDown: alone sweeps by itself", async () => {
    const { world, host } = await openFleet(server, 2);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const env = { STUCK_JOBS_DATABASE_URL: "postgres://nobody@127.0.0.1:9/none?sslmode=disable" };
    const stopped = await host(["recover", "-o", "json"], { env });
    expect([stopped.code, reportsIn(stopped.stdout).reports]).toEqual([5, []]);
    expect(world.arrivals.length).toBe(0);
    const others = [
      ["undo", "--job", "recX", "--base", "base-0"],
      ["runs", "--base", "base-0"],
      ["fleet", "status"],
    ];
    for (const { code, stderr } of await Promise.all(others.map((words) => host(words, { env })))) {
      expect([code, stderr.includes("internal error")]).toEqual([5, false]);
    }
    const cwd = world.configured("fleet: { whenDown: alone }");
    const alone = await host(["recover", "-o", "json"], { env, cwd });
    expect([alone.code, reportsIn(alone.stdout).summary.recovered]).toEqual([0, 2]);
    expect(alone.stderr).toContain("sweeps alone");
  });
});

describe("a command by hand", () => {
  it("takes its requests from the budget of the fleet, whatever it does", { timeout: 120_000 }, async () => {
    const { world, host, database } = await openFleet(server, 2);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const budgets = "SELECT account FROM stuck_jobs.budgets";
    const base = ["--base", "base-0"];
    const reading = [
      ["explain", "ext-0-0", ...base],
      ["scan", ...base],
      ["recover", "--dry-run"],
      ["stats", ...base],
      ["doctor", ...base],
    ];
    const ran = await Promise.all(
      reading.map(async (words) => {
        const own = await server.createDatabase(await migratedDatabase(server));
        const { code } = await host(words, { env: { STUCK_JOBS_DATABASE_URL: own.url } });
        const rows = await own.query(budgets);
        await own.close();
        return [words[0], code, rows];
      }),
    );
    expect(ran).toEqual(reading.map(([name]) => [name, 0, [{ account: "default" }]]));
    for (const words of [
      ["recover", "--base", "base-0"],
      ["undo", "--job", "ext-0-0", ...base],
    ]) {
      await database.query("DELETE FROM stuck_jobs.budgets");
      expect((await host(words)).code).toBe(0);
      expect([words[0], await database.query(budgets)]).toEqual([words[0], [{ account: "default" }]]);
    }
    expect(world.status(0, "recoverable")).toBe("processing");
  });

  it("that only reads goes on without the database", async () => {
    const { world, host } = await openFleet(server, 1);
    world.stuck(0, "recoverable");
    const env = { STUCK_JOBS_DATABASE_URL: "postgres://nobody@127.0.0.1:9/none?sslmode=disable" };
    const ran = await host(["scan", "--base", "base-0", "-o", "json"], { env });
    expect([ran.code, JSON.parse(ran.stdout).summary.recovered]).toEqual([0, 1]);
  });
});

describe("a slot", () => {
  it("has one start ping, one result and one message, whoever closes it", async () => {
    const posted: string[] = [];
    const receiver = await listen(0, async ({ path, body }) => {
      posted.push(`${path} ${body.toString()}`);
      return { status: 200, headers: {}, body: "" };
    });
    onTestFinished(() => receiver.close());
    const { world, host } = await openFleet(server, 6);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const env = {
      STUCK_JOBS_PING_URL: `${receiver.url}/ping`,
      STUCK_JOBS_NOTIFY_URL: `${receiver.url}/notify`,
      STUCK_JOBS_METRICS_FILE: join(folder(), "fleet.prom"),
    };
    const ran = await Promise.all([host(["recover"], { env }), host(["recover"], { env }), host(["recover"], { env })]);
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
    await host(["recover"], { env });
    const pings = posted.filter((each) => each.startsWith("/ping"));
    expect(pings.map((each) => each.split(" ")[0]).toSorted()).toEqual(["/ping", "/ping/start"]);
    expect(pings.join()).toContain("6 bases: 6 stuck jobs: 6 recovered");
    const metrics = await host(["fleet", "metrics"]);
    const recovered = [...metrics.stdout.matchAll(/^stuck_jobs_recovered_total\{.*operation="combine".*\} (\d+)$/gm)];
    expect(recovered.map(([, value]) => value)).toEqual(world.ids.map(() => "1"));
  });
});

describe("the role that docs/fleet.md creates", () => {
  it("is enough for a host", async () => {
    const { world, host, database } = await openFleet(server, 2);
    const [, sql = ""] = /```sql\n +(CREATE ROLE.*?)```/s.exec(readFileSync("docs/fleet.md", "utf8")) ?? [];
    const name = `fleet_${Date.now()}`;
    await database.query(
      sql.replace("CREATE ROLE stuck_jobs", `CREATE ROLE ${name}`).replaceAll("TO stuck_jobs", `TO ${name}`),
    );
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const env = { STUCK_JOBS_DATABASE_URL: database.urlFor(name, "…") };
    expect(await host(["recover"], { env })).toMatchObject({ code: 0, stderr: "" });
    expect(world.ids.map((_, n) => world.status(n, "recoverable"))).toEqual(["completed", "completed"]);
    await database.query(`DROP OWNED BY ${name}; DROP ROLE ${name}`);
  });
});

describe("a sweep whose host is lost twice", () => {
  it("is a dead letter, which fleet status shows, and keeps no later sweep of its base", async () => {
    const { world, host, database } = await openFleet(server, 1);
    expect((await host(["recover"])).code).toBe(0);
    await database.query(`UPDATE stuck_jobs.job SET state = 'active', completed_on = NULL, retry_count = retry_limit,
heartbeat_on = now() - interval '1 minute' WHERE name = 'sweeps';
UPDATE stuck_jobs.queue SET monitor_claim_on = now() - interval '1 minute'`);
    expect((await host(["recover"])).code).toBe(0);
    const status = JSON.parse((await host(["fleet", "status", "-o", "json"])).stdout);
    expect(status.deadLetters.map(({ base }: { base: string }) => base)).toEqual(world.ids);
    world.stuck(0, "recoverable");
    expect((await host(["recover", "--base", "base-0"])).code).toBe(0);
    expect(world.status(0, "recoverable")).toBe("completed");
  });
});

describe("fleet status and plan", () => {
  it("print every base whole into a pipe, with its last sweep and host", async () => {
    const { world, host } = await openFleet(server, 3);
    const plan = await host(["fleet", "plan", "-o", "json"]);
    expect(JSON.parse(plan.stdout)).toMatchObject({ schema: "stuck-jobs/fleet-plan@1", plannedBy: null });
    expect((await host(["recover"])).code).toBe(0);
    const status = JSON.parse((await host(["fleet", "status", "-o", "json"])).stdout);
    expect(status.bases.map((base: { id: string; lastExitCode: number }) => [base.id, base.lastExitCode])).toEqual(
      world.ids.map((id) => [id, 0]),
    );
    const { stdout, code } = await host(["fleet", "status"]);
    expect(code).toBe(0);
    for (const [n, id] of world.ids.entries()) expect(stdout).toMatch(new RegExp(`base-${n} +${id} +20`));
    expect(stdout).toContain("no dead letters");
  });
});
