import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld, type World } from "./world.ts";

const line = z.object({ kind: z.string(), run: z.string(), write: z.number().optional(), role: z.string().optional() });

/** A base with so many jobs whose outputs are there. */
async function worldOf(jobs: number, options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options);
  for (let n = 0; n < jobs; n += 1) {
    const id = String(n).padStart(4, "0");
    addSegment(world, `recSegs000000${id}`);
    const fields = { Type: "combine", "External Job ID": `e${n}`, Segments: [`recSegs000000${id}`] };
    world.job(`recJobs000000${id}`, fields);
    world.output(`e${n}_output_0.mp4`);
  }
  return world;
}

/** The lines of all files of a journal; a torn one is kept as text. */
function linesIn(path: string) {
  return readdirSync(path)
    .filter((name) => name.startsWith("j.ndjson"))
    .flatMap((name) => readFileSync(join(path, name), "utf8").trimEnd().split("\n"))
    .map((text) => {
      try {
        return line.parse(JSON.parse(text));
      } catch {
        return { kind: "torn", run: text, write: undefined, role: undefined };
      }
    });
}

it("loses no line where the runs of two bases write to one journal at once, and set it aside meanwhile", async () => {
  const cwd = folder();
  const config = join(cwd, "c.yaml");
  writeFileSync(config, "journal: { path: j.ndjson, maxBytes: 10000, keep: 20 }\n");
  const worlds = [await worldOf(12), await worldOf(12)];
  const runs = worlds.map(async (world, n) => {
    // Their locks and their pace are their own; the journal is one.
    const state = join(cwd, `state-${n}`);
    mkdirSync(state);
    const env = { ...world.env, XDG_STATE_HOME: state, AIRTABLE_BASE_ID: "appE2e00000000001", TMPDIR: state };
    for (let run = 0; run < 3; run += 1) {
      const { code } = await stuckJobs(["recover", "--config", config, "--limit", "4"], { cwd, env });
      expect(code).toBe(0);
    }
  });
  await Promise.all(runs);
  const lines = linesIn(cwd);
  expect(lines.filter(({ kind }) => kind === "torn")).toEqual([]);
  const of = (kind: string) => lines.filter((each) => each.kind === kind).map(({ run, write }) => `${run} ${write}`);
  expect(new Set(of("write")).size).toBe(48);
  expect(of("write").toSorted()).toEqual(of("result").toSorted());
  expect(of("verdict")).toHaveLength(2 * 3 * 4);
  expect(readdirSync(cwd).filter((name) => name.startsWith("j.ndjson.")).length).toBeGreaterThan(1);
}, 60_000);

it("has everything that a run did which was killed between a write and its answer, and then the next run's writes", async () => {
  const cwd = folder();
  let kill: (signal: NodeJS.Signals) => void = () => undefined;
  const world = await worldOf(3, {
    after: (request, reply) => {
      if (request.method !== "PATCH" || !request.path.includes("Jobs")) return reply;
      kill("SIGKILL");
      return null;
    },
  });
  const args = ["recover", "--journal", "j.ndjson"];
  const killed = await stuckJobs(args, {
    cwd,
    env: world.env,
    started: (each) => {
      kill = each;
    },
  });
  expect(killed.signal).toBe("SIGKILL");
  kill = () => undefined;
  const writes = linesIn(cwd).filter(({ kind }) => kind === "write");
  expect(writes.map(({ role }) => role)).toEqual([...Array(3).fill("target"), ...Array(3).fill("job")]);
  writeFileSync(join(cwd, "j.ndjson"), '{"schema":"stuck-jobs/journal@1","kind":"wr', { flag: "a" });
  const undone = await stuckJobs(["undo", writes[0]?.run ?? "", "--journal", "j.ndjson"], { cwd, env: world.env });
  expect(undone.code).toBe(0);
  expect([0, 1, 2].map((n) => world.fields("Jobs", `recJobs000000000${n}`).Status)).toEqual(
    Array(3).fill("processing"),
  );
  const kinds = linesIn(cwd).map(({ kind }) => kind);
  expect(["torn", "write", "result"].map((kind) => kinds.filter((each) => each === kind).length)).toEqual([1, 12, 9]);
}, 60_000);
