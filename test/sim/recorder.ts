import { isObject } from "../../src/core/domain/json.ts";
import { COMPLETED_PREFIX, FAILED_PREFIX } from "../../src/core/domain/notes.ts";
import type { Command, Report } from "../../src/core/domain/report.ts";
import type { Reply } from "../../src/sandbox/http.ts";
import type { ApiRequest } from "../../src/stores/airtable/client.ts";
import { MINUTE } from "../support/builders.ts";
import { BYSTANDERS } from "./bystanders.ts";
import { brokenByPost, checkWriteInvariants, isAsListed } from "./invariants.ts";
import { OPERATION_NAMES, OPERATIONS, type OperationName } from "./operations.ts";
import type { RunnerOptions } from "./runner.ts";
import { type Sight, sightOf } from "./suspicion.ts";
import { filesIn, type World } from "./world.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a runner read of a record right before it may write it. */
export interface Read {
  /** When the answer reached it. */
  readonly at: number;
  /** Which of the runner's requests it was. */
  readonly request: number;
  readonly fields: Fields;
  /** Who had set the job's status by then. */
  readonly author: "polling" | "other" | undefined;
}

/** What a runner is known to have seen. */
export interface Knowledge {
  readonly name: string;
  readonly command: Command;
  readonly reads: Map<string, Read>;
  /** Records that were in its listings, as they were in the first. */
  readonly listed: Map<string, Fields>;
  /** Records as each answer showed them: a listing of jobs that a person named asks for them by their ids. */
  readonly shown: Map<string, Fields[]>;
  /** By file name, the last probe that was answered. */
  readonly probeGroups: Map<string, { readonly at: number; readonly seen: boolean; readonly blind: boolean }>;
  /** When it saw an output: it was not shut out then. */
  readonly sights: number[];
  /** By external id. */
  readonly listings: Map<string, number>;
  /** External ids of which the provider said that they failed, or are at work. */
  readonly failedByProvider: Set<string>;
  readonly runningByProvider: Set<string>;
  /** Jobs that it closed, with how often it sent that write. */
  readonly closed: Map<string, number>;
  /** How far its clock is ahead, in ms. */
  readonly skew: number;
  readonly mayWrite: boolean;
  readonly options: Entered;
  /** Jobs that a person agreed to, and those that they declined. */
  readonly agreed: Set<string>;
  readonly declined: Set<string>;
  /** What was to be seen of each operation's outputs when it began. */
  readonly sight: ReadonlyMap<OperationName, Sight>;
  requests: number;
  /** When it began. */
  readonly beganAt: number;
  /** Whether a run that came to its end had been refused a completion before it began. */
  readonly knowsRefusal: boolean;
  /** Whether it was refused the completion of a job for want of the option. */
  refused: boolean;
}

/** What a runner was started with. */
export type Entered = Pick<
  RunnerOptions,
  "name" | "command" | "dryRun" | "skew" | "limit" | "named" | "only" | "force" | "confirm"
>;

/** One record of a write. */
export interface Written {
  readonly id: string;
  readonly fields: Fields;
}

/** What a write is judged by. */
export interface Scene {
  readonly world: World;
  readonly known: Knowledge;
  readonly sentAt: number;
  /** `<target> <file name>` for each file that was ever in a target's cell. */
  readonly delivered: ReadonlySet<string>;
  /** The ids of the attachments that runners wrote. */
  readonly ownFiles: ReadonlySet<string>;
  /** Jobs of that operation that stand failed although their output exists, those of this request included. */
  wronglyFailed(operation: string): number;
}

/**
 * Watches every request as it is carried out, and holds the promises against it. It knows the world as it is, and
 * what each runner read; it shares no code with what decides.
 */
export class Recorder {
  readonly violations: string[] = [];
  readonly #world: World;
  readonly #runners = new Map<string, Knowledge>();
  readonly #delivered = new Set<string>();
  readonly #ownFiles = new Set<string>();
  readonly #wronglyFailed = new Set<string>();
  /** When the webhook of a job was sent again, by job and external id. */
  readonly #posts = new Map<string, number>();
  #refusalIsKnown = false;

  constructor(world: World) {
    this.#world = world;
    // A file that was there for a moment between two requests was delivered all the same.
    world.watch = () => this.#noteDeliveries();
  }

  enter(options: Entered): void {
    const { name, skew, command, dryRun } = options;
    this.#runners.set(name, {
      name,
      skew,
      command,
      options,
      mayWrite: command !== "scan" && !dryRun,
      agreed: new Set(),
      declined: new Set(),
      sight: new Map(OPERATION_NAMES.map((each) => [each, sightOf(each, this.#world)])),
      reads: new Map(),
      listed: new Map(),
      shown: new Map(),
      probeGroups: new Map(),
      sights: [],
      listings: new Map(),
      failedByProvider: new Set(),
      runningByProvider: new Set(),
      closed: new Map(),
      requests: 0,
      beganAt: this.#world.clock.now(),
      // A person wants it tried again; by a clock that is wrong the hour may be over.
      knowsRefusal: this.#refusalIsKnown && !options.force && Math.abs(skew) < 30 * MINUTE,
      refused: false,
    });
  }

  probed(runner: string, fileName: string, { there, blind }: { there: boolean; blind: boolean }): void {
    const { probeGroups, sights } = this.#known(runner);
    const { clock } = this.#world;
    const seen = there && !blind;
    if (seen) sights.push(clock.now());
    probeGroups.set(fileName, { at: clock.now(), seen, blind });
  }

  answered(runner: string, jobId: string, answer: "yes" | "no"): void {
    const { agreed, declined } = this.#known(runner);
    (answer === "yes" ? agreed : declined).add(jobId);
  }

  listed(runner: string, externalId: string): void {
    this.#known(runner).listings.set(externalId, this.#world.clock.now());
  }

  asked(runner: string, externalId: string, answer: "failed" | "running" | "other"): void {
    const { failedByProvider, runningByProvider } = this.#known(runner);
    failedByProvider.delete(externalId);
    runningByProvider.delete(externalId);
    if (answer === "failed") failedByProvider.add(externalId);
    if (answer === "running") runningByProvider.add(externalId);
  }

  /** The application is asked to complete a job: that is a write like any other. */
  posted(runner: string, jobId: string, externalId: string, fileNames: readonly string[], sentAt: number): void {
    const key = `${jobId} ${externalId}`;
    // Two runs at the same time, on machines that do not see each other's journal, may both send it.
    const before = this.#posts.get(key);
    if (before !== undefined && before < this.#known(runner).beganAt) {
      this.violations.push(`${runner} posts a webhook that was sent before: ${key}`);
    }
    this.#posts.set(key, before ?? sentAt);
    const broken = brokenByPost(jobId, fileNames, { known: this.#known(runner), sentAt });
    this.violations.push(...broken.map((what) => `${runner} ${what}: ${jobId} ${fileNames.join(", ")}`));
  }

  /** What a report says against what its run did. */
  reported(runner: string, { entries, truncated }: Report): void {
    const { closed, refused } = this.#known(runner);
    if (refused && !truncated) this.#refusalIsKnown = true;
    for (const { id, applied, error, verdict } of entries) {
      const times = closed.get(id) ?? 0;
      // A run that was cut off cannot report it, nor one whose answer was lost and whose work someone else, or another
      // run, has undone before it could read.
      const others = [...this.#runners.values()].some((each) => each.name !== runner && each.closed.has(id));
      const undone = this.#world.reopenings.has(id) || this.#world.job(id) === undefined;
      const explained = applied || truncated || others || undone;
      if (times > 0 && !explained)
        this.violations.push(`${runner} closed ${id} and says ${verdict.reason} ${error ?? ""}`);
    }
  }

  /** A transaction finds a job as it was listed, and that counts as reading it. Checks that it is so. */
  foundAsListed(runner: string, jobId: string): void {
    const known = this.#known(runner);
    const now = this.#world.base.record("Jobs", jobId)?.fields ?? {};
    const fields = known.shown.get(jobId)?.find((listed) => isAsListed(now, listed, this.#world));
    if (fields === undefined) {
      this.violations.push(`${runner} takes a job as it was listed, and it has changed: ${jobId}`);
      return;
    }
    const author = this.#world.authors.get(jobId);
    known.reads.set(jobId, { at: this.#world.clock.now(), request: known.requests, fields, author });
  }

  /** Checks a request right before it is carried out, and carries it out. `arrive` is called when the answer arrives. */
  carriedOut(
    runner: string,
    request: ApiRequest,
    sentAt: number,
    act: () => Reply,
  ): { readonly reply: Reply; readonly arrive: () => void } {
    const known = this.#known(runner);
    known.requests += 1;
    this.#noteDeliveries();
    const [, table = ""] = request.path.split("/");
    const writes = request.method === "PATCH" ? recordsOf(request.body) : [];
    const failing = new Set<string>();
    const scene: Scene = {
      world: this.#world,
      known,
      sentAt,
      delivered: this.#delivered,
      ownFiles: this.#ownFiles,
      wronglyFailed: (operation) => this.#standing(operation, failing),
    };
    const complaints = writes.flatMap((written) => {
      const { broken, wronglyFails } = checkWriteInvariants(table, written, scene);
      if (wronglyFails) failing.add(written.id);
      const about = `${table} ${written.id} ${JSON.stringify(written.fields).slice(0, 200)}`;
      return broken.map((what) => `${runner} ${what}: ${about}`);
    });
    const reply = act();
    this.#tellStory(runner, request, reply);
    if (reply.body.includes("INVALID_MULTIPLE_CHOICE_OPTIONS")) {
      return {
        reply,
        arrive: () => {
          known.refused = true;
        },
      };
    }
    if (reply.status !== 200) return { reply, arrive: () => undefined };
    if (known.knowsRefusal && table !== "Jobs" && writes.length > 0) {
      this.violations.push(`${runner} delivers, and no job can be completed: ${writes.map(({ id }) => id).join(", ")}`);
    }
    this.violations.push(...complaints);
    for (const id of failing) this.#wronglyFailed.add(id);
    if (request.method === "PATCH") this.#noteOwnFiles(writes, recordsOf(JSON.parse(reply.body)));
    if (table === "Jobs") for (const written of writes) this.#afterWrite(runner, written);
    this.#noteDeliveries();
    return { reply, arrive: this.#reading(known, request, reply) };
  }

  /** Records that are nobody's business, and are not as they were. */
  touched(): readonly string[] {
    return BYSTANDERS.flatMap(({ table, id, fields, createdTime }) => {
      const now = this.#world.base.record(table, id);
      return JSON.stringify(now) === JSON.stringify({ id, createdTime, fields }) ? [] : [`${table} ${id} was touched`];
    });
  }

  /** Only what is read by its id, right before a write, counts as a read; the rest is a listing. */
  #reading(known: Knowledge, request: ApiRequest, reply: Reply): () => void {
    const guarded = JSON.stringify(request.query ?? request.body ?? "").includes("RECORD_ID()");
    if (request.method === "PATCH") return () => undefined;
    const records = recordsOf(JSON.parse(reply.body));
    if (!guarded) {
      return () => {
        for (const { id, fields } of records) known.listed.set(id, known.listed.get(id) ?? fields);
        noteShown(known, records);
      };
    }
    const authors = records.map(({ id }) => this.#world.authors.get(id));
    const { requests } = known;
    return () => {
      noteShown(known, records);
      const at = this.#world.clock.now();
      for (const [n, { id, fields }] of records.entries()) {
        known.reads.set(id, { at, request: requests, fields, author: authors[n] });
      }
    };
  }

  #afterWrite(runner: string, { id, fields }: Written): void {
    if (fields.Status !== undefined) {
      this.#world.authors.set(id, "polling");
      const { closed } = this.#known(runner);
      closed.set(id, (closed.get(id) ?? 0) + 1);
    }
    const lines = this.#world.job(id)?.notes.split("\n") ?? [];
    const most = 1 + (this.#world.reopenings.get(id) ?? 0);
    for (const mark of [COMPLETED_PREFIX, FAILED_PREFIX]) {
      const count = lines.filter((line) => line.startsWith(mark)).length;
      if (count > most) this.violations.push(`${runner} notes the same twice: ${id} ${mark}`);
    }
  }

  /** Of the files of a write, those that are handed over by URL get an id with the answer. */
  #noteOwnFiles(writes: readonly Written[], answered: readonly Written[]): void {
    for (const { id, fields } of writes) {
      const now = answered.find((each) => each.id === id)?.fields ?? {};
      for (const [name, value] of Object.entries(fields)) {
        const cell = now[name];
        if (!Array.isArray(value) || !Array.isArray(cell)) continue;
        for (const [n, entry] of value.entries()) {
          const given: unknown = cell[n];
          if (isObject(entry) && "url" in entry && isObject(given)) this.#ownFiles.add(String(given.id));
        }
      }
    }
  }

  #standing(operation: string, failing: ReadonlySet<string>): number {
    const ofOperation = this.#world.scenario.jobs.filter((job) => job.operation === operation);
    // One that was completed since and then failed by someone else is not counted.
    const stands = (id: string) =>
      this.#world.job(id)?.status === "failed" && this.#world.authors.get(id) === "polling";
    return ofOperation.filter(({ id }) => failing.has(id) || (this.#wronglyFailed.has(id) && stands(id))).length;
  }

  #noteDeliveries(): void {
    for (const { table, field } of Object.values(OPERATIONS)) {
      for (const { id, fields } of this.#world.base.records(table)) {
        const files = filesIn(fields[field]);
        for (const file of files) this.#delivered.add(`${id} ${file}`);
        if (new Set(files).size < files.length) this.violations.push(`${id} holds a file twice`);
      }
    }
  }

  #tellStory(runner: string, request: ApiRequest, reply: Reply): void {
    const about =
      request.method === "PATCH" ? JSON.stringify(request.body) : JSON.stringify(request.query ?? request.body ?? {});
    this.#world.log(`${runner} ${request.method} ${request.path} -> ${reply.status} ${about.slice(0, 400)}`);
  }

  #known(runner: string): Knowledge {
    const known = this.#runners.get(runner);
    if (known === undefined) throw new Error(`${runner} never entered`);
    return known;
  }
}

function noteShown({ shown }: Knowledge, records: readonly Written[]): void {
  for (const { id, fields } of records) shown.set(id, [...(shown.get(id) ?? []), fields]);
}

function recordsOf(body: unknown): readonly Written[] {
  if (!isObject(body) || !Array.isArray(body.records)) return [];
  return body.records.flatMap((record: unknown) =>
    isObject(record) && typeof record.id === "string" && isObject(record.fields)
      ? [{ id: record.id, fields: record.fields }]
      : [],
  );
}
