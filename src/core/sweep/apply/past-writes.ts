import type { Duration, Instant, Job } from "../../domain/job.ts";
import type { Signature } from "../../domain/notes.ts";
import type { Target } from "../../domain/target.ts";
import type { AtomicWriter } from "../../ports/atomic-writer.ts";
import type { Journal, JournalCell, JournaledWrite } from "../../ports/journal.ts";
import type { Clock } from "../../ports/ports.ts";

/**
 * What runs wrote to the base, and which webhooks they sent again, by the journal. A sweep reads each of them once, when
 * something of it has to be known. What another host's run records meanwhile is not among it, so whoever must not miss
 * that reads again.
 */
export class PastWrites {
  readonly #journal: Pick<Journal, "readWrites" | "readWebhooks"> | null;
  #writes: Promise<readonly JournaledWrite[]> | null = null;
  #webhooks: Promise<ReadonlySet<string>> | null = null;
  /** The jobs that this sweep has written for since it read the writes. */
  readonly #written = new Set<string>();

  constructor(journal: Pick<Journal, "readWrites" | "readWebhooks"> | null) {
    this.#journal = journal;
  }

  /** Whether there is a journal to read. */
  hasJournal(): boolean {
    return this.#journal !== null;
  }

  /** Returns all writes, as the journal had them when this sweep read it. */
  async all(): Promise<readonly JournaledWrite[]> {
    return await (this.#writes ?? this.readAgain());
  }

  /** Returns all writes as the journal has them now. */
  async readAgain(): Promise<readonly JournaledWrite[]> {
    this.#written.clear();
    this.#writes = this.#journal?.readWrites() ?? Promise.resolve([]);
    return await this.#writes;
  }

  /** Remembers that this sweep has written for a job. */
  addOwn(job: string): void {
    this.#written.add(job);
  }

  /** Returns what runs wrote to a field for a job, or announced before they were killed. */
  async wrote(target: Target, owner: Job): Promise<readonly JournalCell[]> {
    return fieldWrites(await this.#writesTo(target, owner), target);
  }

  /**
   * Returns what the base confirmed of that. What was only announced may be another's file of the same name, such as
   * that of the webhook which came when the run was killed.
   */
  async delivered(target: Target, owner: Job): Promise<readonly JournalCell[]> {
    return fieldWrites((await this.#writesTo(target, owner)).filter(isConfirmed), target);
  }

  /** Returns what each field of a target held before a run last wrote it for a job. */
  async before(target: Target, owner: Job): Promise<ReadonlyMap<string, JournalCell>> {
    const own = (await this.#writesTo(target, owner)).filter(isConfirmed);
    return new Map(own.flatMap(({ fields }) => Object.entries(fields).map(([name, { before }]) => [name, before])));
  }

  /** Returns the operation of each job that runs set to the failed status since an instant, and that is not undone. */
  async failed(failedStatus: string, since: Instant): Promise<ReadonlyMap<string, string>> {
    const failed = new Map<string, string>();
    for (const { role, at, record, job, fields, possiblyApplied } of await this.all()) {
      if (role !== "job" || fields.status === undefined || !possiblyApplied) continue;
      failed.delete(record);
      if (fields.status.after === failedStatus && at >= since && job.operation !== null)
        failed.set(record, job.operation);
    }
    return failed;
  }

  /** Returns the webhooks that were announced, as `webhookKey` names them, as the journal had them when it was read. */
  async webhooks(): Promise<ReadonlySet<string>> {
    return await (this.#webhooks ?? this.readWebhooksAgain());
  }

  /** Returns the webhooks that are announced by now. */
  async readWebhooksAgain(): Promise<ReadonlySet<string>> {
    this.#webhooks = this.#journal?.readWebhooks() ?? Promise.resolve(new Set());
    return await this.#webhooks;
  }

  /** Returns the writes to a record for a job, with those of this sweep. */
  async #writesTo({ table, id }: Target, owner: Job): Promise<readonly JournaledWrite[]> {
    const writes = await (this.#written.has(owner.id) ? this.readAgain() : this.all());
    return writes.filter(({ role, table: to, record, job, undoes }) => {
      return role === "target" && to === table && record === id && job.id === owner.id && undoes === null;
    });
  }
}

function isConfirmed({ confirmed }: JournaledWrite): boolean {
  return confirmed;
}

function fieldWrites(writes: readonly JournaledWrite[], { field }: Target): readonly JournalCell[] {
  return writes.flatMap(({ fields }) => {
    const change = fields[field];
    return change === undefined ? [] : [change.after];
  });
}

/** So long a request may be under way that was sent by a run which was killed: what is read before may change yet. */
const IN_FLIGHT: Duration = 30_000;

/** What waiting for unfinished writes needs of a sweep. */
interface WaitContext {
  readonly dryRun: boolean;
  readonly atomic: AtomicWriter | null;
  readonly signature: Signature;
  readonly clock: Clock;
  readonly limits: { readonly start: AbortSignal };
}

/** The records to which another run announced a write without recording its result, by the journal. */
export class UnfinishedWrites {
  readonly #run: WaitContext;
  readonly #readWrites: () => Promise<readonly JournaledWrite[]>;
  #ends: Promise<ReadonlyMap<string, Instant>> | null = null;

  /** @param readWrites returns what the journal holds; called once, for the first record that is asked about */
  constructor(run: WaitContext, readWrites: () => Promise<readonly JournaledWrite[]>) {
    this.#run = run;
    this.#readWrites = readWrites;
  }

  /** Returns whether such a write to one of some records may still be carried out. */
  async read(): Promise<(records: readonly string[]) => boolean> {
    const ends = await this.#findEnds();
    return (records) => endOf(records, ends, this.#run.clock.now()) !== null;
  }

  /** Resolves when no such write to the records can be under way any more. Throws the signal's reason if it aborts. */
  async wait(records: readonly string[]): Promise<void> {
    const end = endOf(records, await this.#findEnds(), this.#run.clock.now());
    if (end !== null) await this.#run.clock.sleep(end - this.#run.clock.now(), this.#run.limits.start);
  }

  async #findEnds(): Promise<ReadonlyMap<string, Instant>> {
    this.#ends ??= this.#readEnds();
    return await this.#ends;
  }

  async #readEnds(): Promise<ReadonlyMap<string, Instant>> {
    const { dryRun, signature, clock, atomic } = this.#run;
    // What a transaction of a killed run has not committed is rolled back.
    if (dryRun || atomic !== null) return new Map();
    const now = clock.now();
    const ends = new Map<string, Instant>();
    for (const { at, run, record, job, finished } of await this.#readWrites()) {
      if (finished || run === signature.runId || Math.abs(now - at) >= IN_FLIGHT) continue;
      for (const id of [record, job.id]) ends.set(id, at + IN_FLIGHT);
    }
    return ends;
  }
}

/** Returns until when a write to one of the records may be under way; null where none is. */
function endOf(records: readonly string[], ends: ReadonlyMap<string, Instant>, now: Instant): Instant | null {
  if (ends.size === 0) return null;
  const open = records.flatMap((record) => ends.get(record) ?? []).filter((end) => end > now);
  return open.length === 0 ? null : Math.max(...open);
}
