import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { acquireLock, lockKey } from "../../src/system/lock.ts";
import { receive } from "../monitoring/receiver.ts";
import { stuckJobs } from "./cli.ts";
import { openManyBases } from "./many-world.ts";

const REFUSED = {
  status: 401,
  headers: { "content-type": "application/json" },
  body: '{"error":{"type":"AUTHENTICATION_REQUIRED","message":"Authentication required"}}',
};

async function held(world: { readonly url: string; readonly ids: readonly string[] }, n: number) {
  const lock = await acquireLock(lockKey({ endpointUrl: world.url, baseId: world.ids[n] ?? "" }), new Date());
  if (lock.kind === "busy") throw new Error("the lock is taken");
  return lock;
}

it("those who watch get one ping for all bases, their metrics in one file, and a message for each change of a base", async () => {
  const receiver = await receive();
  let refused = false;
  const world = await openManyBases(3, { instead: (n) => (refused && n < 2 ? REFUSED : undefined) });
  world.stuck(2, "recoverable");
  const cwd = world.configured();
  const metricsFile = join(cwd, "stuck-jobs.prom");
  const env = {
    ...world.env,
    STUCK_JOBS_METRICS_FILE: metricsFile,
    STUCK_JOBS_PING_URL: `${receiver.url}/ping`,
    STUCK_JOBS_NOTIFY_URL: `${receiver.url}/chat`,
  };
  const run = async (...flags: string[]) => {
    const from = receiver.received.length;
    const { code } = await stuckJobs(["recover", ...flags], { env, cwd });
    return { code, received: receiver.received.slice(from), metrics: readFileSync(metricsFile, "utf8") };
  };
  const runsOf = (metrics: string, n: number) =>
    metrics.split("\n").filter((line) => line.startsWith(`stuck_jobs_runs_total{base="${world.ids[n]}"`));

  const first = await run();
  expect(first.code).toBe(0);
  expect(first.received.map(({ path }) => path).sort()).toEqual(["/ping", "/ping/start"]);
  const [, body = ""] = first.received.map((each) => each.body);
  expect(body).toMatch(
    /^stuck-jobs recover: 3 bases: 1 stuck job: 1 recovered, 0 failed; 2 with nothing stuck, exit code 0\n\n/,
  );
  expect(body).toMatch(
    /\nbase-2: stuck-jobs recover: 1 stuck job: 1 recovered.*\nexit code 0, run .*\nrecHere0000000000 ext-2-0 combine recover output-found/,
  );
  expect(body).not.toContain("base-1");
  for (const n of [0, 1, 2]) expect(runsOf(first.metrics, n)).toEqual([expect.stringMatching(/exit_code="0"} 1$/)]);

  refused = true;
  const lock = await held(world, 0);
  const second = await run();
  await lock.release();
  expect(second.code).toBe(4);
  expect(second.received.map(({ path }) => path).sort()).toEqual(["/chat", "/ping/4", "/ping/start"]);
  const chat = second.received.find(({ path }) => path === "/chat")?.body ?? "";
  expect(chat).toContain(`stuck-jobs, base ${world.ids[1]}, run `);
  expect(chat).toContain("Airtable cannot be used");
  // The base that another run is at is that run's to tell of.
  expect(runsOf(second.metrics, 0)).toEqual(runsOf(first.metrics, 0));
  expect(runsOf(second.metrics, 1)).toHaveLength(2);
  expect(second.metrics).toContain(`stuck_jobs_last_run_exit_code{base="${world.ids[0]}"} 0`);
  expect(second.metrics).toContain(`stuck_jobs_last_run_exit_code{base="${world.ids[1]}"} 4`);

  const third = await run();
  expect(third.received.filter(({ path }) => path === "/chat")).toHaveLength(1);

  const fourth = await run("--base", "base-2");
  expect(fourth.received.map(({ path }) => path).sort()).toEqual(["/ping", "/ping/start"]);
  expect(runsOf(fourth.metrics, 1)).toEqual(runsOf(third.metrics, 1));
  expect(runsOf(fourth.metrics, 2)).not.toEqual(runsOf(third.metrics, 2));
});

it("nobody is pinged of a run whose bases are all locked", async () => {
  const receiver = await receive();
  const world = await openManyBases(1);
  const lock = await held(world, 0);
  const env = { ...world.env, STUCK_JOBS_PING_URL: `${receiver.url}/ping` };
  expect((await stuckJobs(["recover"], { env, cwd: world.configured() })).code).toBe(75);
  await lock.release();
  expect(receiver.received).toEqual([]);
});

it("who takes no message is tried for one base only, and gets those of all with the next run", async () => {
  let deaf = true;
  const receiver = await receive(() => (deaf ? 404 : 200));
  const world = await openManyBases(3, { instead: () => REFUSED });
  const cwd = world.configured();
  const env = { ...world.env, STUCK_JOBS_NOTIFY_URL: `${receiver.url}/chat` };
  const first = await stuckJobs(["recover"], { env, cwd });
  expect(first.stderr).toContain("the notification was not taken");
  expect(receiver.received).toHaveLength(1);
  deaf = false;
  await stuckJobs(["recover"], { env, cwd });
  expect(receiver.received).toHaveLength(4);
});
