import { describe, expect, it } from "vitest";
import { MINUTE } from "../support/builders.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, openWorld, type World } from "./world.ts";

const SEGMENT = "recSegs0000000001";
const FIELD = "Voiceover + Video";

function addJob(world: World, n: number, age: number) {
  const fields = { Type: "combine", "External Job ID": `e${n}`, Segments: [SEGMENT] };
  world.job(`recJobs000000000${n}`, fields, age);
}

/** The names of the files in the segment's field. */
function namesIn(world: World) {
  const cell = JSON.stringify(world.fields("Segments", SEGMENT)[FIELD] ?? []);
  return [...cell.matchAll(/"filename":"([^"]+)"/g)].map(([, name]) => name);
}

describe("of several jobs for one segment the newest wins", () => {
  it("also while it is too young to be stuck: the older one's output waits", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    addJob(world, 1, 30 * MINUTE);
    addJob(world, 2, 3 * MINUTE);
    world.output("e1_output_0.mp4");
    const { code, stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env });
    expect(code).toBe(0);
    expect(reportIn(stdout).jobs.map(({ id, reason }) => [id, reason])).toEqual([
      ["recJobs0000000001", "newer-job-undecided"],
    ]);
    expect(namesIn(world)).toEqual([]);
  });

  it("also with --job for the older one", async () => {
    const world = await openWorld();
    addSegment(world, SEGMENT);
    addJob(world, 1, 30 * MINUTE);
    addJob(world, 2, 10 * MINUTE);
    for (const n of [1, 2]) world.output(`e${n}_output_0.mp4`);
    const named = await stuckJobs(["recover", "--job", "e1", "-o", "json"], { env: world.env });
    expect(reportIn(named.stdout).jobs.map(({ reason }) => reason)).toEqual(["newer-job-undecided"]);
    await stuckJobs(["recover"], { env: world.env });
    expect(namesIn(world)).toEqual(["e2_output_0.mp4"]);
    expect(world.fields("Jobs", "recJobs0000000001").Notes).toContain("superseded by job recJobs0000000002");
  });

  it("also in a later sweep, where the older one's file was delivered first; a person's stays", async () => {
    const world = await openWorld();
    const cwd = folder();
    addSegment(world, SEGMENT);
    addJob(world, 1, 90 * MINUTE);
    addJob(world, 2, 10 * MINUTE);
    world.output("e1_output_0.mp4");
    await stuckJobs(["recover"], { env: world.env, cwd });
    expect(namesIn(world)).toEqual(["e1_output_0.mp4"]);
    world.output("e2_output_0.mp4");
    await stuckJobs(["recover"], { env: world.env, cwd });
    expect(namesIn(world)).toEqual(["e2_output_0.mp4"]);
    // A person replaces it by a trimmed one of the same name, and starts the job again.
    world.base.edit("Segments", SEGMENT, {
      [FIELD]: [{ id: "attPerson00000001", filename: "e2_output_0.mp4", size: 7, url: "https://airtable.example/p" }],
    });
    addJob(world, 3, 6 * MINUTE);
    world.output("e3_output_0.mp4");
    const { stdout } = await stuckJobs(["recover", "-o", "json"], { env: world.env, cwd });
    expect(reportIn(stdout).jobs.map(({ reason }) => reason)).toContain("target-occupied");
    expect(namesIn(world)).toEqual(["e2_output_0.mp4"]);
  });

  it("and explain gives the reasons of scan, by record id and by external id alike", async () => {
    const world = await openWorld();
    for (const [segment, newer] of [
      [SEGMENT, 10 * MINUTE],
      ["recSegs0000000002", MINUTE],
    ] as const) {
      addSegment(world, segment);
      for (const [n, age] of [30 * MINUTE, newer].entries()) {
        const id = `e-${segment}-${n}`;
        const fields = { Type: "combine", "External Job ID": id, Segments: [segment] };
        world.job(`recJobs${segment.slice(-9)}${n}`, fields, age);
        if (age > 5 * MINUTE) world.output(`${id}_output_0.mp4`);
      }
    }
    const scanned = await stuckJobs(["scan", "-o", "json"], { env: world.env });
    const { jobs } = reportIn(scanned.stdout);
    expect(jobs.map(({ reason }) => reason).sort()).toEqual(["newer-job-undecided", "output-found", "superseded"]);
    for (const { id, externalId, reason } of jobs) {
      const byId = await stuckJobs(["explain", id, "-o", "json"], { env: world.env });
      const byExternalId = await stuckJobs(["explain", externalId ?? "", "-o", "json"], { env: world.env });
      expect(JSON.parse(byId.stdout)).toMatchObject({ jobs: [{ id, reason, attachments: [] }] });
      expect(JSON.parse(byExternalId.stdout)).toMatchObject({ jobs: [{ id, reason, attachments: [] }] });
    }
  });
});
