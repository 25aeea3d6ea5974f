import { describe, expect, it } from "vitest";
import type { Reply } from "../../src/sandbox/http.ts";
import { acquireLock, lockKey } from "../../src/system/lock.ts";
import { stuckJobs } from "./cli.ts";
import { mostInASecond, openManyBases } from "./many-world.ts";
import { manyLinesIn, reportIn, reportsIn } from "./report.ts";

const BUSY = 12;

describe("fifty bases on one token", () => {
  it("are swept side by side, each as if it were alone, and the token's limit is kept", {
    timeout: 120_000,
  }, async () => {
    const world = await openManyBases(50, { limited: true });
    for (const n of world.ids.keys()) {
      if (n % 3 === 1) world.stuck(n, "recoverable");
      if (n % 3 === 2) world.stuck(n, "lost");
    }
    // One has more to do than all the others.
    for (let number = 0; number < BUSY; number += 1) world.stuck(0, "recoverable", number);

    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], {
      env: world.env,
      cwd: world.configured(),
    });
    expect([code, stderr]).toEqual([0, ""]);
    const total = reportsIn(stdout);
    expect(total.summary).toMatchObject({ stuck: 33 + BUSY, recovered: 17 + BUSY, failed: 16 });
    expect(total.reports.map(({ base }) => base)).toEqual(world.ids.map((id, n) => ({ name: `base-${n}`, id })));
    expect(total.faults).toEqual([]);
    for (const [n, id] of world.ids.entries()) {
      const kind = n % 3 === 2 ? "lost" : "recoverable";
      const expected = n === 0 || n % 3 === 1 ? "completed" : n % 3 === 2 ? "failed" : undefined;
      expect([id, world.status(n, kind)]).toEqual([id, expected]);
      const { requests } = total.reports[n] ?? {};
      expect(requests?.airtable).toBe(world.arrivals.filter(({ baseId }) => baseId === id).length);
    }
    expect(total.requests).toMatchObject({ airtable: world.arrivals.length, storage: world.probes.length });

    expect(world.arrivals.filter(({ status }) => status !== 200)).toEqual([]);
    expect(mostInASecond(world.arrivals)).toBeLessThanOrEqual(50);
    // Each had begun before the first of them was done.
    const spans = world.ids.map((id) => {
      const its = world.arrivals.flatMap(({ baseId }, position) => (baseId === id ? [position] : []));
      return { first: its[0] ?? -1, last: its.at(-1) ?? -1, count: its.length };
    });
    const done = Math.min(...spans.filter(({ count }) => count > 2).map(({ last }) => last));
    expect(spans.filter(({ first }) => first > done)).toEqual([]);
  });
});

const answers: Readonly<Record<number, Reply>> = {
  1: { status: 503, headers: {}, body: "" },
  2: {
    status: 401,
    headers: { "content-type": "application/json" },
    body: '{"error":{"type":"AUTHENTICATION_REQUIRED","message":"Authentication required"}}',
  },
};

describe("what befalls one base", () => {
  it("keeps no other from being recovered, and is reported under its name", { timeout: 60_000 }, async () => {
    const world = await openManyBases(5, { instead: (n) => answers[n] });
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const lock = await acquireLock(lockKey({ endpointUrl: world.url, baseId: world.ids[3] ?? "" }), new Date());
    if (lock.kind === "busy") throw new Error("the lock is taken");
    const { code, stdout, stderr } = await stuckJobs(["recover", "-o", "json"], {
      env: world.env,
      cwd: world.configured(),
    });
    await lock.release();
    const { faults, reports, summary } = reportsIn(stdout);
    expect(world.ids.map((_, n) => world.status(n, "recoverable"))).toEqual([
      "completed",
      "processing",
      "processing",
      "processing",
      "completed",
    ]);
    expect(reports.map(({ base }) => base?.name)).toEqual(["base-0", "base-4"]);
    expect(summary.recovered).toBe(2);
    expect(faults.map(({ base, exitCode }) => [base.name, exitCode])).toEqual([
      ["base-1", 5],
      ["base-2", 4],
      ["base-3", 75],
    ]);
    expect(code).toBe(4);
    for (const [name, words] of [
      ["base-1", "503"],
      ["base-2", "token"],
      ["base-3", "another run"],
    ]) {
      expect(stderr).toMatch(new RegExp(`${words}.* base=${name}`));
    }
  });

  it("sets the exit code where it is only a lock", async () => {
    const world = await openManyBases(2);
    const lock = await acquireLock(lockKey({ endpointUrl: world.url, baseId: world.ids[0] ?? "" }), new Date());
    if (lock.kind === "busy") throw new Error("the lock is taken");
    const run = () => stuckJobs(["recover"], { env: world.env, cwd: world.configured() });
    expect((await run()).code).toBe(75);
    await lock.release();
    expect(await run()).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });
});

describe("which of the bases", () => {
  it("is selected by --base, by name or id, and by AIRTABLE_BASE_ID", async () => {
    const world = await openManyBases(3);
    const cwd = world.configured();
    const asked = async (flags: readonly string[], env: Record<string, string> = {}) => {
      const from = world.arrivals.length;
      const ran = await stuckJobs(["scan", "-o", "json", ...flags], { env: { ...world.env, ...env }, cwd });
      expect([ran.code, ran.stderr]).toEqual([0, ""]);
      return { ...ran, bases: world.arrivals.slice(from).map(({ baseId }) => world.ids.indexOf(baseId)) };
    };
    const one = await asked(["--base", "base-1"]);
    expect(one.bases).toEqual([1]);
    expect(reportIn(one.stdout).base).toEqual({ name: "base-1", id: world.ids[1] });
    const two = await asked(["--base", world.ids[2] ?? "", "base-0"]);
    expect([...two.bases].sort()).toEqual([0, 2]);
    expect(reportsIn(two.stdout).reports.map(({ base }) => base?.name)).toEqual(["base-0", "base-2"]);
    expect((await asked([], { AIRTABLE_BASE_ID: world.ids[2] ?? "" })).bases).toEqual([2]);
    expect((await asked(["--base", "base-0"], { AIRTABLE_BASE_ID: world.ids[2] ?? "" })).bases).toEqual([0]);
    expect([...(await asked([])).bases].sort()).toEqual([0, 1, 2]);
  });

  it.each([
    ["--base", ["--base", "base-9"], {}, '--base: found "base-9"; allowed: base-0 (appMany0000000000), base-1'],
    ["AIRTABLE_BASE_ID", [], { AIRTABLE_BASE_ID: "appOther" }, 'AIRTABLE_BASE_ID: found "appOther"; allowed: base-0'],
  ])("is an error of usage where %s names none", async (_, flags, env, words) => {
    const world = await openManyBases(2);
    const ran = await stuckJobs(["scan", ...flags], { env: { ...world.env, ...env }, cwd: world.configured() });
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain(words);
    expect(world.arrivals).toEqual([]);
  });

  it.each([["explain", "recHere0000000000"], ["stats"], ["undo", "some-run"]])(
    "has to be named for %s, which works on one",
    async (...words) => {
      const world = await openManyBases(2);
      const ran = await stuckJobs(words, { env: world.env, cwd: world.configured() });
      expect(ran).toMatchObject({ code: 2, stdout: "" });
      expect(ran.stderr).toContain("--base: found 2 configured bases; expected one of base-0, base-1");
    },
  );

  it("may be selected for a command that is about one", async () => {
    const world = await openManyBases(2);
    world.stuck(1, "recoverable");
    const cwd = world.configured();
    const run = (...words: string[]) => stuckJobs([...words, "--base", "base-1"], { env: world.env, cwd });
    expect((await run("explain", "recHere0000000000")).stdout).toContain("recHere0000000000");
    expect((await run("stats")).code).toBe(0);
  });

  it("may be one that no list names, where there is none", async () => {
    const world = await openManyBases(2);
    const ran = await stuckJobs(["scan", "--base", world.ids[1] ?? ""], { env: world.env });
    expect([ran.code, ran.stderr, world.arrivals.map(({ baseId }) => baseId)]).toEqual([0, "", [world.ids[1]]]);
  });
});

describe("doctor", () => {
  const list = (ids: readonly string[]) =>
    JSON.stringify({ bases: ids.map((id) => ({ id, name: id, permissionLevel: "create" })) });

  it("examines one base after the other, and the one that is picked", async () => {
    const world = await openManyBases(2, {
      instead: (_, { path }) =>
        path === "/v0/meta/bases"
          ? { status: 200, headers: { "content-type": "application/json" }, body: list(world.ids) }
          : undefined,
    });
    const cwd = world.configured("", (n) => (n === 1 ? ", jobs: { table: Nowhere }" : ""));
    const run = (...flags: string[]) => stuckJobs(["doctor", ...flags], { env: world.env, cwd });
    const both = await run();
    expect(both.code).toBe(2);
    const [first = "", second = ""] = both.stdout.split("base-1 (appMany0000000001)\n\n");
    expect(first).toMatch(/^base-0 \(appMany0000000000\)\n\n✓ Node/);
    expect(first).not.toContain("✗");
    expect(second).toMatch(/✗ jobs\.table/);
    const document: unknown = JSON.parse((await run("-o", "json")).stdout);
    expect(document).toMatchObject({
      schema: "stuck-jobs/doctors@1",
      worst: "fail",
      bases: [
        { schema: "stuck-jobs/doctor@1", base: { name: "base-0" } },
        { schema: "stuck-jobs/doctor@1", base: { name: "base-1" }, worst: "fail" },
      ],
    });
    expect((await run("--base", "base-0")).code).toBe(0);
  });

  it("reports what is wrong with the list", async () => {
    const world = await openManyBases(2);
    const ran = await stuckJobs(["doctor"], { env: world.env, cwd: world.configured("airtable: { baseId: appX }") });
    expect(ran.code).toBe(2);
    expect(ran.stdout).toMatch(/✗ airtable\.baseId +cannot be combined with bases/);
  });
});

describe("watch", () => {
  it("sweeps all of them again and again, and ends all with SIGTERM", async () => {
    let kill = (_: NodeJS.Signals) => {};
    const world = await openManyBases(2, {
      instead: () => {
        if (world.arrivals.length === 3) kill("SIGTERM");
        return undefined;
      },
    });
    const { code, stderr } = await stuckJobs(["watch", "--every", "1s"], {
      env: world.env,
      cwd: world.configured(),
      started: (given) => {
        kill = given;
      },
    });
    expect(code).toBe(143);
    expect(stderr).toMatch(/^stuck-jobs watch: sweeping 2 bases every 1s\n/);
    expect(new Set(world.arrivals.map(({ baseId }) => baseId)).size).toBe(2);
  });
});

describe("what each base says for itself", () => {
  it("holds for it, and for no other", async () => {
    const world = await openManyBases(3);
    for (const n of world.ids.keys()) world.stuck(n, "recoverable");
    const cwd = world.configured("thresholds: { stuckAfter: 5m }", (n) =>
      n === 1 ? ", thresholds: { stuckAfter: 1h }" : n === 2 ? ", operations: { combine: null }" : "",
    );
    const { stdout } = await stuckJobs(["scan", "-o", "json"], { env: world.env, cwd });
    expect(reportsIn(stdout).reports.map(({ jobs }) => jobs.map(({ reason }) => reason))).toEqual([
      ["output-found"],
      [],
      ["operation-unknown"],
    ]);
  });
});

describe("what is printed of several bases", () => {
  it("is nothing where nothing happened anywhere", async () => {
    const world = await openManyBases(3);
    expect(await stuckJobs(["recover"], { env: world.env, cwd: world.configured() })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  it("is a line for each base where something did, and the total", async () => {
    const world = await openManyBases(4);
    world.stuck(1, "recoverable");
    world.stuck(2, "lost");
    const { stdout } = await stuckJobs(["recover"], { env: world.env, cwd: world.configured() });
    expect(stdout.replace(/run [0-9a-f-]{36}/g, "run …")).toBe(
      [
        "stuck-jobs recover: base-1: 1 stuck job: 1 recovered, 0 failed (run …)",
        "stuck-jobs recover: base-2: 1 stuck job: 0 recovered, 1 failed (run …)",
        "stuck-jobs recover: 4 bases: 2 stuck jobs: 1 recovered, 1 failed; 2 with nothing stuck",
        "",
      ].join("\n"),
    );
  });

  it("is a table under each base's name where something is stuck, and the total", async () => {
    const world = await openManyBases(3);
    world.stuck(1, "recoverable");
    const { stdout } = await stuckJobs(["scan", "-o", "table"], { env: world.env, cwd: world.configured() });
    expect(stdout).toMatch(/^base-1 \(appMany0000000001\)\n\njob +external id +operation/);
    expect(stdout).toMatch(
      /\n\n3 bases: 1 stuck job: 1 would be recovered, 0 would be failed; 2 with nothing stuck\.\n4 Airtable requests, 2 probes, /,
    );
    expect(stdout).not.toContain("base-0");
  });

  it("is, as ndjson, jobs with their base, a summary for each, and the total", async () => {
    const world = await openManyBases(3);
    world.stuck(1, "recoverable");
    const { stdout } = await stuckJobs(["scan", "-o", "ndjson"], { env: world.env, cwd: world.configured() });
    const { jobs, summaries, total } = manyLinesIn(stdout);
    expect(jobs.map(({ base, id }) => [base?.name, id])).toEqual([["base-1", "recHere0000000000"]]);
    expect(summaries.map(({ base, summary }) => [base?.name, summary.stuck]).sort()).toEqual([
      ["base-0", 0],
      ["base-1", 1],
      ["base-2", 0],
    ]);
    expect(total.summary.stuck).toBe(1);
  });

  it("reports once a job that was asked for and is in no base", async () => {
    const world = await openManyBases(2);
    world.stuck(1, "recoverable");
    const run = (job: string) => stuckJobs(["scan", "--job", job], { env: world.env, cwd: world.configured() });
    expect((await run("recHere0000000000")).stderr).toBe("");
    expect((await run("recNone")).stderr).toBe(
      "stuck-jobs scan: warning: recNone is not among the stuck jobs: see stuck-jobs explain recNone\n",
    );
  });

  it("does not say so of a job that may be in a base which could not be listed", async () => {
    const world = await openManyBases(2, { instead: (n) => (n === 0 ? answers[2] : undefined) });
    const ran = await stuckJobs(["scan", "--job", "recNone"], { env: world.env, cwd: world.configured() });
    expect(ran.code).toBe(4);
    expect(ran.stderr).not.toContain("is not among the stuck jobs");
  });
});
