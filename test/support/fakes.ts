import type { Output, ProbeResult, UnknownCause } from "../../src/core/domain/evidence.ts";
import { fileNameOf } from "../../src/core/domain/evidence.ts";
import type { Instant, Job } from "../../src/core/domain/job.ts";
import type {
  Attachment,
  CellValue,
  Clock,
  JobQuery,
  JobStore,
  JobUpdate,
  MediaCheck,
  ObjectListing,
  OutputProbe,
  RefusalScope,
  Revisit,
  TargetRecord,
  TargetUpdate,
  WriteLimit,
  WriteResult,
} from "../../src/core/ports/ports.ts";
import { PastWrites } from "../../src/core/sweep/apply/past-writes.ts";
import { WriteGate } from "../../src/core/sweep/apply/write-gate.ts";
import type { SweepContext } from "../../src/core/sweep/context.ts";
import { COMBINE, CONCATENATE, NOW, POLICY } from "./builders.ts";

/** A clock that stands still unless it is slept on, with nothing else left to do. */
export function stillClock(at = NOW): Clock & { at: number } {
  return {
    at,
    now() {
      return this.at;
    },
    async sleep(ms, signal) {
      for (let turn = 0; turn < 20; turn += 1) {
        signal?.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.at += ms;
    },
  };
}

interface Target {
  readonly id: string;
  fields: Record<string, CellValue>;
}

/**
 * The base as a few maps. It filters by status only, as a base whose clock differs would, and lets a test interfere at
 * each request: before it is carried out, or after, when the answer is lost.
 */
export class FakeBase implements JobStore {
  readonly kind = "airtable";
  readonly jobs = new Map<string, Job>();
  readonly targets = new Map<string, Map<string, Target>>();
  readonly log: string[] = [];
  readonly asked: JobQuery[] = [];
  /** Called with the name of each request before it is carried out. */
  before: (request: string) => void = () => undefined;
  /** Called after it was carried out; "lost" loses the answer of a write. */
  after: (request: string) => "lost" | undefined = () => undefined;
  /** Records that the base refuses to write, and with them the request they are in. */
  readonly refused = new Set<string>();
  /** Completed jobs of earlier days, which only \`listCompleted\` returns. */
  known: readonly Job[] = [];
  /** Why the base refuses an update, and what that is about; null where it takes it. */
  refuses: (update: JobUpdate | TargetUpdate, table: string) => { error: string; scope?: RefusalScope } | null = () =>
    null;
  skewMs: number | null = null;
  /** Its clock; null where it takes writes whenever they come. */
  clock: Pick<Clock, "now"> | null = null;
  #requests = 0;
  readonly #fetched = new Map<string, readonly Attachment[]>();
  /** The files that have an id, by it; those that were handed over by URL get one. */
  readonly #byId = new Map<string, Attachment>();
  readonly #ids = new Map<string, string>();
  #given = 0;

  constructor(jobs: readonly Job[]) {
    for (const job of jobs) this.jobs.set(job.id, job);
  }

  target(table: string, id: string, fields: Record<string, CellValue> = {}): Target {
    const records = this.targets.get(table) ?? new Map<string, Target>();
    this.targets.set(table, records);
    const record = { id, fields };
    records.set(id, record);
    return record;
  }

  /** What Airtable made of the attachments of a segment, after it fetched them or failed to. */
  files(id: string, files: readonly Attachment[]): void {
    this.#fetched.set(id, files);
    for (const file of files) if (file.id !== null) this.#byId.set(file.id, file);
  }

  edit(id: string, fields: Partial<Job>): void {
    const job = this.jobs.get(id);
    if (job !== undefined) this.jobs.set(id, { ...job, ...fields });
  }

  async *list(query: JobQuery): AsyncIterable<readonly Job[]> {
    this.#begin("list");
    this.asked.push(query);
    yield [...this.jobs.values()].filter(
      (job) => (query.statuses.includes(job.status) && isAfter(job, query)) || isRevisited(job, query.revisit),
    );
  }

  async readJobs(ids: readonly string[]): Promise<ReadonlyMap<string, Job>> {
    this.#begin("readJobs");
    return new Map([...this.jobs].filter(([id]) => ids.includes(id)));
  }

  async findJobs(externalIds: readonly string[]): Promise<readonly Job[]> {
    this.#begin("findJobs");
    return [...this.jobs.values()].filter(({ externalId }) => externalId !== null && externalIds.includes(externalId));
  }

  async readTargets(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, TargetRecord>> {
    this.#begin("readTargets");
    const found = [...(this.targets.get(table)?.values() ?? [])].filter(({ id }) => ids.includes(id));
    return new Map(
      found.map(({ id, fields }) => {
        const fetched = this.#fetched.get(id);
        const attachments = Object.entries(this.#attachments(id, fields)).map(([name, held]) => [
          name,
          fetched ?? held,
        ]);
        const cells = Object.entries(fields).filter(([, value]) => !Array.isArray(value));
        return [id, { id, attachments: Object.fromEntries(attachments), cells: Object.fromEntries(cells) }];
      }),
    );
  }

  async updateTargets(
    table: string,
    updates: readonly TargetUpdate[],
    limit: WriteLimit,
  ): Promise<readonly WriteResult[]> {
    if (this.#isLate(limit)) return updates.map(({ id }) => ({ id, kind: "stale", error: "too late" }));
    this.#begin("updateTargets");
    const refused = this.#refusal(updates, table);
    if (refused !== null) return refused;
    for (const { id, fields } of updates) {
      const record = this.targets.get(table)?.get(id);
      if (record !== undefined) record.fields = { ...record.fields, ...fields };
      this.#fetched.delete(id);
      for (const { url } of Object.values(attachmentsIn(fields)).flat()) {
        if (url === null) continue;
        this.#given += 1;
        this.#ids.set(`${id} ${url}`, `attGiven${this.#given}`);
      }
    }
    return this.#answer("updateTargets", updates);
  }

  async updateJobs(updates: readonly JobUpdate[], limit: WriteLimit): Promise<readonly WriteResult[]> {
    if (this.#isLate(limit)) return updates.map(({ id }) => ({ id, kind: "stale", error: "too late" }));
    this.#begin("updateJobs");
    const refused = this.#refusal(updates, "Jobs");
    if (refused !== null) return refused;
    for (const { id, error, ...fields } of updates) {
      this.edit(id, error === undefined ? fields : { ...fields, error: error ?? "" });
    }
    return this.#answer("updateJobs", updates);
  }

  async listCompleted(_after: Instant | null): Promise<{ jobs: readonly Job[]; complete: boolean }> {
    this.#begin("listCompleted");
    return {
      jobs: [...this.known, ...[...this.jobs.values()].filter(({ status }) => status === "completed")],
      complete: true,
    };
  }

  requests(): number {
    return this.#requests;
  }

  clockSkewMs(): number | null {
    return this.skewMs;
  }

  #refusal(updates: readonly (JobUpdate | TargetUpdate)[], table: string): readonly WriteResult[] | null {
    const locked = updates.some(({ id }) => this.refused.has(id)) ? { error: "HTTP 422" } : null;
    const found = locked ?? updates.map((each) => this.refuses(each, table)).find((each) => each !== null);
    if (found === undefined) return null;
    const kind = updates.length === 1 ? "refused" : "batch-rejected";
    return updates.map(({ id }) => ({ id, kind, ...found }));
  }

  #isLate({ notAfter }: WriteLimit): boolean {
    return this.clock !== null && this.clock.now() > notAfter;
  }

  #begin(request: string): void {
    this.#requests += 1;
    this.log.push(request);
    this.before(request);
  }

  #answer(request: string, updates: readonly (JobUpdate | TargetUpdate)[]): readonly WriteResult[] {
    const lost = this.after(request) === "lost";
    return updates.map((update): WriteResult => {
      const { id } = update;
      if (lost) return { id, kind: "unconfirmed", error: "the answer was lost" };
      return { id, kind: "confirmed", ...("fields" in update ? { files: this.#attachments(id, update.fields) } : {}) };
    });
  }

  #attachments(id: string, fields: Readonly<Record<string, CellValue>>): Record<string, readonly Attachment[]> {
    const cells = Object.entries(attachmentsIn(fields)).map(([name, files]) => {
      return [
        name,
        files.map((file) => {
          const given = file.id ?? this.#ids.get(`${id} ${file.url}`) ?? null;
          return { ...file, ...(given === null ? {} : this.#byId.get(given)), id: given };
        }),
      ];
    });
    return Object.fromEntries(cells);
  }
}

function isAfter({ since }: Job, { after }: JobQuery): boolean {
  return after === undefined || (since.kind === "at" && since.at > after);
}

function isRevisited(
  { status, notes, since }: Job,
  { completed = null, failed = null }: Partial<Revisit> = {},
): boolean {
  const marked = (marks: readonly string[]) => marks.some((mark) => notes.includes(mark));
  if (status === completed?.status) return marked(completed.notes);
  if (status !== failed?.status) return false;
  const recent = since.kind === "at" && since.at > failed.undated.after;
  return marked(failed.notes) || (recent && marked(failed.undated.notes));
}

function attachmentsIn(fields: Readonly<Record<string, CellValue>>): Record<string, readonly Attachment[]> {
  const found: Record<string, readonly Attachment[]> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!Array.isArray(value)) continue;
    found[name] = value.map((entry) => ({
      id: "id" in entry ? entry.id : null,
      filename: "url" in entry ? fileNameOf(entry.url) : entry.id,
      url: "url" in entry ? entry.url : null,
      size: null,
    }));
  }
  return found;
}

type Answer = number | "missing" | UnknownCause;

/** The bucket as a map from name, with its folders, to size or to the trouble it gives; all else is `missing`. */
export class FakeBucket implements OutputProbe {
  readonly objects = new Map<string, Answer>();
  /** How it says that something is missing. */
  missing: "missing" | UnknownCause = "missing";
  readonly probed: string[] = [];
  readonly listed: string[] = [];
  signed = false;
  /** Who may not list is refused. */
  listing: "open" | "refused" | "unknown" = "refused";
  /** Files that cannot be played, by name. */
  readonly broken = new Set<string>();

  urlFor(fileName: string): string {
    return `https://bucket.example/${fileName}`;
  }

  isSameObject(one: string, other: string): boolean {
    return one === other && one.startsWith("https://bucket.example/");
  }

  isSameHost(url: string): boolean {
    return url.startsWith("https://bucket.example/");
  }

  async probe(url: string): Promise<ProbeResult> {
    const root = this.urlFor("");
    const name = url.startsWith(root) ? url.slice(root.length) : fileNameOf(url);
    this.probed.push(name);
    const answer = this.objects.get(name) ?? this.missing;
    if (answer === "missing") return { result: "absent", url, detail: "HTTP 404" };
    if (typeof answer === "string") return { result: "unknown", url, detail: answer, cause: answer };
    const output = { url, bytes: answer, contentType: "binary/octet-stream", etag: '"e"', lastModified: null };
    return { result: "present", url, detail: "HTTP 200", output };
  }

  async list(prefix: string): Promise<ObjectListing> {
    this.listed.push(prefix);
    if (this.listing !== "open") return { kind: this.listing, detail: this.listing };
    const there = [...this.objects].filter(([, answer]) => typeof answer === "number").map(([name]) => name);
    return { kind: "listed", names: there.filter((name) => name.startsWith(prefix)), complete: true };
  }

  async attachmentUrl(url: string): Promise<string> {
    return this.signed ? `${url}?X-Amz-Signature=secret` : url;
  }

  async checkMedia(output: Output): Promise<MediaCheck> {
    const name = fileNameOf(output.url);
    return this.broken.has(name) ? { kind: "broken", detail: "no moov" } : { kind: "sound" };
  }

  requests(): number {
    return this.probed.length + this.listed.length;
  }
}

/** The memory of a gate that holds nothing back. */
const OPEN = { isWritable: async () => true, readRefusals: async () => [], recordRefusal: async () => undefined };
const BY = { signature: { runId: "run-1", version: "0.0.0" }, command: "recover" };

/** A run of `recover` with no deadline, or what the test needs instead. */
export function runOf(store: JobStore, probe: OutputProbe, over: Partial<SweepContext> = {}): SweepContext {
  const never = new AbortController().signal;
  return {
    command: "recover",
    atomic: null,
    dryRun: false,
    force: false,
    limit: null,
    named: null,
    only: null,
    policy: { ...POLICY, operations: [COMBINE, CONCATENATE] },
    brake: { minimum: 5, maxFails: 100 },
    completedStatus: "completed",
    failedStatus: "failed",
    signature: { runId: "run-1", version: "0.0.0" },
    concurrency: 4,
    requestsPerSecond: 4,
    store,
    probe,
    providers: new Map(),
    webhooks: null,
    via: null,
    journal: null,
    past: new PastWrites(over.journal ?? null),
    gate: new WriteGate({
      journal: OPEN,
      hasNotes: true,
      findUnwritable: null,
      force: false,
      clock: stillClock(),
      ...BY,
    }),
    hasNotes: true,
    clock: stillClock(),
    random: () => 0.5,
    limits: { listing: never, start: never, reads: never, writes: never },
    observer: { stage() {}, listed() {}, probed() {}, async jobDone() {}, warn() {} },
    lateOutputs: true,
    otherNames: [],
    ownPlaces: new Map(),
    confirm: null,
    ...over,
  };
}
