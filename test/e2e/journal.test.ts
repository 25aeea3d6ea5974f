import { appendFileSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folder, stuckJobs } from "./cli.ts";
import { addSegment, openWorld } from "./world.ts";

const JOURNAL = ".stuck-jobs-sandbox-journal.ndjson";

function linesOf(path: string) {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("the journal of a run", () => {
  it("holds field by field what was written, why, and the evidence", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    const lines = linesOf(join(cwd, JOURNAL));
    expect(new Set(lines.map(({ schema }) => schema))).toEqual(new Set(["stuck-jobs/journal@2"]));
    expect(new Set(lines.map(({ kind }) => kind))).toEqual(new Set(["write", "result", "run", "verdict"]));
    const target = lines.find(
      ({ kind, role, fields }) => role === "target" && kind === "write" && "Voiceover + Video" in fields,
    );
    expect(target).toMatchObject({
      fields: { Status: { after: "combined" }, "Voiceover + Video": { before: [], after: [{ id: null }] } },
      reason: "output-found",
      evidence: { probes: [{ result: "present", detail: "HTTP 200" }] },
    });
    const own = lines.find(({ kind, role, record }) => kind === "write" && role === "job" && record === target.job.id);
    expect(own.fields.status).toEqual({ before: "processing", after: "completed" });
    expect(own.note).toContain("rule output-found");
    expect(lines.indexOf(target)).toBeLessThan(lines.indexOf(own));
    expect(lines.filter(({ kind }) => kind === "verdict")).toHaveLength(25);
    // Attachments are named by file: their URLs open them to whoever reads along.
    expect(JSON.stringify(lines.map(({ fields }) => fields))).not.toMatch(/"url"/);
  });

  it("is not begun by a scan, a dry run, or a sweep that finds nothing to do", async () => {
    const cwd = folder();
    await stuckJobs(["scan", "--sandbox"], { cwd });
    await stuckJobs(["recover", "--sandbox", "-n"], { cwd });
    expect(existsSync(join(cwd, JOURNAL))).toBe(false);
    await stuckJobs(["recover", "--sandbox"], { cwd });
    const { size } = statSync(join(cwd, JOURNAL));
    await stuckJobs(["recover", "--sandbox"], { cwd });
    expect(statSync(join(cwd, JOURNAL)).size).toBe(size);
  });

  it("goes with the sandbox's reset", async () => {
    const cwd = folder();
    await stuckJobs(["recover", "--sandbox"], { cwd });
    await stuckJobs(["sandbox", "reset"], { cwd });
    expect(readdirSync(cwd).filter((name) => name.includes("sandbox"))).toEqual([]);
  });

  it("lies in the state folder, named by the base, unless it is off", async () => {
    const [world, cwd] = [await openWorld(), folder()];
    addSegment(world, "recSegs0000000001");
    world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
    world.output("e1_output_0.mp4");
    const off = await stuckJobs(["recover", "--journal", "none", "--limit", "1"], { cwd, env: world.env });
    expect([off.code, existsSync(join(cwd, ".state"))]).toEqual([0, false]);
    world.base.edit("Jobs", "recJobs0000000001", { Status: "processing", Notes: null });
    await stuckJobs(["recover"], { cwd, env: world.env });
    expect(readdirSync(join(cwd, ".state", "stuck-jobs"))).toEqual(["journal-appE2e00000000001.ndjson"]);
  });

  it("stops a run before it writes where it was asked for and cannot be written", async () => {
    const [world, cwd] = [await openWorld(), folder()];
    appendFileSync(join(cwd, "file"), "");
    addSegment(world, "recSegs0000000001");
    world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
    world.output("e1_output_0.mp4");
    const { code, stderr } = await stuckJobs(["recover", "--journal", "file/j.ndjson"], { cwd, env: world.env });
    expect(code).toBe(2);
    expect(stderr).toContain("the journal file/j.ndjson cannot be written");
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("processing");
    expect(world.requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("is left out where its folder cannot be made, which is logged with -v only", async () => {
    const [world, cwd] = [await openWorld(), folder()];
    appendFileSync(join(cwd, "file"), "");
    const env = { ...world.env, XDG_STATE_HOME: join(cwd, "file") };
    addSegment(world, "recSegs0000000001");
    world.job("recJobs0000000001", { Type: "combine", "External Job ID": "e1", Segments: ["recSegs0000000001"] });
    world.output("e1_output_0.mp4");
    const { code, stderr } = await stuckJobs(["recover"], { cwd, env });
    expect([code, stderr]).toEqual([0, ""]);
    expect(world.fields("Jobs", "recJobs0000000001").Status).toBe("completed");
    world.base.edit("Jobs", "recJobs0000000001", { Status: "processing", Notes: null });
    expect((await stuckJobs(["recover", "-v"], { cwd, env })).stderr).toContain("continuing without it");
  });
});
