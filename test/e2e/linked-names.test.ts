import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import { type Access, FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { openWorld } from "./world.ts";

const CLIP = "recClip0000000001";
const JOB = "recJob00000000001";

function schemaWith(type: string) {
  const choices = ["processing", "completed", "failed"].map((name, n) => ({ id: `selStatus0000000${n}`, name }));
  return parseSchema({
    tables: [
      {
        id: "tblJobs0000000001",
        name: "Jobs",
        primaryFieldId: "fldTask0000000001",
        fields: [
          { id: "fldTask0000000001", name: "Task", type: "singleLineText" },
          { id: "fldStatus00000001", name: "Status", type: "singleSelect", options: { choices } },
          { id: "fldClip0000000001", name: "Clip", type },
          { id: "fldLog00000000001", name: "Log", type: "multilineText" },
        ],
      },
      {
        id: "tblClips000000001",
        name: "Clips",
        primaryFieldId: "fldName0000000001",
        fields: [
          { id: "fldName0000000001", name: "Name", type: "singleLineText" },
          { id: "fldCode0000000001", name: "Code", type: "singleLineText" },
          { id: "fldUrl00000000001", name: "Url", type: "url" },
        ],
      },
    ],
  });
}

/** A stuck job whose output exists and whose Clip field holds `cell`, and what runs a command over its base. */
async function namedWorld(
  cell: Json,
  { type = "singleLineText", key = "", access }: { type?: string; key?: string; access?: Access } = {},
) {
  const world = await openWorld({ schema: schemaWith(type), ...(access === undefined ? {} : { access }) });
  const cwd = folder();
  writeFileSync(
    join(cwd, ".stuck-jobsrc.yaml"),
    `
preset: none
jobs: { table: Jobs, fields: { status: Status, externalId: Task, notes: Log } }
operations:
  render: { outputs: ["{externalId}.mp4"], target: { table: Clips, links: [Clip]${key} }, deliver: { field: Url, as: url } }
`,
  );
  world.job(JOB, { Task: "t1", Clip: cell });
  world.output("t1.mp4");
  const clip = (id: string, fields: Readonly<Record<string, Json>>) =>
    world.base.upsert("Clips", { id, createdTime: "2026-01-01T00:00:00.000Z", fields });
  clip(CLIP, { Name: "Scene 7's end", Code: "S7" });
  const run = (...args: string[]) => stuckJobs(args, { cwd, env: world.env });
  const reasons = async (...args: string[]) =>
    reportIn((await run(...args, "-o", "json")).stdout).jobs.map(({ verdict, reason }) => `${verdict}: ${reason}`);
  return { world, clip, run, reasons, url: () => world.fields("Clips", CLIP).Url };
}

describe("a job that names its target by a text", () => {
  it.each<[string, Json, string]>([
    ["its name", "Scene 7's end", "singleLineText"],
    ["its name, with spaces around it", " Scene 7's end ", "singleLineText"],
    ["a lookup of its name", ["Scene 7's end"], "multipleLookupValues"],
    ["its id", CLIP, "singleLineText"],
  ])("is delivered into the record of %s", async (_, cell, type) => {
    const { world, reasons, url } = await namedWorld(cell, { type });
    expect(await reasons("recover")).toEqual(["recover: output-found"]);
    expect(url()).toBe(`${world.storageUrl}/t1.mp4`);
  });

  it("is delivered by another field than the primary one where target.key names it", async () => {
    const { world, reasons, url } = await namedWorld("S7", { key: ", key: Code" });
    expect(await reasons("recover")).toEqual(["recover: output-found"]);
    expect(url()).toBe(`${world.storageUrl}/t1.mp4`);
  });

  it.each([
    ["two records have", "skip: target-ambiguous"],
    ["none has", "skip: target-missing"],
  ])("is skipped where %s the name, and nothing is written", async (which, expected) => {
    const { world, clip, reasons } = await namedWorld(which === "none has" ? "Scene 8" : "Scene 7's end");
    clip("recClip0000000002", { Name: "Scene 7's end" });
    expect(await reasons("recover")).toEqual([expected]);
    expect(world.requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("is left alone where the name became another record's between listing and writing", async () => {
    const { world, clip, reasons, url } = await namedWorld("Scene 7's end");
    const handle = world.base.handle.bind(world.base);
    let reads = 0;
    world.base.handle = (request, now) => {
      const reply = handle(request, now);
      // After the listing's question for the name, the record is renamed and another one gets the name.
      if (request.path.endsWith("/Clips") && ++reads === 1) {
        clip(CLIP, { Name: "Scene 7, old" });
        clip("recClip0000000002", { Name: "Scene 7's end" });
      }
      return reply;
    };
    expect(await reasons("recover")).toEqual(["skip: changed-meanwhile"]);
    expect(url()).toBeUndefined();
  });

  it("needs no schema with target.key, and without one says what to set", async () => {
    const access: Access = { ...FULL_ACCESS, scopes: ["data.records:read", "data.records:write"] };
    const closed = await (await namedWorld("S7", { access })).run("recover");
    expect([closed.code, closed.stderr]).toEqual([2, expect.stringContaining("target.key")]);
    const { reasons } = await namedWorld("S7", { access, key: ", key: Code" });
    expect(await reasons("recover")).toEqual(["recover: output-found"]);
  });

  it("costs nothing where nothing is stuck", async () => {
    const { world, run } = await namedWorld("Scene 7's end");
    world.base.upsert("Jobs", {
      id: JOB,
      createdTime: "2026-01-01T00:00:00.000Z",
      fields: { Status: "completed", Task: "t1" },
    });
    expect((await run("recover")).code).toBe(0);
    expect(world.requests).toHaveLength(1);
  });
});
