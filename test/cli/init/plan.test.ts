import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import type { Answers } from "../../../src/cli/init/input.ts";
import { buildPlan } from "../../../src/cli/init/plan.ts";
import { openUnconfigured } from "../../../src/cli/run/adapters.ts";
import { defaultPrompter, type Prompter } from "../../../src/cli/terminal/prompts.ts";
import { configurationKeys } from "../../../src/config/docs/reference.ts";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { renderFull, renderShort } from "../../../src/init/render-config.ts";
import { FULL_ACCESS } from "../../../src/sandbox/airtable/permissions.ts";
import type { BaseSchema, Field } from "../../../src/sandbox/airtable/schema.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { addSegment, openWorld, realSchema, type World } from "../../e2e/world.ts";
import { HOUR } from "../../support/builders.ts";

const EXTERNAL = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";

const NOTHING_SAID: Answers = {
  table: null,
  preset: null,
  status: null,
  externalId: null,
  startedAt: null,
  stuck: null,
  completed: null,
  failed: null,
  operation: null,
  pattern: null,
  target: null,
  deliver: null,
  storage: null,
  storages: new Map(),
  runStorage: null,
};

/** The files that init would write for a base, asked over HTTP, and what it says. */
async function drawn(world: World, given: Partial<Answers> = {}, interview: Prompter = defaultPrompter()) {
  const {
    AIRTABLE_API_KEY: token = "",
    AIRTABLE_BASE_ID: baseId = "",
    AIRTABLE_ENDPOINT_URL: endpointUrl = "",
  } = world.env;
  const base = openUnconfigured({ baseId, token, endpointUrl, requestsPerSecond: 1_000 });
  const said: string[] = [];
  try {
    const { plan, example } = await buildPlan({
      source: { kind: "base", tables: base.metadata.tables, sample: base.readSample },
      baseId,
      answers: { ...NOTHING_SAID, ...given },
      interview,
      say: (line) => said.push(line),
      clock: systemClock,
      signal: new AbortController().signal,
    });
    const header = { schema: "./schema.json", lines: ["by a test"] };
    const short = renderShort(plan, header);
    const full = renderFull(plan, header, configurationKeys());
    return { plan, example, said, short, full, settings: settled(parse(short), world) };
  } finally {
    await base.close();
    expect(world.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  }
}

function settled(content: unknown, world: World): Settings {
  const { STUCK_JOBS_STORAGE_URL: _, ...env } = world.env;
  return resolveSettings({ path: null, content }, readEnvironment(env), {});
}

/** A world with a completed and a stuck job of a kind that nobody knows. */
async function withVoiceover(schema: BaseSchema = realSchema()) {
  const world = await openWorld({ schema });
  const fields = {
    Type: "voiceover",
    "External Job ID": EXTERNAL,
    "Request Payload": "{'segment_id': 'recSegment0000001'}",
  };
  const url = `https://bucket.example.com/out/${EXTERNAL}.mp3`;
  world.job(
    "recJob00000000001",
    { ...fields, Status: "completed", "Response Payload": `{"output_url": "${url}"}` },
    HOUR,
  );
  world.job("recJob00000000002", { ...fields, Segments: ["recSegment0000001"] }, HOUR);
  return world;
}

describe("on the base of the preset", () => {
  it("says what the preset says", async () => {
    const world = await openWorld();
    const { settings, short, full } = await drawn(world);
    expect(settings).toEqual(settled({}, world));
    expect(short.trim().split("\n")).toEqual([
      "# yaml-language-server: $schema=./schema.json",
      "# by a test",
      "preset: nca",
      `airtable: {baseId: ${world.env.AIRTABLE_BASE_ID}}`,
      "storage: {baseUrl: https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket}",
    ]);
    // What the base does not have is left out of the whole file, and was of no consequence.
    const preset = settled({}, world);
    const there = preset.operations.map((operation) => ({
      ...operation,
      target: { ...operation.target, links: operation.target.links.filter((link) => link !== "Related Segment Video") },
    }));
    expect(settled(parse(full), world)).toEqual({ ...preset, operations: there });
  });

  it("explains each key of the whole file, by a schema that editors know", async () => {
    const { short, full } = await drawn(await openWorld());
    const schema = z.fromJSONSchema(JSON.parse(readFileSync("schema/stuck-jobsrc.schema.json", "utf8")));
    expect(full).toContain("externalId: External Job ID # The worker's id for the job");
    expect(full).toContain("stuckAfter: 5m # A job with one of the stuck statuses");
    for (const text of [short, full]) expect(schema.safeParse(parse(text)).error).toBeUndefined();
  });

  it("takes the place of the outputs from those on record", async () => {
    const { settings, example } = await drawn(await withVoiceover());
    expect(settings.storage.baseUrl).toBe("https://bucket.example.com/out");
    expect(example).toBe(`https://bucket.example.com/out/${EXTERNAL}.mp3`);
  });

  it("takes no place from an output that is not called by its job's id, as a provider's own are", async () => {
    const world = await openWorld();
    const url = "https://storage.theapi.app/videos/281090763330498.mp4";
    const done = { Status: "completed", Type: "music", "External Job ID": EXTERNAL };
    world.job("recJob00000000001", { ...done, "Response Payload": `{'video_url': '${url}'}` }, HOUR);
    const { settings, short } = await drawn(world);
    expect(settings.storage.baseUrl).toContain("phi-bucket");
    expect(short).not.toContain("theapi.app");
  });

  it("takes the place that is given over those on record", async () => {
    const { settings } = await drawn(await withVoiceover(), { storage: "https://other.example.com" });
    expect(settings.storage.baseUrl).toBe("https://other.example.com");
  });

  it("leaves out a kind of work of which no field is known to receive the file, and says so", async () => {
    const { settings, said } = await drawn(await withVoiceover());
    expect(settings.operations.map(({ name }) => name)).toEqual(["combine", "concatenate", "add_music", "image_zoom"]);
    expect(said).toEqual(["Left out voiceover (2 jobs): several fields could receive its file."]);
  });

  it("adds a kind of work whose completed jobs show where its file goes", async () => {
    const world = await withVoiceover();
    const voiceover = [{ id: "att1", url: "https://x.test/1", filename: `${EXTERNAL}.mp3`, size: 1 }];
    addSegment(world, "recSegment0000002", { Voiceover: voiceover });
    const done = world.fields("Jobs", "recJob00000000001");
    const payload = "{'segment_id': 'recSegment0000002'}";
    world.job("recJob00000000001", { ...done, Segments: ["recSegment0000002"], "Request Payload": payload }, HOUR);
    const { settings } = await drawn(world);
    expect(settings.operations.find(({ name }) => name === "voiceover")).toMatchObject({
      types: ["voiceover"],
      outputs: [{ pattern: "{externalId}.mp3" }],
      target: { table: "Segments", links: ["Segments"], payloadKeys: ["segment_id"] },
      attachment: "Voiceover",
    });
  });

  it("takes out an operation of the preset that the base has no place for", async () => {
    const schema = realSchema();
    for (const table of schema.tables) table.fields = table.fields.filter(({ name }) => name !== "Video + Music");
    const { short, full, settings } = await drawn(await openWorld({ schema }));
    expect(short).toContain("operations:\n  add_music: null\n");
    expect(full).toContain("add_music: null # of the preset, and not for this base");
    expect(settings.operations.map(({ name }) => name)).toEqual(["combine", "concatenate", "image_zoom"]);
  });
});

/** A base that nobody has seen before: other tables, other names. */
function foreignSchema(): BaseSchema {
  const field = (id: string, name: string, type: string, options: Field["options"] = {}): Field => ({
    id,
    name,
    type,
    options,
  });
  const select = (...names: readonly string[]) => ({ choices: names.map((name) => ({ name })) });
  return {
    tables: [
      {
        id: "tblClips000000001",
        name: "Clips",
        primaryFieldId: "fldClipName000001",
        fields: [
          field("fldClipName000001", "Name", "singleLineText"),
          field("fldClipState00001", "State", "singleSelect", select("new", "ready")),
          field("fldClipFile000001", "File", "multipleAttachments"),
        ],
      },
      {
        id: "tblRenders0000001",
        name: "Renders",
        primaryFieldId: "fldRenderId000001",
        fields: [
          field("fldRenderId000001", "Render", "singleLineText"),
          field("fldRenderState001", "State", "singleSelect", select("queued", "In Progress", "Done", "Failed")),
          field("fldRenderTask0001", "Provider Task ID", "singleLineText"),
          field("fldRenderKind0001", "Kind", "singleSelect", select("trim", "zoom")),
          field("fldRenderInput001", "Input", "multilineText"),
          field("fldRenderOutput01", "Output", "multilineText"),
          field("fldRenderLog00001", "Log", "multilineText"),
          field("fldRenderClip0001", "Clip", "multipleRecordLinks", { linkedTableId: "tblClips000000001" }),
        ],
      },
    ],
  };
}

describe("on a base that nobody has seen before", () => {
  async function renders() {
    const world = await openWorld({ schema: foreignSchema() });
    const fields = { State: "In Progress", "Provider Task ID": EXTERNAL, Kind: "trim", Clip: ["recClip0000000001"] };
    world.base.upsert("Renders", { id: "recRender00000001", createdTime: new Date().toISOString(), fields });
    return world;
  }

  /** What cannot be learned without a completed job. */
  const GIVEN = { storage: "https://bucket.example.com/out", pattern: "{externalId}.mp4" };

  it("finds the table, the fields, the statuses and the only field for a file", async () => {
    const { settings, plan } = await drawn(await renders(), GIVEN);
    expect(plan.preset).toBe("none");
    expect(settings.jobs).toMatchObject({
      table: "Renders",
      fields: {
        status: "State",
        type: "Kind",
        externalId: "Provider Task ID",
        requestPayload: "Input",
        responsePayload: "Output",
        webhookUrl: null,
        error: null,
        notes: "Log",
      },
      stuckStatuses: ["In Progress"],
      completedStatus: "Done",
      failedStatus: "Failed",
    });
    expect(settings.operations).toMatchObject([
      { name: "render", isDefault: true, target: { table: "Clips", links: ["Clip"] }, attachment: "File" },
    ]);
  });

  it("needs no name and no place where the preset of a provider knows them", async () => {
    const world = await renders();
    world.env.REPLICATE_API_TOKEN = "r8_token";
    const { short, settings } = await drawn(world, { preset: "replicate" });
    expect(short).not.toContain("storage:");
    expect(settings.operations).toMatchObject([{ provider: "replicate", outputs: [], attachment: "File" }]);
  });

  it("names the preset of the provider on whose hosts the outputs are", async () => {
    const world = await renders();
    const fields = { State: "Done", "Provider Task ID": `${EXTERNAL}2`, Clip: ["recClip0000000001"] };
    const Output = '{"output": "https://replicate.delivery/xezq/out-0.mp4"}';
    world.base.upsert("Renders", {
      id: "recRender00000002",
      createdTime: new Date().toISOString(),
      fields: { ...fields, Output },
    });
    const { said } = await drawn(world, GIVEN);
    expect(said).toEqual([expect.stringContaining("--preset replicate")]);
  });

  it("names all that is missing at once", async () => {
    await expect(drawn(await renders())).rejects.toThrow(/^--pattern: no default.*\n--storage: no default/);
  });

  it("needs to know which table has the jobs, where none looks like it", async () => {
    const schema = foreignSchema();
    schema.tables = schema.tables.filter(({ name }) => name === "Clips");
    schema.tables.push({ ...structuredClone(schema.tables[0] ?? raise()), id: "tblOther", name: "Other" });
    await expect(drawn(await openWorld({ schema }))).rejects.toThrow(/^--table: .* \(Clips, Other\)/);
  });

  it("takes the table that is named, or suggests the closest", async () => {
    const world = await renders();
    await expect(drawn(world, { table: "Render" })).rejects.toThrow(/Did you mean Renders\?/);
    await expect(drawn(world, { table: "Clips" })).rejects.toThrow(
      /^--stuck: .*running job\? \(new, ready\).*\n--failed: /,
    );
  });

  it("refuses a field or a status that the table does not have", async () => {
    const world = await renders();
    await expect(drawn(world, { ...GIVEN, deliver: "Files" })).rejects.toThrow(/^--deliver: found "Files"; .*File/);
    await expect(drawn(world, { ...GIVEN, failed: "Broken" })).rejects.toThrow(/^--failed: .* expected one of queued/);
    await expect(drawn(world, { ...GIVEN, target: "Clip" })).rejects.toThrow(/^--target: .*Did you mean Clips/);
    await expect(drawn(world, { ...GIVEN, pattern: "a.mp4" })).rejects.toThrow(/^--pattern: expected a file name/);
  });
});

function raise(): never {
  throw new Error("the schema has no table");
}

describe("where the schema may not be read", () => {
  const NO_SCHEMA = { ...FULL_ACCESS, scopes: FULL_ACCESS.scopes.filter((scope) => scope !== "schema.bases:read") };

  it("says what to do when no table is named and nobody can be asked", async () => {
    await expect(drawn(await openWorld({ access: NO_SCHEMA }))).rejects.toMatchObject({
      code: "auth",
      hint: expect.stringContaining("--table"),
    });
  });

  it("learns the fields from the records of the table that is named", async () => {
    const world = await openWorld({ access: NO_SCHEMA, schema: foreignSchema() });
    const at = new Date().toISOString();
    for (const [n, State] of ["Done", "Done", "Failed", "In Progress"].entries()) {
      const id = `${EXTERNAL.slice(0, -1)}${n}`;
      const output = State === "Done" ? { Output: `{"output_url": "https://bucket.example.com/out/${id}.mp4"}` } : {};
      const fields = { State, "Provider Task ID": id, Clip: [`recClip000000000${n}`], ...output };
      world.base.upsert("Renders", { id: `recRender0000000${n}`, createdTime: at, fields });
      const file = [{ id: `att${n}`, url: "https://x.test/1", filename: `${id}.mp4`, size: 1 }];
      const clip = State === "Done" ? { File: file } : {};
      world.base.upsert("Clips", { id: `recClip000000000${n}`, createdTime: at, fields: { Name: "A", ...clip } });
    }
    const { settings } = await drawn(world, { table: "Renders", target: "Clips" });
    expect(settings).toMatchObject({
      jobs: {
        fields: { status: "State", externalId: "Provider Task ID", responsePayload: "Output" },
        stuckStatuses: ["In Progress"],
        completedStatus: "Done",
        failedStatus: "Failed",
      },
      storage: { baseUrl: "https://bucket.example.com/out" },
      operations: [{ outputs: [{ pattern: "{externalId}.mp4" }], target: { table: "Clips" }, attachment: "File" }],
    });
    await expect(drawn(world, { table: "Renders" })).rejects.toThrow(/^--deliver/);
    // Blank in all records: its name says what it holds.
    const unseen = await drawn(world, { table: "Renders", target: "self", deliver: "Public URL" });
    expect(unseen.settings.operations).toMatchObject([{ deliver: { field: "Public URL", as: "url" } }]);
  });

  it("asks for the table on a terminal", async () => {
    const asked: string[] = [];
    const answering: Prompter = {
      ...defaultPrompter(),
      interactive: true,
      text: async (question) => {
        asked.push(question);
        return "Jobs";
      },
    };
    await expect(drawn(await openWorld({ access: NO_SCHEMA }), {}, answering)).rejects.toThrow(/--status/);
    expect(asked).toEqual(["Which table holds the jobs?"]);
  });
});
