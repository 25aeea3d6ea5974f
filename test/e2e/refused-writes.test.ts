import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Access, FULL_ACCESS } from "../../src/sandbox/airtable/permissions.ts";
import type { Reply, Request } from "../../src/sandbox/http.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { folder, stuckJobs } from "./cli.ts";
import { reportIn } from "./report.ts";
import { addSegment, addVideo, openWorld, realSchema, type World, type WorldOptions } from "./world.ts";

/** With the schema a run would find out beforehand: test/e2e/unwritable.test.ts. */
const NO_SCHEMA: Access = { ...FULL_ACCESS, scopes: ["data.records:read", "data.records:write"] };

const ATTACHMENT = "Voiceover + Video";
/** A batch is ten records; one goes ahead until the base has taken the status of a job. */
const FIRST_BATCH = 10;

/** Adds stuck combine jobs whose outputs exist. */
function addCombines(world: World, from: number, to: number, age = 10 * MINUTE): void {
  for (let n = from; n <= to; n += 1) {
    const number = String(n).padStart(3, "0");
    addSegment(world, `recSegment0000${number}`);
    const fields = { Type: "combine", "External Job ID": `job-${n}`, Segments: [`recSegment0000${number}`] };
    world.job(`recJob00000000${number}`, fields, age);
    world.output(`job-${n}_output_0.mp4`);
  }
}

function addConcatenation(world: World): void {
  addVideo(world, "recVideo000000001");
  const fields = { Type: "concatenate", "External Job ID": "v1", "Related Video": ["recVideo000000001"] };
  world.job("recJobVideo000001", fields);
  world.output("v1.mp4");
}

/** Adds a job that is due to be failed, and a completed one whose output shows where outputs are. */
function addDue(world: World): void {
  addSegment(world, "recSegmentDue0001");
  addSegment(world, "recSegmentDone001");
  const of = (id: string, segment: string) => ({ Type: "combine", "External Job ID": id, Segments: [segment] });
  world.job("recJobDone0000001", { ...of("done", "recSegmentDone001"), Status: "completed" }, 3 * HOUR);
  world.output("done_output_0.mp4");
  world.job("recJobDue00000001", of("due", "recSegmentDue0001"), 2 * HOUR);
}

function delivered(world: World): number {
  return world.base.records("Segments").filter(({ fields }) => fields[ATTACHMENT] !== undefined).length;
}

/** A run in a folder of its own, in which the journal stays from run to run. */
function runs(world: World, yaml = "{}", cwd = folder()) {
  writeFileSync(join(cwd, ".stuck-jobsrc.yaml"), yaml);
  return async (...args: readonly string[]) => {
    const before = world.requests.length;
    const ran = await stuckJobs(["recover", "-o", "json", ...args], { env: world.env, cwd });
    const report = ran.stdout === "" ? null : reportIn(ran.stdout);
    const errors = report?.jobs.flatMap(({ error }) => error ?? []) ?? [];
    return { ...ran, report, errors, requests: world.requests.slice(before) };
  };
}

/** Answers writes to a table with 403, which is what Airtable says to a token or user that may not edit it. */
function forbids(table: string, method = "PATCH"): NonNullable<WorldOptions["instead"]> {
  return (request: Request): Reply | undefined => {
    if (request.method !== method || !decodeURIComponent(request.path).includes(`/${table}`)) return undefined;
    const message = "You are not permitted to perform this operation";
    return {
      status: 403,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ error: { type: "INVALID_PERMISSIONS", message } }),
    };
  };
}

/** A base whose Jobs has no option "completed" yet, or whose Status is of a type that takes no value. */
async function worldWithStatus(change: "no-option" | "formula") {
  const schema = realSchema();
  const status = schema.tables.find(({ name }) => name === "Jobs")?.fields.find(({ name }) => name === "Status");
  if (status === undefined) throw new Error("no status");
  const { options } = status;
  if (change === "formula") status.type = "formula";
  else status.options = { choices: options?.choices?.filter(({ name }) => name !== "completed") ?? [] };
  const addOption = () => {
    status.options = options;
  };
  return { world: await openWorld({ schema, access: NO_SCHEMA }), addOption };
}

const NO_NOTES = "jobs: { fields: { notes: null } }";

describe("a status that the base refuses", () => {
  it.each([
    ["no-option", "completed"],
    ["formula", "Status"],
  ] as const)("(%s) ends the deliveries, in this run and the next, and is named", async (change, name) => {
    const { world } = await worldWithStatus(change);
    addCombines(world, 1, 100);
    const run = runs(world);
    const first = await run();
    expect(first.code).toBe(3);
    expect(first.errors.filter((error) => !error.includes(name))).toEqual([]);
    expect(first.report?.summary).toMatchObject({ recovered: 0, errors: 100 });
    const before = delivered(world);
    expect(before).toBeLessThanOrEqual(FIRST_BATCH);
    addCombines(world, 101, 110);
    const second = await run();
    expect(second.code).toBe(3);
    expect(second.report?.summary).toMatchObject({ recovered: 0, errors: 110 });
    expect(delivered(world)).toBe(before);
    expect(second.requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("is remembered in the notes where there is no journal", async () => {
    const { world } = await worldWithStatus("no-option");
    addCombines(world, 1, 40);
    const run = runs(world);
    await run("--journal", "none");
    const before = delivered(world);
    addCombines(world, 41, 50);
    const { requests } = await run("--journal", "none");
    expect(delivered(world)).toBe(before);
    expect(requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("costs one delivery where nothing remembers it, however often it is tried", async () => {
    const { world } = await worldWithStatus("no-option");
    addCombines(world, 1, 40);
    const run = runs(world, NO_NOTES);
    for (const _ of [1, 2, 3]) await run("--journal", "none");
    expect(delivered(world)).toBe(1);
  });

  it("is tried again with --force, and all jobs are completed once the option is there", async () => {
    const { world, addOption } = await worldWithStatus("no-option");
    addCombines(world, 1, FIRST_BATCH);
    const run = runs(world);
    await run();
    const { requests } = await run("--force");
    expect(requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
    addOption();
    expect((await run()).report?.summary).toMatchObject({ recovered: 0 });
    expect((await run("--force")).report?.summary).toMatchObject({ recovered: FIRST_BATCH, errors: 0 });
    addCombines(world, 11, 12);
    expect((await run()).report?.summary).toMatchObject({ recovered: 2, errors: 0 });
  });
});

describe("a table that the base refuses", () => {
  it.each(["PATCH", "GET"])(
    "(%s) costs its own jobs an error, and holds up no other delivery or failing",
    async (method) => {
      const world = await openWorld({ access: NO_SCHEMA, instead: forbids("Segments", method) });
      addCombines(world, 1, 15);
      addConcatenation(world);
      addDue(world);
      const { code, report, errors } = await runs(world)();
      expect(code).toBe(3);
      expect(report?.summary).toMatchObject({ recovered: 1, failed: 1, errors: 15 });
      expect(world.fields("Jobs", "recJobDue00000001").Status).toBe("failed");
      expect(world.fields("Videos", "recVideo000000001")["Combined Segments Video"]).toBeDefined();
      expect(errors[0]).toMatch(/field's and the table's editing permissions/);
    },
  );

  it("is the token where that may only read: exit 4, and nothing is delivered or failed", async () => {
    const scopes = ["data.records:read"] as const;
    const world = await openWorld({ access: { ...FULL_ACCESS, scopes } });
    addCombines(world, 1, 3);
    const { code, stderr } = await stuckJobs(["recover"], { env: world.env });
    expect(code).toBe(4);
    expect(stderr).toContain("data.records:write");
    expect(delivered(world)).toBe(0);
  });

  it("is all tables where the token is refused while a run writes: exit 4, and the next run does not wait", async () => {
    const instead: WorldOptions["instead"] = ({ method }) =>
      method === "PATCH"
        ? { status: 401, headers: {}, body: '{"error":{"type":"AUTHENTICATION_REQUIRED"}}' }
        : undefined;
    const world = await openWorld({ access: NO_SCHEMA, instead });
    addCombines(world, 1, 3);
    const run = runs(world);
    for (const _ of [1, 2]) {
      const { code, requests } = await run();
      expect([code, requests.filter(({ method }) => method === "PATCH").length]).toEqual([4, 1]);
    }
  });

  it("is named on stderr without a terminal, with the records and Airtable's words", async () => {
    const world = await openWorld({ access: NO_SCHEMA, instead: forbids("Segments") });
    addCombines(world, 1, 15);
    const { code, stdout, stderr } = await stuckJobs(["recover"], { env: world.env });
    expect(code).toBe(3);
    expect(stdout).toContain("15 errors");
    expect(stderr).toMatch(/1\d jobs \(recJob\d+, recJob\d+, recJob\d+, …\): .*"Segments".*You are not permitted/);
  });

  it("is not written again every two minutes", async () => {
    const world = await openWorld({ access: NO_SCHEMA, instead: forbids("Segments") });
    addCombines(world, 1, 15);
    const run = runs(world);
    await run();
    const { code, requests } = await run();
    expect(code).toBe(3);
    expect(requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("is the table of the jobs, notes included: without a journal one target a run gets its file", async () => {
    const world = await openWorld({ access: NO_SCHEMA, instead: forbids("Jobs") });
    addCombines(world, 1, 40);
    const run = runs(world);
    const { code } = await run("--journal", "none");
    expect(code).toBe(3);
    expect(delivered(world)).toBe(1);
    addCombines(world, 101, 160, 20 * MINUTE);
    await run("--journal", "none");
    expect(delivered(world)).toBeLessThanOrEqual(2);
  });
});

describe("a field that the base refuses", () => {
  it("is one with a value that is no option of it, and other operations go on", async () => {
    const world = await openWorld({ access: NO_SCHEMA });
    addCombines(world, 1, 15);
    addConcatenation(world);
    addDue(world);
    const run = runs(world, 'operations: { combine: { set: { Status: "no such status" } } }');
    const first = await run();
    expect(first.code).toBe(3);
    expect(first.errors[0]).toContain("no such status");
    expect(first.report?.summary).toMatchObject({ recovered: 1, failed: 1, errors: 15 });
    expect(delivered(world)).toBe(0);
    expect((await run()).requests.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  it("is an attachment field that takes no files, and is named", async () => {
    const schema = realSchema();
    for (const { name, fields } of schema.tables) {
      for (const each of fields) if (name === "Segments" && each.name === ATTACHMENT) each.type = "url";
    }
    const world = await openWorld({ schema, access: NO_SCHEMA });
    addCombines(world, 1, 3);
    const { code, errors } = await runs(world)();
    expect(code).toBe(3);
    expect(errors).toHaveLength(3);
    expect(errors[0]).toContain(ATTACHMENT);
  });
});
