import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ageJournals } from "./age-journal.ts";
import { type Ran, stuckJobs } from "./cli.ts";
import { aftermathOf, differences, STATE, startFrom, stateIn, violations } from "./final-state.ts";
import { reportIn } from "./report.ts";
import { chaos, type Served, serveHere, serveProcess } from "./sandbox-server.ts";

/** Stuck jobs with an output, and where it belongs. */
const OUTPUTS = new Map<string, readonly [table: string, id: string, field: string]>([
  ["recCombineLink001", ["Segments", "recSegment0000001", "Voiceover + Video"]],
  ["recConcatPlain001", ["Videos", "recVideo000000002", "Combined Segments Video"]],
  ["recFileThere00001", ["Segments", "recSegment0000013", "Voiceover + Video"]],
  ["recSuperseded0001", ["Segments", "recSegment0000016", "Voiceover + Video"]],
  ["recSuperseding001", ["Segments", "recSegment0000016", "Voiceover + Video"]],
]);

/** One that is to be failed, and one that is to wait. */
const OTHERS = ["recCombineLost001", "recCombineWaits01"];

const CONFIG = ".stuck-jobsrc.json";

/** Sweeps wait for their pace most of the time. */
const many = pLimit(8);
/** Those that meet a slow fault wait all the time. */
const waiting = pLimit(16);

const root = mkdtempSync(join(tmpdir(), "stuck-jobs-chaos-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The sandbox from which everything starts, and what is to become of it. */
const start = folder();
let expected: ReturnType<typeof aftermathOf>;
/** The requests of an undisturbed sweep, each as what a rule has to say to hit it wherever it comes in its turn. */
let requests: readonly Hit[];

interface Hit {
  readonly on: string;
  readonly method: string;
  readonly path: string;
  readonly nth: number;
}

beforeAll(async () => {
  const seeded = await serveHere(start);
  await seeded.stop();
  // One further name is enough to look under before a job is failed.
  writeFileSync(join(start, CONFIG), JSON.stringify({ storage: { otherNames: ["{externalId}_captioned.mp4"] } }));
  startFrom(start, stateIn(start), (id, status) => OUTPUTS.has(id) || OTHERS.includes(id) || status === "completed");

  const calm = folder();
  begin(calm);
  const served = await serveHere(calm, { do: "delay", by: "0ms" });
  const { code, stdout } = await sweep(calm, served);
  expect([code, reportIn(stdout).summary]).toMatchObject([0, { stuck: 7, recovered: 5, failed: 1, waiting: 1 }]);
  await served.stop();
  requests = hitsIn(served.faults);
  expected = aftermathOf(stateIn(calm));
});

describe("a sweep that is killed", () => {
  it.concurrent("at any of its requests, before or after it was carried out, is made good by the next one", async () => {
    const writes = requests.filter(({ method }) => method === "PATCH");
    expect(writes.length).toBeGreaterThanOrEqual(6);
    // A read changes nothing: for it, before and after are the same.
    const moments = [
      ...numbers(requests.length).map((nth) => ({ nth, when: "before" })),
      ...numbers(writes.length).map((nth) => ({ method: "PATCH", nth, when: "after" })),
    ];
    const wrong = await Promise.all(moments.map((moment) => many(() => killAt(moment))));
    expect(wrong.flat()).toEqual([]);
  }, 900_000);
});

async function killAt(moment: object): Promise<readonly string[]> {
  const cwd = folder();
  begin(cwd);
  let kill = (_: NodeJS.Signals) => {};
  const file = { name: "chaos.json", content: chaos({ do: "hang", ...moment }) };
  const served = await serveProcess(cwd, file, () => kill("SIGKILL"));
  const killed = await sweep(cwd, served, (given) => {
    kill = given;
  });
  // What was on its way then has arrived by now.
  ageJournals(cwd, 31_000);
  const next = await sweep(cwd, served);
  const stopped = await served.stop();
  return complaints(cwd, moment, [
    killed.signal === "SIGKILL" ? null : `it was not killed, but exits with ${killed.code}`,
    next.code === 0 ? null : `the next one exits with ${next.code}: ${next.stderr}`,
    stopped === 0 ? null : `the sandbox exits with ${stopped}`,
  ]);
}

/** Faults after which a sweep goes on at once, and those that it waits out for half a minute. */
const QUICK = {
  "a rate limit": { do: "answer", status: 429, headers: { "retry-after": "1" } },
  "a server's fault": { do: "answer", status: 503, body: "upstream gone" },
  "a page of HTML": { do: "answer", status: 200, headers: { "content-type": "text/html" }, body: "<html>welcome" },
  "a lost request": { do: "close", when: "before" },
  "a lost answer": { do: "close", when: "after" },
  "an answer that is too short": { do: "truncate", how: "content-length" },
  "an answer without an end": { do: "truncate", how: "chunked" },
  "a delay": { do: "delay", by: "600ms" },
};
const SLOW = {
  "an answer that stalls": { do: "hang", when: "midway" },
  "a rate limit of 30 seconds": { do: "answer", status: 429 },
};

/** How far apart the faults of one sweep are: it has to get on in between. */
const APART = 4;

describe("a sweep that meets faults at any of its requests makes no good job worse, and the next one finishes", () => {
  it.concurrent.each(Object.entries(QUICK))(
    "%s",
    async (_, fault) => {
      const groups = numbers(APART).map((n) => requests.filter((_, at) => at % APART === n - 1));
      const first = await Promise.all(groups.map((hits) => many(() => disturb(fault, hits))));
      // A fault may spare the sweep a request, such as those that fail a job: these get a sweep of their own.
      const spared = first.flatMap(({ missed }) => missed);
      const second = await Promise.all(spared.map((hit) => many(() => disturb(fault, [hit]))));
      expect([...first, ...second].flatMap(({ wrong }) => wrong)).toEqual([]);
      expect(second.flatMap(({ missed }) => missed)).toEqual([]);
    },
    900_000,
  );

  it.concurrent.each(Object.entries(SLOW))(
    "%s",
    async (_, fault) => {
      const ofBase = requests.filter(({ on }) => on === "base");
      const met = await Promise.all(ofBase.map((hit) => waiting(() => disturb(fault, [hit]))));
      expect(met.flatMap(({ wrong }) => wrong)).toEqual([]);
      expect(met.flatMap(({ missed }) => missed)).toEqual([]);
    },
    900_000,
  );
});

/** One sweep in which all of `hits` meet the fault, and, unless it came to its end all the same, a calm one after it. */
async function disturb(fault: object, hits: readonly Hit[]) {
  const cwd = folder();
  begin(cwd);
  const storm = await serveHere(cwd, ...hits.map((hit) => ({ ...fault, ...hit })));
  const first = await sweep(cwd, storm);
  await storm.stop();
  const after = stateIn(cwd);
  const open = differences(aftermathOf(after), expected);
  const wrong = [
    [0, 3, 5].includes(first.code ?? -1) ? null : `it exits with ${first.code}: ${first.stderr}`,
    ...violations(after, OUTPUTS).map((what) => `it leaves behind: ${what}`),
    ...(saysThatAllIsDone(first) ? open : []).map((what) => `it says that all is done, but: ${what}`),
  ];
  if (open.length > 0) {
    const calm = await serveHere(cwd);
    const next = await sweep(cwd, calm);
    await calm.stop();
    wrong.push(next.code === 0 ? null : `the next one exits with ${next.code}: ${next.stderr}`);
  }
  return {
    wrong: complaints(cwd, { fault, hits }, wrong),
    missed: hits.filter((_, index) => !storm.faults.some((line) => line.includes(`rules.${index}:`))),
  };
}

function saysThatAllIsDone({ code, stdout }: Ran): boolean {
  if (code !== 0) return false;
  const { summary, truncated } = reportIn(stdout);
  return summary.unknown === 0 && !truncated;
}

/** What the log of a sweep of which every request met a fault says of the requests. */
function hitsIn(log: readonly string[]): readonly Hit[] {
  const known = [...readFileSync(join(start, STATE), "utf8").matchAll(/[0-9a-f-]{36}/g)].map(([id]) => id);
  const hits: Hit[] = [];
  for (const line of log) {
    const [, on = "", method = "", path = ""] = /\((base|bucket)\): (\S+) (\S+)$/.exec(line) ?? [];
    // A calibration asks for a key of its own making, which is another one each time.
    const isRandom = on === "bucket" && !known.some((id) => path.includes(id));
    const what = { on, method, path: isRandom ? `^(?!.*(${[...new Set(known)].join("|")}))` : `^${path}$` };
    const before = hits.filter((hit) => hit.on === on && hit.method === method && hit.path === what.path);
    hits.push({ ...what, nth: before.length + 1 });
  }
  return hits;
}

/** What is wrong in a folder in which all is to be done. */
function complaints(cwd: string, met: unknown, found: readonly (string | null)[]): readonly string[] {
  const state = stateIn(cwd);
  const all = [
    ...found.filter((each) => each !== null),
    ...violations(state, OUTPUTS),
    ...differences(aftermathOf(state), expected),
  ];
  return all.map((what) => `${what} <- ${JSON.stringify(met)}`);
}

function sweep(
  cwd: string,
  { env }: Served,
  started: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
) {
  const paced = { ...env, STUCK_JOBS_AIRTABLE_RPS: "5" };
  return stuckJobs(["recover", "-o", "json", "--deadline", "10m"], { cwd, env: paced, started });
}

function begin(cwd: string): void {
  for (const file of [STATE, CONFIG]) copyFileSync(join(start, file), join(cwd, file));
}

function folder(): string {
  return mkdtempSync(join(root, "run-"));
}

function numbers(to: number): readonly number[] {
  return Array.from({ length: to }, (_, index) => index + 1);
}
