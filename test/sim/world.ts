import type { Base } from "../../src/sandbox/base.ts";
import { createBase } from "../../src/sandbox/base.ts";
import { parseSchema } from "../../src/sandbox/schema.ts";
import schemaJson from "../../src/sandbox/seed/base-schema.json" with { type: "json" };
import { HOUR } from "../support/world.ts";
import { SimClock } from "./clock.ts";
import type { Random } from "./random.ts";
import { CALM, type Event, type Scenario, type SimJob, START } from "./scenario.ts";

export const BASE_ID = "appSim00000000001";
export const TOKEN = "patSim";
export const PLACE = "https://bucket.example/outputs";

const FIELD = { combine: "Voiceover + Video", concatenate: "Combined Segments Video" } as const;
const TABLE = { combine: "Segments", concatenate: "Videos" } as const;

/** The base, the bucket, and all hands but the tool's. */
export class World {
  readonly clock = new SimClock(START);
  readonly base: Base;
  /** File names, with the moment since when the object is there, and its size. */
  readonly objects = new Map<string, { readonly since: number; readonly bytes: number }>();
  readonly scenario: Scenario;
  readonly #random: Random;

  constructor(scenario: Scenario, random: Random) {
    this.scenario = scenario;
    this.#random = random;
    this.base = createBase({
      schema: parseSchema(schemaJson),
      baseId: BASE_ID,
      token: TOKEN,
      random: random.next,
    });
    for (const name of scenario.outputs) this.#put(name, START - HOUR);
    if (scenario.history) this.#addHistory();
    for (const job of scenario.jobs) this.#addJob(job);
    for (const event of scenario.events) this.clock.after(event.at - START, () => this.#happen(event));
  }

  /** What happened, for a person who replays a seed. */
  readonly story: string[] = [];

  tell(what: string): void {
    this.story.push(`${new Date(this.clock.now()).toISOString().slice(11)} ${what}`);
  }

  get calm(): boolean {
    return this.clock.now() >= CALM;
  }

  tableOf(job: Pick<SimJob, "operation">): "Segments" | "Videos" {
    return TABLE[job.operation];
  }

  fieldOf(job: Pick<SimJob, "operation">): string {
    return FIELD[job.operation];
  }

  /** What Airtable does after a write: it fetches the files, in its own time, and drops what it cannot get. */
  fetchAttachments(): void {
    for (const { attachmentId, url } of this.base.pendingAttachments()) {
      if (this.#fetching.has(attachmentId)) continue;
      this.#fetching.add(attachmentId);
      const dropped = !this.calm && this.#random.chance(this.scenario.trouble.fetching);
      this.clock.after(this.#random.whole(1_000, 20_000), () => {
        const object = this.objects.get(url.slice(url.lastIndexOf("/") + 1));
        const file = dropped || object === undefined ? null : { bytes: object.bytes, contentType: "video/mp4" };
        this.tell(`Airtable ${file === null ? "drops" : "fetched"} ${url}`);
        this.base.settleAttachment(attachmentId, file);
      });
    }
  }
  readonly #fetching = new Set<string>();

  #put(name: string, since: number): void {
    this.objects.set(name, { since, bytes: 1000 + name.length });
  }

  #addHistory(): void {
    for (const [type, name] of [
      ["combine", "old-combine_output_0.mp4"],
      ["concatenate", "old-concatenate.mp4"],
    ] as const) {
      const id = `recOld${type.padEnd(11, "0")}`;
      const externalId = `old-${type}`;
      const createdTime = new Date(START - 5 * HOUR).toISOString();
      const fields = {
        Status: "completed",
        Type: type,
        "External Job ID": externalId,
        "Response Payload": `{'output_url': '${PLACE}/${name}'}`,
      };
      this.base.upsert("Jobs", { id, createdTime, fields });
      this.#put(name, START - 5 * HOUR);
    }
  }

  #addJob({ id, operation, targetId, createdAt, externalId }: Scenario["jobs"][number]): void {
    const createdTime = new Date(createdAt).toISOString();
    const key = operation === "combine" ? "segment_id" : "video_id";
    this.base.upsert(TABLE[operation], { id: targetId, createdTime, fields: {} });
    this.base.upsert("Jobs", {
      id,
      createdTime,
      fields: {
        Status: "processing",
        Type: operation,
        "External Job ID": externalId,
        "Request Payload": `{'${key}': '${targetId}'}`,
        Notes: this.scenario.notes === "full" ? "n".repeat(99_900) : "made by the app",
      },
    });
  }

  #happen(event: Event): void {
    this.tell(`${event.kind} ${"job" in event ? event.job.id : event.fileName}`);
    if (event.kind === "output") {
      this.#put(event.fileName, event.at);
      return;
    }
    const { job } = event;
    const record = this.base.record("Jobs", job.id);
    if (record === undefined) return;
    switch (event.kind) {
      case "webhook-success": {
        // The application's handler knows nothing of polling: it writes whatever the state is.
        if (!this.objects.has(event.fileName)) return;
        const file = {
          id: `attHook${this.#random.whole(1e9, 9e9)}`,
          url: "https://airtable.example/f",
          filename: event.fileName,
          size: this.objects.get(event.fileName)?.bytes ?? 0,
        };
        const target = this.base.record(TABLE[job.operation], job.targetId);
        if (target !== undefined)
          this.base.edit(TABLE[job.operation], job.targetId, { [FIELD[job.operation]]: [file] });
        this.base.edit("Jobs", job.id, {
          Status: "completed",
          "Response Payload": `{'output_url': '${PLACE}/${event.fileName}'}`,
        });
        return;
      }
      case "webhook-failure":
        if (record.fields.Status === "processing")
          this.base.edit("Jobs", job.id, { Status: "failed", "Error Details": "ffmpeg died" });
        return;
      case "rerun":
        this.base.edit("Jobs", job.id, { Status: "processing", "External Job ID": event.externalId });
        return;
      case "edit-notes":
        this.base.edit("Jobs", job.id, { Notes: `${record.fields.Notes ?? ""}\nseen by a person` });
        return;
      case "set-status":
        this.base.edit("Jobs", job.id, { Status: event.status });
        return;
      case "delete-job":
        this.base.remove("Jobs", job.id);
        return;
      case "delete-target":
        this.base.remove(TABLE[job.operation], job.targetId);
        return;
      case "occupy-target": {
        const file = { id: "attHuman", url: "https://airtable.example/h", filename: "by hand.mp4", size: 5 };
        if (this.base.record(TABLE[job.operation], job.targetId) !== undefined) {
          this.base.edit(TABLE[job.operation], job.targetId, { [FIELD[job.operation]]: [file] });
        }
        return;
      }
    }
  }
}
