import { describe, expect, it } from "vitest";
import * as z from "zod";
import { folder, type Ran, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { onTerminal } from "./terminal.ts";
import { addSegment, openWorld } from "./world.ts";

const runsDocument = z.strictObject({
  schema: z.literal("stuck-jobs/runs@1"),
  runs: z.array(
    z.strictObject({
      runId: z.string(),
      command: z.string(),
      startedAt: z.iso.datetime(),
      recovered: z.int(),
      failed: z.int(),
      undone: z.int(),
    }),
  ),
});

async function worldWithTwoJobs() {
  const world = await openWorld();
  const cwd = folder();
  for (const n of [1, 2]) {
    addSegment(world, `recSegs000000000${n}`);
    world.job(`recJobs000000000${n}`, {
      "External Job ID": `e${n}`,
      Type: "combine",
      Segments: [`recSegs000000000${n}`],
    });
    world.output(`e${n}_output_0.mp4`);
  }
  const cli = (...args: readonly string[]): Promise<Ran> => stuckJobs(args, { cwd, env: world.env });
  const runs = async () => runsDocument.parse(JSON.parse((await cli("runs", "-o", "json")).stdout)).runs;
  const recover = async (...flags: readonly string[]) => {
    return reportIn((await cli("recover", "-o", "json", ...flags)).stdout).runId;
  };
  return { world, cwd, cli, runs, recover };
}

describe("runs", () => {
  it("reads the journal without a token", async () => {
    const { world, cwd, recover } = await worldWithTwoJobs();
    const runId = await recover();
    const { AIRTABLE_API_KEY: _, ...env } = world.env;
    const { code, stdout, stderr } = await stuckJobs(["runs"], { cwd, env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(runId);
  });

  it("lists the runs that wrote, the newest first, with what was undone of each", async () => {
    const { cli, runs, recover } = await worldWithTwoJobs();
    expect(await runs()).toEqual([]);
    expect((await cli("runs")).stderr).toContain("no run has written yet");
    const first = await recover("--limit", "1");
    const second = await recover();
    await recover();
    await cli("undo", first);
    const [undo, ...rest] = await runs();
    expect(undo).toMatchObject({ command: "undo", recovered: 0, failed: 0, undone: 1 });
    expect(rest).toEqual([
      expect.objectContaining({ runId: second, command: "recover", recovered: 1, failed: 0, undone: 0 }),
      expect.objectContaining({ runId: first, command: "recover", recovered: 1, failed: 0, undone: 1 }),
    ]);
    const { stdout } = await cli("runs", "--limit", "2");
    expect(stdout.trimEnd().split("\n")).toHaveLength(3);
    expect(stdout).toContain(second);
    expect(stdout).not.toContain(first);
  });

  it("refuses a journal that is named and does not exist", async () => {
    const { cli } = await worldWithTwoJobs();
    expect(await cli("runs", "--journal", "none.ndjson")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("found no journal at"),
    });
  });
});

describe("undo without an id", () => {
  it("lists the runs that can be undone", async () => {
    const { cli, recover } = await worldWithTwoJobs();
    const runId = await recover();
    const { code, stderr } = await cli("undo");
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected the id of a run, or --job <id>")]);
    expect(stderr).toMatch(new RegExp(`${runId}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  recover  2 +0 +0`));
  });

  it("offers them on a terminal, and reverts the chosen one", async () => {
    const { world, cwd, recover } = await worldWithTwoJobs();
    const runId = await recover();
    const answers = [{ to: "Which run should be undone?", keys: "1\n" }];
    const { code, shown } = await onTerminal(["undo"], { env: world.env, cwd, answers });
    expect([code, shown]).toEqual([0, expect.stringContaining(`Undid run ${runId}`)]);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
  });

  it.each([
    ["none", "\n", 0],
    ["Ctrl+C", "\u0003", 130],
  ])("writes nothing after %s", async (_, keys, expected) => {
    const { world, cwd, recover } = await worldWithTwoJobs();
    await recover();
    const answers = [{ to: "Which run should be undone?", keys }];
    const { code, shown } = await onTerminal(["undo"], { env: world.env, cwd, answers });
    expect([code, shown]).toEqual([expected, expect.stringContaining("nothing was written")]);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("completed");
  });

  it("says what would be restored in a dry run", async () => {
    const { cli, recover } = await worldWithTwoJobs();
    const { stdout } = await cli("undo", await recover(), "--dry-run");
    expect(stdout).toMatch(/^would be restored {2}Jobs/);
    expect(stdout).toContain("4 records: 4 would be restored");
  });
});
