import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld } from "./world.ts";

const report = z.strictObject({
  schema: z.literal("stuck-jobs/undo@1"),
  runId: z.string(),
  version: z.string(),
  undoes: z.string(),
  dryRun: z.boolean(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  summary: z.strictObject({ restored: z.int(), asItWas: z.int(), changedSince: z.int(), cannot: z.int() }),
  records: z.array(
    z.strictObject({
      role: z.enum(["job", "target"]),
      table: z.string(),
      id: z.string(),
      job: z.string(),
      outcome: z.enum(["restored", "as-it-was", "changed-since", "cannot"]),
      detail: z.string(),
      fields: z.record(z.string(), z.object({ before: z.unknown(), after: z.unknown() })),
    }),
  ),
});

/** The records of the sandbox, without the notes. */
function recordsIn(cwd: string): unknown {
  const { base } = JSON.parse(readFileSync(join(cwd, ".stuck-jobs-sandbox.json"), "utf8"));
  return JSON.parse(JSON.stringify(base, (key, value) => (key === "Notes" ? undefined : value)));
}

async function worldWithOneStuckJob(options: Parameters<typeof openWorld>[0] = {}) {
  const [world, cwd] = [await openWorld(options), folder()];
  addSegment(world, "recSegs0000000001", { Status: "Voiceover Ready" });
  world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
  world.output("e1_output_0.mp4");
  const cli = (...args: string[]) => stuckJobs(args, { cwd, env: world.env });
  return { world, cwd, cli };
}

describe("stuck-jobs undo", () => {
  it("puts the whole sandbox back as it was before a recover, but for the notes", async () => {
    const cwd = folder();
    // The one webhook that arrives during a recover is not the run's: what it wrote stays.
    await stuckJobs(["recover", "--sandbox", "--job", "recWebhookComes01"], { cwd });
    const before = recordsIn(cwd);
    const { runId } = reportIn((await stuckJobs(["recover", "--sandbox", "-o", "json"], { cwd })).stdout);
    expect(recordsIn(cwd)).not.toEqual(before);
    const { code, stdout } = await stuckJobs(["undo", runId, "--sandbox", "-o", "json"], { cwd });
    const { summary } = report.parse(JSON.parse(stdout));
    expect([code, summary]).toEqual([0, { restored: 20, asItWas: 0, changedSince: 0, cannot: 0 }]);
    expect(recordsIn(cwd)).toEqual(before);
    const again = await stuckJobs(["undo", runId, "--sandbox"], { cwd });
    expect([again.code, again.stdout.match(/20 as-it-was/g)?.length]).toEqual([0, 1]);
  });

  it("is exit 2 where the state folder is a file, so that no journal could be written", async () => {
    const { world, cwd } = await worldWithOneStuckJob();
    const file = join(cwd, "state");
    writeFileSync(file, "");
    const env = { ...world.env, XDG_STATE_HOME: file };
    expect((await stuckJobs(["recover"], { cwd, env })).code).toBe(0);
    const { code, stderr } = await stuckJobs(["undo", "--job", "e1"], { cwd, env });
    expect([code, stderr]).toEqual([2, expect.stringContaining("found no journal at")]);
  });

  it("shows in a dry run what it then does", async () => {
    const { world, cli } = await worldWithOneStuckJob();
    await cli("recover");
    const dry = await cli("undo", "--job", "e1", "-n", "-o", "json");
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("completed");
    const real = await cli("undo", "--job", "e1", "-o", "json");
    const records = ({ stdout }: { stdout: string }) => report.parse(JSON.parse(stdout)).records;
    expect(records(real)).toEqual(records(dry));
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
    expect(world.fields("Segments", "recSegs0000000001")).toEqual({ Status: "Voiceover Ready" });
  });

  it("says what comes next of the jobs that are stuck again", async () => {
    const { cli } = await worldWithOneStuckJob();
    await cli("recover");
    const { stdout } = await cli("undo", "--job", "e1");
    expect(stdout).toContain("1 job is stuck again, with an age that counts from now.");
    expect(stdout).toContain("a sweep completes it after 5m if its output exists");
    expect((await cli("recover", "-o", "json")).stdout).toContain('"stuck": 0');
  });

  it("works where polling was switched off because of what it did", async () => {
    const { world, cwd, cli } = await worldWithOneStuckJob();
    await cli("recover");
    const env = { ...world.env, POLLING_ENABLED: "false" };
    expect((await stuckJobs(["undo", "--job", "e1"], { cwd, env })).code).toBe(0);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
  });

  it("puts a job and its file back in a base without notes and response payload, together or neither", async () => {
    const theirs = [{ id: "attPerson00000001", filename: "mine.mp4", size: 7, url: "https://airtable.example/p" }];
    for (const touched of [false, true]) {
      const { world, cwd, cli } = await worldWithOneStuckJob();
      const fields = { notes: null, responsePayload: null, error: null };
      writeFileSync(join(cwd, ".stuck-jobsrc.json"), JSON.stringify({ jobs: { fields } }));
      await cli("recover");
      expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("completed");
      if (touched) world.base.edit("Segments", "recSegs0000000001", { "Voiceover + Video": theirs });
      const { code } = await cli("undo", "--job", "e1");
      expect(code).toBe(touched ? 3 : 0);
      expect(world.fields("Jobs", "recJobs0000000001").Status).toBe(touched ? "completed" : "processing");
      expect(world.fields("Segments", "recSegs0000000001").Status).toBe(touched ? "combined" : "Voiceover Ready");
    }
  });

  it("exits with 3 where a record is not the run's any more", async () => {
    const { world, cli } = await worldWithOneStuckJob();
    await cli("recover");
    world.base.edit("Jobs", "recJobs0000000001", { "Response Payload": "{'by': 'hand'}" });
    const { code, stdout } = await cli("undo", "--job", "e1");
    expect(code).toBe(3);
    expect(stdout).toContain("changed-since");
    expect(world.fields("Segments", "recSegs0000000001")["Voiceover + Video"]).toHaveLength(1);
  });

  it("resolves by reading a write whose answer was lost", async () => {
    let patches = 0;
    const { world, cli } = await worldWithOneStuckJob({
      after: ({ method }, reply) => (method === "PATCH" && ++patches === 3 ? null : reply),
    });
    await cli("recover");
    const { code, stdout } = await cli("undo", "--job", "e1");
    expect([code, stdout.match(/^restored/gm)?.length]).toEqual([0, 2]);
    expect(String(world.fields("Jobs", "recJobs0000000001").Notes).match(/Undone by/g)).toHaveLength(1);
  });

  it("takes back what a run did that was killed before it came to the job", async () => {
    let kill: (signal: NodeJS.Signals) => void = () => undefined;
    const { world, cwd, cli } = await worldWithOneStuckJob({
      after: ({ method }, reply) => {
        if (method === "PATCH" && armed) kill("SIGKILL");
        return armed && method === "PATCH" ? null : reply;
      },
    });
    let armed = true;
    const started = (end: typeof kill) => {
      kill = end;
    };
    expect((await stuckJobs(["recover"], { cwd, env: world.env, started })).signal).toBe("SIGKILL");
    armed = false;
    expect(world.fields("Segments", "recSegs0000000001").Status).toBe("combined");
    expect((await cli("undo", "--job", "e1")).code).toBe(0);
    expect(world.fields("Segments", "recSegs0000000001")).toEqual({ Status: "Voiceover Ready" });
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
  });

  it("passes over the torn last line of a writer that was killed", async () => {
    const { world, cwd, cli } = await worldWithOneStuckJob();
    await cli("recover");
    const path = join(cwd, ".state", "stuck-jobs", "journal-appE2e00000000001.ndjson");
    appendFileSync(path, '{"schema":"stuck-jobs/journal@1","kind":"wri');
    expect((await cli("undo", "--job", "e1")).code).toBe(0);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
  });

  it("lists the last runs where the run id is unknown", async () => {
    const { cwd, cli } = await worldWithOneStuckJob();
    expect(await cli("undo")).toMatchObject({ code: 2, stderr: expect.stringContaining("found no journal at") });
    expect(await cli("undo", "nope")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("found no journal at"),
    });
    const { runId } = reportIn((await cli("recover", "-o", "json")).stdout);
    expect(await cli("undo", "nope")).toMatchObject({ code: 2, stderr: expect.stringContaining(runId) });
    const undone = report.parse(JSON.parse((await cli("undo", runId, "-o", "json")).stdout));
    expect((await cli("undo", undone.runId)).stderr).toContain(`reverted run ${runId}`);
    writeFileSync(join(cwd, "else.ndjson"), "not a journal\n");
    expect((await cli("undo", "nope", "--journal", "else.ndjson")).code).toBe(2);
  });
});
