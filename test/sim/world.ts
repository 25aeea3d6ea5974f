import { isObject } from "../../src/core/domain/json.ts";
import type { Json } from "../../src/sandbox/airtable/cells.ts";
import type { FakeAirtable } from "../../src/sandbox/airtable/fake-airtable.ts";
import { createBase } from "../../src/sandbox/airtable/fake-airtable.ts";
import { parseSchema } from "../../src/sandbox/airtable/schema.ts";
import schemaJson from "../../src/sandbox/seed/base-schema.json" with { type: "json" };
import { HOUR, SECOND } from "../support/builders.ts";
import { MemoryJournal } from "../support/journal.ts";
import { BYSTANDERS } from "./bystanders.ts";
import { SimClock } from "./clock.ts";
import { applyEvent } from "./external-actors.ts";
import { filesWith, OPERATIONS, type OperationName, operationNamed } from "./operations.ts";
import { keyFor, movedNamesOf, type Past } from "./places.ts";
import type { Random } from "./random.ts";
import { CALM, otherTarget, type Scenario, type SimJob, START } from "./scenario.ts";

export const BASE_ID = "appSim00000000001";
export const TOKEN = "patSim";
export const PLACE = "https://bucket.example/outputs";

type Operation = OperationName;

/** The real base's, with a date for when a job was begun. */
const SCHEMA = parseSchema({
  ...schemaJson,
  tables: schemaJson.tables.map((table) => {
    if (table.name !== "Jobs") return table;
    return { ...table, fields: [...table.fields, { id: "fldStarted0000001", name: "Started At", type: "dateTime" }] };
  }),
});

/** The base, the bucket, and all hands but the tool's. */
export class World {
  readonly clock = new SimClock(START);
  readonly base: FakeAirtable;
  /** Keys, with the moment since when the object is there, and its size. */
  readonly objects = new Map<string, { readonly since: number; readonly bytes: number }>();
  readonly scenario: Scenario;
  /** Whether the store writes a job and its target in one transaction. */
  readonly transactional: boolean;
  /** What happened, for a person who replays a seed. */
  readonly story: string[] = [];
  /** Who set each job's status last, as far as the record shows it. */
  readonly authors = new Map<string, "polling" | "other">();
  /** How often someone else opened a closed job, or closed it again. */
  readonly reopenings = new Map<string, number>();
  /** What the runners recorded of their writes. */
  readonly journal = new MemoryJournal();
  /** Called before someone else does something. */
  watch: () => void = () => undefined;
  readonly #random: Random;
  readonly #fetching = new Set<string>();

  constructor(scenario: Scenario, random: Random, transactional = false) {
    this.scenario = scenario;
    this.transactional = transactional;
    this.journal.now = () => this.clock.now();
    this.#random = random;
    this.base = createBase({
      schema: SCHEMA,
      baseId: BASE_ID,
      token: TOKEN,
      random: random.next,
      // A database takes what it is sent.
      ...(transactional ? { limit: null } : {}),
    });
    for (const name of scenario.outputs) this.put(name, START - HOUR);
    scenario.history.forEach((past, n) => void this.#addPast(past, n));
    for (const { table, output, ...record } of BYSTANDERS) {
      this.base.upsert(table, record);
      if (output !== null) this.put(output, START - HOUR);
    }
    for (const job of scenario.jobs) this.#addJob(job);
    for (const event of scenario.events) this.clock.after(event.at - START, () => applyEvent(event, this));
  }

  log(what: string): void {
    this.story.push(`${new Date(this.clock.now()).toISOString().slice(11)} ${what}`);
  }

  get calm(): boolean {
    return this.clock.now() >= CALM;
  }

  /** Whether the bucket answers nobody. */
  get blind(): boolean {
    const { blind } = this.scenario;
    return blind !== null && this.clock.now() >= blind.from && this.clock.now() < Math.min(blind.to, CALM);
  }

  tableOf({ operation }: { readonly operation: Operation }): "Segments" | "Videos" {
    return OPERATIONS[operation].table;
  }

  fieldOf({ operation }: { readonly operation: Operation }): string {
    return OPERATIONS[operation].field;
  }

  /** What a job's record says of itself now; undefined when it is gone. */
  job(id: string): JobNow | undefined {
    const record = this.base.record("Jobs", id);
    return record === undefined ? undefined : jobIn(record.id, record.fields);
  }

  put(name: string, since: number): void {
    this.objects.set(name, { since, bytes: 1000 + name.length });
  }

  /** What Airtable does after a write: it fetches the files, in its own time, and drops what it cannot get. */
  fetchAttachments(): void {
    for (const { attachmentId, url } of this.base.pendingAttachments()) {
      if (this.#fetching.has(attachmentId)) continue;
      this.#fetching.add(attachmentId);
      // Of a database nobody fetches files.
      const mayFail = !this.calm && !this.transactional;
      const dropped = mayFail && this.#random.chance(this.scenario.trouble.fetching);
      const cut = mayFail && this.#random.chance(this.scenario.trouble.truncating);
      const truncated = (bytes: number) => (cut ? Math.floor(bytes / 2) : bytes);
      this.clock.after(this.#random.whole(SECOND, this.scenario.trouble.fetchedWithin), () => {
        const object = this.objects.get(keyIn(url));
        const file =
          dropped || object === undefined ? null : { bytes: truncated(object.bytes), contentType: "video/mp4" };
        this.log(`Airtable ${file === null ? "drops" : "fetched"} ${url}`);
        this.base.completeAttachment(attachmentId, file);
      });
    }
  }

  /** What the application writes for "now" into the field for when a job was begun. */
  startedNow(now: number): string {
    return new Date(now + (this.scenario.startedAt ?? 0)).toISOString();
  }

  #addPast({ operation, createdAt, recorded }: Past, n: number): void {
    const externalId = `old-${n}-${operation}`;
    const key = keyFor({ operation, externalId, begun: createdAt }, this.scenario.moved, this.#random);
    const createdTime = new Date(createdAt).toISOString();
    const fields = {
      Status: "completed",
      Type: operation,
      "External Job ID": externalId,
      ...(recorded ? { "Response Payload": `{'output_url': '${PLACE}/${key}'}` } : {}),
      ...(this.scenario.startedAt === null ? {} : { "Started At": this.startedNow(createdAt) }),
    };
    this.base.upsert("Jobs", { id: `recOld${String(n).padStart(11, "0")}`, createdTime, fields });
    for (const file of filesWith(key)) this.put(file, createdAt);
  }

  /** What the application noted. Over a store with transactions jobs without notes are written as they were listed. */
  #notesOf(id: string): Cells {
    if (this.transactional && Number(id.at(-1)) % 2 === 0) return {};
    return { Notes: this.scenario.notes === "full" ? "n".repeat(99_900) : "made by the app" };
  }

  #addJob({ id, operation, targetId, createdAt, externalId }: SimJob): void {
    const createdTime = new Date(createdAt).toISOString();
    for (const target of [targetId, otherTarget(targetId)]) {
      this.base.upsert(OPERATIONS[operation].table, { id: target, createdTime, fields: {} });
    }
    this.authors.set(id, "other");
    this.base.upsert("Jobs", {
      id,
      createdTime,
      fields: {
        Status: "processing",
        Type: operation,
        "External Job ID": externalId,
        "Request Payload": payloadFor(operation, targetId),
        "Webhook URL": `https://app.example/hook?job=${id}`,
        ...(this.scenario.startedAt === null ? {} : { "Started At": this.startedNow(createdAt) }),
        ...this.#notesOf(id),
      },
    });
  }
}

export interface JobNow {
  readonly id: string;
  readonly status: string;
  readonly operation: Operation;
  readonly externalId: string;
  readonly targetId: string;
  readonly notes: string;
  readonly error: string;
  readonly response: string;
  /** By the base's own date, where it has one; else 0. */
  readonly startedAt: number;
}

/** What a job's fields say, as far as the world fills them. */
export function jobIn(id: string, fields: Readonly<Record<string, unknown>>): JobNow {
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
  const [targetId = ""] = /rec(?:Seg|Vid)\d{11}/.exec(text("Request Payload")) ?? [];
  return {
    id,
    status: text("Status"),
    operation: operationNamed(text("Type")),
    externalId: text("External Job ID"),
    targetId,
    notes: text("Notes"),
    error: text("Error Details"),
    response: text("Response Payload"),
    startedAt: Date.parse(text("Started At")) || 0,
  };
}

/** The names that an output of the job may have, in the order of probing. */
export function namesOf({ operation, externalId }: { operation: Operation; externalId: string }): readonly string[] {
  return OPERATIONS[operation].names(externalId).flat();
}

/** Whether an output is where the configuration looks: all files of one of the alternatives. */
export function hasOutput(job: { operation: Operation; externalId: string }, { objects }: World): boolean {
  return outputOf(job, objects) !== null;
}

/** The files that are the output; null where there is none, or only a part of it. */
export function outputOf(
  { operation, externalId }: { operation: Operation; externalId: string },
  objects: World["objects"],
): readonly string[] | null {
  const alternatives: readonly (readonly string[])[] = OPERATIONS[operation].names(externalId);
  return alternatives.find((files) => files.every((file) => objects.has(file))) ?? null;
}

/** Under which a worker may have put it against all that is configured, as the tool can find out. */
export function strangeNamesOf({ externalId }: { externalId: string }): readonly string[] {
  return [`${externalId}_captioned.mp4`, `${externalId}_v2.mp4`];
}

/** All keys that an output of the job may have, whatever is configured. */
export function keysOf(job: { operation: Operation; externalId: string }): readonly string[] {
  return [...namesOf(job), ...strangeNamesOf(job), ...movedNamesOf(job.externalId)];
}

export function payloadFor(operation: Operation, targetId: string): string {
  return `{'${OPERATIONS[operation].table === "Segments" ? "segment_id" : "video_id"}': '${targetId}'}`;
}

/** The key in an URL of a bucket. */
export function keyIn(url: string): string {
  return url.replace(/^https:..[^/]+.[^/]+./, "").replace(/\?.*$/, "");
}

/** The file name in an URL. */
export function fileIn(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1).replace(/\?.*$/, "");
}

/** The names of the files in an attachment cell, written or read; an entry that only names an id has none. */
export function filesIn(cell: unknown): readonly string[] {
  if (!Array.isArray(cell)) return [];
  return cell.flatMap((file: unknown) => {
    if (!isObject(file)) return [];
    if (typeof file.filename === "string") return [file.filename];
    return typeof file.url === "string" ? [fileIn(file.url)] : [];
  });
}

export type Cells = Readonly<Record<string, Json>>;
