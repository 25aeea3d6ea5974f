import type { ApiRequest } from "../../src/airtable/exchange.ts";
import { isObject } from "../../src/airtable/exchange.ts";
import { COMPLETED_MARK, FAILED_MARK } from "../../src/core/notes.ts";
import type { Reply } from "../../src/sandbox/http.ts";
import { HOUR, MINUTE, SECOND } from "../support/world.ts";
import type { World } from "./world.ts";

type Fields = Readonly<Record<string, unknown>>;

interface Read {
  readonly at: number;
  /** Which of the runner's requests it was. */
  readonly request: number;
  readonly fields: Fields;
}

/** What a runner is known to have seen. */
interface Knowledge {
  readonly reads: Map<string, Read>;
  readonly looks: Map<string, number>;
  readonly skew: number;
  readonly mayWrite: boolean;
  requests: number;
}

/** A write rests on a read of at most 5 s before, on the runner's side; the answer and the turn take their time. */
const FRESH = 6 * SECOND;

/** A fail rests on a look of at most 10 s before. */
const LOOK_FRESH = 11.5 * SECOND;

const JOB_FIELDS = ["Status", "Response Payload", "Error Details", "Notes"];
/** What NCA names its outputs; told here once more, since what is tested must not be its own witness. */
const NAMES = {
  combine: (id: string) => [`${id}_output_0.mp4`],
  concatenate: (id: string) => [`${id}.mp4`, `${id}_output_0.mp4`],
};

/**
 * Watches every request as it is carried out, and holds the promises against it. It knows the world as it is, and
 * what each runner was told; it shares no code with what decides.
 */
export class Witness {
  readonly violations: string[] = [];
  readonly #world: World;
  readonly #runners = new Map<string, Knowledge>();
  /** `<target> <file name>` for each file that was ever in its target's cell. */
  readonly #delivered = new Set<string>();
  /** Jobs that were failed although their output existed; `#failing` those of the request in hand. */
  readonly #wronglyFailed = new Set<string>();
  #failing = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  enter(runner: string, { skew, mayWrite }: { skew: number; mayWrite: boolean }): void {
    this.#runners.set(runner, { reads: new Map(), looks: new Map(), skew, mayWrite, requests: 0 });
  }

  looked(runner: string, url: string): void {
    this.#known(runner).looks.set(url.slice(url.lastIndexOf("/") + 1), this.#world.clock.now());
  }

  /** Judges a request right before it is carried out, carries it out, and remembers what the runner was told. */
  carriedOut(runner: string, request: ApiRequest, act: () => Reply): Reply {
    const known = this.#known(runner);
    known.requests += 1;
    this.#noteDeliveries();
    const [, table = ""] = request.path.split("/");
    const writes = request.method === "PATCH" ? recordsOf(request.body) : [];
    const notes = new Map(writes.map(({ id }) => [id, this.#world.base.record(table, id)?.fields.Notes]));
    this.#failing = new Set();
    const complaints = writes.flatMap(({ id, fields }) => this.#judge(runner, known, table, id, fields));
    const reply = act();
    const about =
      request.method === "PATCH" ? JSON.stringify(request.body) : JSON.stringify(request.query ?? request.body);
    this.#world.tell(`${runner} ${request.method} ${request.path} -> ${reply.status} ${about.slice(0, 400)}`);
    if (reply.status !== 200) return reply;
    this.violations.push(...complaints);
    for (const id of this.#failing) this.#wronglyFailed.add(id);
    for (const { id, fields } of writes) this.#afterWrite(runner, table, id, fields, notes.get(id));
    const guarded = JSON.stringify(request.query ?? request.body ?? "").includes("RECORD_ID()");
    if (request.method !== "PATCH" && guarded) {
      const at = this.#world.clock.now();
      for (const { id, fields } of recordsOf(JSON.parse(reply.body))) {
        known.reads.set(id, { at, request: known.requests, fields });
      }
    }
    this.#noteDeliveries();
    return reply;
  }

  #judge(runner: string, known: Knowledge, table: string, id: string, fields: Fields): readonly string[] {
    const complain = (what: string) => [`${runner} ${what}: ${table} ${id} ${JSON.stringify(fields).slice(0, 200)}`];
    if (!known.mayWrite) return complain("writes in a dry run");
    const read = known.reads.get(id);
    if (read === undefined) return complain("writes what it has not read");
    if (this.#world.clock.now() - read.at > FRESH + SLOWEST) return complain("writes on an old read");
    return table === "Jobs"
      ? this.#judgeJob(known, id, fields, read).flatMap(complain)
      : this.#judgeTarget(known, table, id, fields, read).flatMap(complain);
  }

  #judgeJob(known: Knowledge, id: string, fields: Fields, read: Read): readonly string[] {
    const { scenario, clock } = this.#world;
    const job = scenario.jobs.find((each) => each.id === id);
    if (job === undefined) return ["touches a job that was never stuck"];
    const foreign = Object.keys(fields).filter((name) => !JOB_FIELDS.includes(name));
    if (foreign.length > 0) return [`touches ${foreign.join(", ")}`];
    const age = clock.now() - job.createdAt;
    const before = String(read.fields.Status);
    const oldNotes = String(read.fields.Notes ?? "");
    const notes = String(fields.Notes ?? "");
    if (scenario.notes === "short" && !notes.startsWith(oldNotes)) return ["loses notes"];
    const externalId = String(read.fields["External Job ID"] ?? "");
    const names = NAMES[job.operation](externalId);
    switch (fields.Status) {
      case "completed": {
        const ours = before === "processing" || (before === "failed" && oldNotes.includes(FAILED_MARK));
        if (!ours) return [`completes a job that was ${before} when it was read`];
        if (age <= 5 * MINUTE - SLACK) return ["completes a young job"];
        const [, newer] = /superseded by job (rec\w+)/.exec(notes) ?? [];
        if (newer !== undefined)
          return this.#holdsAny(newer) ? [] : ["closes a job after a newer one that has no file"];
        const file = names.find((name) => String(fields["Response Payload"]).includes(`/${name}"`));
        if (file === undefined) return ["completes a job with another job's output"];
        return this.#delivered.has(`${job.targetId} ${file}`) ? [] : ["completes a job whose target has no file"];
      }
      case "failed": {
        if (before !== "processing") return [`fails a job that was ${before} when it was read`];
        if (age <= HOUR - SLACK) return ["fails a young job"];
        if (Math.abs(known.skew) > 5 * MINUTE + SLACK) return ["fails a job by a clock that is wrong"];
        if (known.requests !== read.request + 1) return ["fails a job on a read that is not adjacent"];
        return this.#judgeAbsence(known, id, job.operation, names);
      }
      default:
        return fields.Status === undefined && before === "completed"
          ? []
          : [`sets the status ${String(fields.Status)}`];
    }
  }

  #judgeAbsence(known: Knowledge, id: string, operation: string, names: readonly string[]): readonly string[] {
    const { objects, clock, scenario } = this.#world;
    const looks = names.map((name) => known.looks.get(name));
    const oldest = Math.min(...looks.map((at) => at ?? Number.NEGATIVE_INFINITY));
    if (clock.now() - oldest > LOOK_FRESH + SLOWEST) return ["fails a job on an old look"];
    const there = names.some((name) => (objects.get(name)?.since ?? Number.POSITIVE_INFINITY) <= oldest);
    if (!there) return [];
    // A place that never held an output answers as one that lost them all. Without proof only a handful may stand
    // failed at a time; what a webhook or a person has set right since does not stand any more, and is not counted.
    const ofOperation = scenario.jobs.filter((job) => job.operation === operation);
    const standing = ofOperation.filter((job) => {
      const status = this.#world.base.record("Jobs", job.id)?.fields.Status;
      return this.#failing.has(job.id) || (this.#wronglyFailed.has(job.id) && status === "failed");
    });
    this.#failing.add(id);
    const handful = Math.max(5, Math.floor(0.2 * ofOperation.length));
    return scenario.wrongBucket && standing.length < handful ? [] : ["fails a job whose output exists"];
  }

  #judgeTarget(known: Knowledge, table: string, id: string, fields: Fields, read: Read): readonly string[] {
    const owners = this.#world.scenario.jobs.filter(({ targetId }) => targetId === id);
    const [owner] = owners;
    if (owner === undefined || this.#world.tableOf(owner) !== table) return ["touches a target of no stuck job"];
    const field = this.#world.fieldOf(owner);
    const foreign = Object.keys(fields).filter((name) => name !== field && name !== "Status");
    if (foreign.length > 0) return [`touches ${foreign.join(", ")}`];
    const [file] = filesIn(fields[field]);
    const held = filesIn(read.fields[field]);
    if (held.some((name) => name !== file)) return [`overwrites ${held.join(", ")}`];
    const because = owners.some((job) => {
      const seen = known.reads.get(job.id)?.fields;
      const names = NAMES[job.operation](String(seen?.["External Job ID"] ?? ""));
      const status = String(seen?.Status);
      const notes = String(seen?.Notes ?? "");
      const open = status === "processing" || (status === "failed" && notes.includes(FAILED_MARK));
      const delivered = status === "completed" && notes.includes(COMPLETED_MARK);
      return (open || delivered) && file !== undefined && names.includes(file);
    });
    return because ? [] : ["delivers a file that no job it has read calls for"];
  }

  #afterWrite(runner: string, table: string, id: string, fields: Fields, notesBefore: unknown): void {
    if (table !== "Jobs") return;
    const notes = String(fields.Notes ?? "");
    for (const mark of [COMPLETED_MARK, FAILED_MARK]) {
      const own = notes.split("\n").filter((line) => line.startsWith(mark) && line.includes(runner));
      if (own.length > 1) this.violations.push(`${runner} notes the same twice: ${id} after ${String(notesBefore)}`);
    }
  }

  /** Whether the target of a job holds, or held, any output of it. */
  #holdsAny(jobId: string): boolean {
    const job = this.#world.scenario.jobs.find(({ id }) => id === jobId);
    return job !== undefined && [...this.#delivered].some((entry) => entry.startsWith(`${job.targetId} `));
  }

  #noteDeliveries(): void {
    for (const job of this.#world.scenario.jobs) {
      const cell = this.#world.base.record(this.#world.tableOf(job), job.targetId)?.fields[this.#world.fieldOf(job)];
      const files = filesIn(cell);
      for (const file of files) this.#delivered.add(`${job.targetId} ${file}`);
      if (new Set(files).size < files.length) this.violations.push(`${job.targetId} holds a file twice`);
    }
  }

  #known(runner: string): Knowledge {
    const known = this.#runners.get(runner);
    if (known === undefined) throw new Error(`${runner} never entered`);
    return known;
  }
}

/** The slowest a request travels in this world, which no promise can cover. */
const SLOWEST = 15 * SECOND + 500;

/** What clocks of whole seconds cannot tell apart. */
const SLACK = 2 * SECOND;

interface Written {
  readonly id: string;
  readonly fields: Fields;
}

function recordsOf(body: unknown): readonly Written[] {
  if (!isObject(body) || !Array.isArray(body.records)) return [];
  return body.records.flatMap((record: unknown) =>
    isObject(record) && typeof record.id === "string" && isObject(record.fields)
      ? [{ id: record.id, fields: record.fields }]
      : [],
  );
}

/** The names of the files in an attachment cell, written or read. */
export function filesIn(cell: unknown): readonly string[] {
  if (!Array.isArray(cell)) return [];
  return cell.flatMap((file: unknown) => {
    if (!isObject(file)) return [];
    if (typeof file.filename === "string") return [file.filename];
    return typeof file.url === "string" ? [file.url.slice(file.url.lastIndexOf("/") + 1)] : [];
  });
}
