import type { Duration, Instant } from "../../domain/job.ts";
import type { SweepContext } from "../context.ts";

/** So long a request may be under way that was sent by a run which was killed: what is read before may change yet. */
const IN_FLIGHT: Duration = 30_000;

/** The records to which another run announced a write without recording its result, by the journal. */
export class UnfinishedWrites {
  readonly #run: SweepContext;
  #ends: Promise<ReadonlyMap<string, Instant>> | null = null;

  constructor(run: SweepContext) {
    this.#run = run;
  }

  /** Reads the journal, once a run. Returns whether such a write to one of some records may still be carried out. */
  async read(): Promise<(records: readonly string[]) => boolean> {
    this.#ends ??= this.#readJournal();
    const ends = await this.#ends;
    return (records) => endOf(records, ends, this.#run.clock.now()) !== null;
  }

  /** Resolves when no such write to the records can be under way any more. Throws the signal's reason if it aborts. */
  async wait(records: readonly string[]): Promise<void> {
    this.#ends ??= this.#readJournal();
    const end = endOf(records, await this.#ends, this.#run.clock.now());
    if (end !== null) await this.#run.clock.sleep(end - this.#run.clock.now(), this.#run.limits.start);
  }

  async #readJournal(): Promise<ReadonlyMap<string, Instant>> {
    const { journal, dryRun, signature, clock } = this.#run;
    // What a transaction of a killed run has not committed is rolled back.
    if (journal === null || dryRun || this.#run.atomic !== null) return new Map();
    const now = clock.now();
    const ends = new Map<string, Instant>();
    for (const { at, run, record, job, finished } of await journal.readWrites()) {
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
