import type { Json } from "../../src/sandbox/airtable/cells.ts";
import type { BaseSchema, Field } from "../../src/sandbox/airtable/schema.ts";
import { HOUR, MINUTE } from "../support/builders.ts";
import { openWorld, type World, type WorldOptions } from "./world.ts";

type Cells = Readonly<Record<string, Json>>;

/** A base that is not of the preset's shape, with a job whose output is there and one whose output was lost. */
export interface ForeignBase {
  readonly world: World;
  readonly table: string;
  /** Flags for what cannot be learned. */
  readonly flags: readonly string[];
}

/** Ids of the two stuck jobs of every base. */
export const [READY, LOST] = ["recReadyJob000001", "recLostJob0000001"];

/** A field before it has an id. */
interface NewField {
  readonly name: string;
  readonly type: string;
  readonly options?: Field["options"];
}

const text = (name: string, type = "singleLineText"): NewField => ({ name, type });
const select = (name: string, ...options: readonly string[]): NewField => ({
  name,
  type: "singleSelect",
  options: { choices: options.map((option) => ({ name: option })) },
});
const link = (name: string, linkedTableId: string): NewField => ({
  name,
  type: "multipleRecordLinks",
  options: { linkedTableId },
});

/** Builds a schema; the first field of a table is its primary one. */
export function schemaOf(tables: Readonly<Record<string, readonly NewField[]>>): BaseSchema {
  return {
    tables: Object.entries(tables).map(([name, fields]) => {
      const withIds = fields.map((field, n) => ({ id: `fld${name.replace(/\W/g, "")}${n}`, ...field }));
      return { id: tableId(name), name, primaryFieldId: withIds[0]?.id ?? "", fields: withIds };
    }),
  };
}

function tableId(name: string): string {
  return `tbl${name.replace(/\W/g, "")}`;
}

/** The ids of three completed jobs, of the one with an output, and of the lost one. */
const DONE = ["r-81c0aa", "r-52d9f1", "r-0e77b3"];
const [READY_ID, LOST_ID] = ["r-9934c2", "r-c0ffee"];

function put(world: World, table: string, id: string, age: number, fields: Cells): void {
  world.base.upsert(table, { id, createdTime: new Date(Date.now() - age).toISOString(), fields });
}

function attachment(id: string, filename: string): Json {
  return [{ id: `att${id}`, url: `https://v5.airtableusercontent.com/${id}/${filename}`, filename, size: 1_000_000 }];
}

const recordId = (prefix: string, n: number) => `rec${prefix}${String(n).padStart(14 - prefix.length, "0")}`;

async function foreignWorld(schema: BaseSchema, options: WorldOptions = {}): Promise<World> {
  const world = await openWorld({ ...options, schema });
  // The environment of somebody who has a token and a base, and no more.
  delete world.env.STUCK_JOBS_STORAGE_URL;
  return world;
}

/** One table: the file goes into an attachment field of the job. The bucket cannot be learned from attachments. */
export async function oneTable(): Promise<ForeignBase> {
  const table = "Thumbnails";
  const world = await foreignWorld(
    schemaOf({
      [table]: [
        text("Title"),
        select("State", "Queued", "Rendering", "Ready", "Failed"),
        text("Render ID"),
        text("Image", "multipleAttachments"),
        text("Reference", "multipleAttachments"),
      ],
    }),
  );
  const reference = { Reference: attachment("Ref", "mood.png") };
  DONE.forEach((id, n) => {
    const image = attachment(`Img${n}`, `${id}_thumb.jpg`);
    put(world, table, recordId("Done", n), (n + 3) * HOUR, {
      ...{ Title: `Cover ${n}`, State: "Ready", "Render ID": id },
      ...{ Image: image, ...reference },
    });
    world.output(`thumbs/${id}_thumb.jpg`);
  });
  const stuck = { State: "Rendering", ...reference };
  put(world, table, READY, 20 * MINUTE, { Title: "Ready", "Render ID": READY_ID, ...stuck });
  put(world, table, LOST, 3 * HOUR, { Title: "Lost", "Render ID": LOST_ID, ...stuck });
  world.output(`thumbs/${READY_ID}_thumb.jpg`);
  return { world, table, flags: ["--storage", `${world.storageUrl}/thumbs`] };
}

/** The link to the file is kept in a URL field of the job. */
export async function urlField(options: WorldOptions = {}): Promise<ForeignBase> {
  const table = "Render Tasks";
  const world = await foreignWorld(
    schemaOf({
      [table]: [
        text("Task ID"),
        select("Status", "In progress", "Done", "Error"),
        text("Video URL", "url"),
        text("Source URL", "url"),
        text("Error Details", "multilineText"),
        text("Log", "multilineText"),
      ],
    }),
    options,
  );
  const source = (id: string) => ({ "Source URL": `https://uploads.example.com/in/${id}.mov` });
  DONE.forEach((id, n) => {
    const url = `${world.storageUrl}/renders/${id}.mp4`;
    put(world, table, recordId("Done", n), (n + 3) * HOUR, {
      ...{ "Task ID": id, Status: "Done", "Video URL": url, ...source(id) },
    });
    world.output(`renders/${id}.mp4`);
  });
  put(world, table, READY, 20 * MINUTE, { "Task ID": READY_ID, Status: "In progress", ...source(READY_ID) });
  put(world, table, LOST, 3 * HOUR, { "Task ID": LOST_ID, Status: "In progress", ...source(LOST_ID) });
  world.output(`renders/${READY_ID}.mp4`);
  return { world, table, flags: [] };
}

/** Two kinds of work, each with a bucket of its own, whose files are in folders. */
export async function twoBuckets(): Promise<ForeignBase> {
  const table = "Work";
  const world = await foreignWorld(
    schemaOf({
      [table]: [
        text("Name"),
        select("Status", "running", "succeeded", "failed"),
        select("Kind", "Video", "Voice"),
        text("Worker ID"),
        link("Clip", tableId("Clips")),
        text("Input", "multilineText"),
        text("Order", "multilineText"),
        text("Response", "multilineText"),
      ],
      Clips: [text("Name"), text("Movie", "multipleAttachments"), text("Speech", "multipleAttachments")],
    }),
  );
  const kinds = [
    { kind: "Video", field: "Movie", key: (id: string) => `out/${id}/final.mp4`, url: world.storageUrl, n: 0 },
    { kind: "Voice", field: "Speech", key: (id: string) => `speech/${id}.mp3`, url: world.archiveUrl, n: 10 },
  ];
  const store = (kind: string, key: string) => {
    const bucket = kind === "Video" ? world.bucket : world.archive;
    bucket.put(key, { bytes: 1_000_000, contentType: "binary/octet-stream", lastModified: Date.now() - MINUTE });
  };
  // The payload and another text name files by the id as well, before there is an output.
  const inputs = (id: string) => ({
    Input: JSON.stringify({ source: `https://uploads.example.com/in/${id}.mov` }),
    Order: `see https://shop.example.com/orders/${id}.html`,
  });
  for (const { kind, field, key, url, n } of kinds) {
    DONE.forEach((done, index) => {
      const id = `${kind.toLowerCase()}-${done}`;
      const file = key(id).split("/").at(-1) ?? "";
      const clip = recordId("Clip", n + index);
      put(world, "Clips", clip, DAY, { Name: id, [field]: attachment(`${kind}${index}`, file) });
      put(world, table, recordId("Work", n + index), (index + 3) * HOUR, {
        ...{ Name: id, Status: "succeeded", Kind: kind, "Worker ID": id, Clip: [clip], ...inputs(id) },
        Response: JSON.stringify({ status: "succeeded", output_url: `${url}/${key(id)}` }),
      });
      store(kind, key(id));
    });
  }
  put(world, "Clips", recordId("Clip", 90), DAY, { Name: "ready" });
  put(world, "Clips", recordId("Clip", 91), DAY, { Name: "lost" });
  const ready = { Name: "ready", Status: "running", Kind: "Voice", "Worker ID": READY_ID, ...inputs(READY_ID) };
  put(world, table, READY, 20 * MINUTE, { ...ready, Clip: [recordId("Clip", 90)] });
  const lost = { Name: "lost", Status: "running", Kind: "Video", "Worker ID": LOST_ID, ...inputs(LOST_ID) };
  put(world, table, LOST, 3 * HOUR, { ...lost, Clip: [recordId("Clip", 91)] });
  store("Voice", `speech/${READY_ID}.mp3`);
  return { world, table, flags: [] };
}

const DAY = 24 * HOUR;

/** The external id is a lookup, and the target is named by its name in a text. */
export async function lookupsAndNames(): Promise<ForeignBase> {
  const table = "Exports";
  const world = await foreignWorld(
    schemaOf({
      [table]: [
        text("Export"),
        select("Stage", "Processing", "Complete", "Failed"),
        { name: "Run ID", type: "multipleLookupValues", options: {} },
        text("Album"),
      ],
      Albums: [text("Title"), text("Archive", "multipleAttachments")],
    }),
  );
  DONE.forEach((id, n) => {
    put(world, "Albums", recordId("Album", n), DAY, {
      Title: `Album ${n}`,
      Archive: attachment(`Zip${n}`, `${id}.zip`),
    });
    put(world, table, recordId("Done", n), (n + 3) * HOUR, {
      ...{ Export: `Export ${n}`, Stage: "Complete", "Run ID": [id], Album: `Album ${n}` },
    });
    world.output(`exports/${id}.zip`);
  });
  put(world, "Albums", recordId("Album", 90), DAY, { Title: "Ready" });
  put(world, "Albums", recordId("Album", 91), DAY, { Title: "Lost" });
  put(world, table, READY, 20 * MINUTE, { Stage: "Processing", "Run ID": [READY_ID], Album: "Ready" });
  put(world, table, LOST, 3 * HOUR, { Stage: "Processing", "Run ID": [LOST_ID], Album: "Lost" });
  world.output(`exports/${READY_ID}.zip`);
  return { world, table, flags: ["--storage", `${world.storageUrl}/exports/${DONE[0]}.zip`] };
}

/** A status, an id, and nothing that could receive a file. */
export async function statusOnly(): Promise<ForeignBase> {
  const table = "Transcodes";
  const world = await foreignWorld(schemaOf({ [table]: [text("Asset"), text("Status"), text("Job ID")] }));
  DONE.forEach((id, n) => {
    put(world, table, recordId("Done", n), (n + 3) * HOUR, { Asset: `a${n}`, Status: "done", "Job ID": id });
    world.output(`hls/${id}/index.m3u8`);
  });
  put(world, table, READY, 20 * MINUTE, { Asset: "ready", Status: "working", "Job ID": READY_ID });
  put(world, table, LOST, 3 * HOUR, { Asset: "lost", Status: "working", "Job ID": LOST_ID });
  world.output(`hls/${READY_ID}/index.m3u8`);
  const flags = ["--storage", `${world.storageUrl}/hls/${DONE[0]}/index.m3u8`, "--failed", "broken"];
  return { world, table, flags };
}
