import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { buildPlan } from "../../../src/cli/commands/init-plan.ts";
import { openUnconfigured } from "../../../src/cli/run/adapters.ts";
import { defaultPrompter, type Prompter } from "../../../src/cli/terminal/prompts.ts";
import { configurationKeys } from "../../../src/config/docs/reference.ts";
import { readEnvironment } from "../../../src/config/env/environment.ts";
import { resolveSettings } from "../../../src/config/resolve/resolve.ts";
import type { Settings } from "../../../src/config/settings.ts";
import { renderFile } from "../../../src/init/render-config.ts";
import { FULL_ACCESS } from "../../../src/sandbox/airtable/permissions.ts";
import type { BaseSchema, Field } from "../../../src/sandbox/airtable/schema.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { openWorld, realSchema, type World } from "../../e2e/world.ts";
import { HOUR } from "../../support/builders.ts";

const EXTERNAL = "0b8a3f52-6d0e-4f0e-9d59-0e3f3f1f3c11";

interface Answers {
  readonly interview?: Prompter;
  readonly table?: string;
  readonly storageUrl?: string;
}

/** The file that init would write for a base, asked over HTTP, and what it says. */
async function drawn(world: World, { interview = defaultPrompter(), table, storageUrl }: Answers = {}) {
  const {
    AIRTABLE_API_KEY: token = "",
    AIRTABLE_BASE_ID: baseId = "",
    AIRTABLE_ENDPOINT_URL: endpointUrl = "",
  } = world.env;
  const base = openUnconfigured({ baseId, token, endpointUrl, requestsPerSecond: 1_000 });
  try {
    const plan = await buildPlan({
      base,
      baseId,
      table: table ?? null,
      storageUrl: storageUrl ?? null,
      interview,
      say: () => undefined,
      clock: systemClock,
      signal: new AbortController().signal,
    });
    const text = renderFile(plan, { schema: "./schema.json", lines: ["by a test"] }, configurationKeys());
    return { plan, text, settings: settled(parse(text), world) };
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
    const { settings, text } = await drawn(world);
    const preset = settled({}, world);
    // What the base does not have is left out, and was of no consequence.
    const there = preset.operations.map((operation) => ({
      ...operation,
      target: { ...operation.target, links: operation.target.links.filter((link) => link !== "Related Segment Video") },
    }));
    expect(settings).toEqual({ ...preset, operations: there });
    expect(text.split("\n", 1)[0]).toBe("# yaml-language-server: $schema=./schema.json");
  });

  it("is explained, line by line, and completed by editors", async () => {
    const { text } = await drawn(await openWorld());
    const schema = readFileSync("schema/stuck-jobsrc.schema.json", "utf8");
    expect(text).toContain("externalId: External Job ID # The worker's id for the job");
    expect(text).toContain("stuckAfter: 5m # A job with one of the stuck statuses");
    expect(z.fromJSONSchema(JSON.parse(schema)).safeParse(parse(text)).error).toBeUndefined();
  });

  it("costs three or four requests", async () => {
    const world = await openWorld();
    await drawn(world);
    expect(world.requests.map(({ path }) => path.split("/").at(-1))).toEqual(["tables", "Jobs", "Jobs"]);
  });

  it("takes the place of the outputs from those on record", async () => {
    const { settings } = await drawn(await withVoiceover());
    expect(settings.storage.baseUrl).toBe("https://bucket.example.com/out");
  });

  it("takes no place from an output that is not called by its job's id, as a provider's own are", async () => {
    const world = await openWorld();
    const url = "https://storage.theapi.app/videos/281090763330498.mp4";
    const done = { Status: "completed", Type: "music", "External Job ID": EXTERNAL };
    world.job("recJob00000000001", { ...done, "Response Payload": `{'video_url': '${url}'}` }, HOUR);
    const { settings, text } = await drawn(world);
    expect(settings.storage.baseUrl).toContain("phi-bucket");
    expect(text).not.toContain("theapi.app");
  });

  it("takes the place that is given over those on record", async () => {
    const { settings } = await drawn(await withVoiceover(), { storageUrl: "https://other.example.com" });
    expect(settings.storage.baseUrl).toBe("https://other.example.com");
  });

  it("leaves a kind of work that it does not know to a person, with what the jobs tell", async () => {
    const { text, settings } = await drawn(await withVoiceover());
    expect(settings.operations.map(({ name }) => name)).toEqual(["combine", "concatenate", "add_music", "image_zoom"]);
    expect(text).toContain(
      [
        "  # TODO voiceover (2 jobs seen): fill in what is marked, then take out the comment signs.",
        "  # voiceover:",
        "  #   types: [voiceover]",
        '  #   outputs: ["{externalId}.mp3"]',
        "  #   target:",
        "  #     table: Segments",
        "  #     links: [Segments]",
        "  #     payloadKeys: [segment_id]",
        "  #   attachment: Voiceover # TODO: one of Voiceover, Image, Upscale Image, Video, Voiceover + Video",
      ].join("\n"),
    );
  });

  it("gives what a person finished as it stands", async () => {
    const world = await withVoiceover();
    const { text } = await drawn(world);
    const [written = "", todo = ""] = text.split(/(?= {2}# TODO voiceover)/);
    const finished = written + todo.replace(/^ {2}# (?!TODO)/gm, "  ");
    const voiceover = settled(parse(finished), world).operations.find(({ name }) => name === "voiceover");
    expect(voiceover).toMatchObject({ types: ["voiceover"], attachment: "Voiceover", target: { table: "Segments" } });
  });

  it("takes out an operation of the preset that the base has no place for", async () => {
    const schema = realSchema();
    for (const table of schema.tables) table.fields = table.fields.filter(({ name }) => name !== "Video + Music");
    const { text, settings } = await drawn(await openWorld({ schema }));
    expect(text).toContain("add_music: null # of the preset, and not for this base");
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

  it("finds the table, the fields and the statuses, starts from nothing, and guesses no operation", async () => {
    const { settings, text, plan } = await drawn(await renders(), { storageUrl: "https://bucket.example.com" });
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
    expect(settings.operations).toEqual([]);
    expect(text).toMatch(/# TODO trim \(1 job seen\)[\s\S]*# {5}table: Clips[\s\S]*# {3}attachment: File\n/);
  });

  it("needs to know where the outputs are", async () => {
    await expect(drawn(await renders())).rejects.toThrow(/^--storage-url: no default/);
  });

  it("needs to know which table has the jobs, where none looks like it", async () => {
    const schema = foreignSchema();
    schema.tables = schema.tables.filter(({ name }) => name === "Clips");
    await expect(drawn(await openWorld({ schema }))).rejects.toThrow(/^--table: .* \(Clips\)/);
  });

  it("takes the table that is named, or suggests the closest", async () => {
    const world = await renders();
    await expect(drawn(world, { table: "Render" })).rejects.toThrow(/Did you mean Renders\?/);
    await expect(drawn(world, { table: "Clips" })).rejects.toThrow(/no field that fits an external id/);
  });
});

describe("where the schema may not be read", () => {
  const NO_SCHEMA = { ...FULL_ACCESS, scopes: FULL_ACCESS.scopes.filter((scope) => scope !== "schema.bases:read") };

  it("says what to do when nobody can be asked", async () => {
    await expect(drawn(await openWorld({ access: NO_SCHEMA }))).rejects.toMatchObject({
      code: "auth",
      hint: expect.stringContaining("schema.bases:read"),
    });
  });

  it("asks for the names, with the preset's as proposals", async () => {
    const asked: string[] = [];
    const answering: Prompter = {
      ...defaultPrompter(),
      interactive: true,
      text: async (question, proposed) => {
        asked.push(question);
        return question.includes("table") ? "Work" : (proposed ?? "");
      },
    };
    const { settings } = await drawn(await openWorld({ access: NO_SCHEMA }), { interview: answering });
    expect(settings.jobs).toMatchObject({ table: "Work", fields: { status: "Status", notes: "Notes" } });
    expect(settings.operations).toHaveLength(4);
    expect(asked[0]).toBe("Which table holds the jobs?");
  });
});
