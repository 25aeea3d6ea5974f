import type { BrakeSettings } from "../domain/brake-settings.ts";
import type { Signature } from "../domain/notes.ts";
import type { Via } from "../domain/operation.ts";
import type { Command, Entry } from "../domain/report.ts";
import type { AtomicWriter } from "../ports/atomic-writer.ts";
import type { Journal } from "../ports/journal.ts";
import type { Clock, JobStore, OutputPlace, OutputProbe, Provider, WebhookSender } from "../ports/ports.ts";
import type { PastWrites } from "./apply/past-writes.ts";
import type { WriteGate } from "./apply/write-gate.ts";
import type { Policy } from "./decide/triage.ts";

/** When to stop. Each signal is aborted at its time; SIGINT and SIGTERM abort all but `writes` at once. */
export interface Deadlines {
  /** From then on no further page is listed: what is known by then needs time to be applied. */
  readonly listing: AbortSignal;
  /** From then on nothing new is started; what is in flight is finished. */
  readonly start: AbortSignal;
  /** Cuts reads and probes short. */
  readonly reads: AbortSignal;
  /** Cuts writes short: the deadline itself, nothing else. */
  readonly writes: AbortSignal;
}

/** The parts of a sweep that take time; probing and applying overlap. */
export type Stage = "list" | "probe" | "apply";

/** Progress callbacks. They must not affect the outcome. */
export interface Observer {
  /** Called with the number of jobs found so far that need a probe. */
  listed(found: number): void;
  probed(done: number): void;
  stage(stage: Stage, is: "begun" | "ended"): void;
  /** Called once per job at the end of the sweep; calls are awaited in sequence. */
  jobDone(entry: Entry): Promise<void>;
  warn(message: string): void;
}

/** The answer of a person who is asked about one job; "not-planned" if they approved a plan without this write. */
export type Confirmation = "yes" | "no" | "not-planned";

/** Everything that one sweep is given. */
export interface SweepContext {
  readonly command: Command;
  readonly dryRun: boolean;
  readonly force: boolean;
  /** At most this many jobs are worked on, the oldest; null means all. */
  readonly limit: number | null;
  /** Record ids or external ids; null means all. */
  readonly named: readonly string[] | null;
  /** Names of operations; null means all. */
  readonly only: readonly string[] | null;
  readonly policy: Policy;
  readonly brake: BrakeSettings;
  /** Names with `{externalId}` that the worker is known to use, whatever the operation: probed before a job is failed. */
  readonly otherNames: readonly string[];
  /** The storages of operations that have one of their own, by the operation's name; see `placeOf`. */
  readonly ownPlaces: ReadonlyMap<string, OutputPlace>;
  /** Whether jobs that stuck-jobs failed are recovered when their output appears. */
  readonly lateOutputs: boolean;
  readonly signature: Signature;
  /** The statuses of recovered and of failed jobs. */
  readonly completedStatus: string;
  readonly failedStatus: string;
  /** How many jobs are probed at the same time. */
  readonly concurrency: number;
  /** The rate limit of the base, by which the time for writes is estimated. */
  readonly requestsPerSecond: number;
  readonly store: JobStore;
  /** Writes a job and its target in one transaction; null where the store has none. */
  readonly atomic: AtomicWriter | null;
  /** The storage of all other operations. */
  readonly probe: OutputProbe;
  /** By their names in the configuration. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Sends lost webhooks again; null where none are configured. */
  readonly webhooks: WebhookSender | null;
  /** Who completes recovered jobs, whatever the operation says; null leaves it to the operation. */
  readonly via: Via | null;
  /** Write-ahead journal; null when disabled. */
  readonly journal: Journal | null;
  /** What runs wrote before, by the journal; empty when that is disabled. */
  readonly past: PastWrites;
  /** Holds writes back that the base refuses. */
  readonly gate: WriteGate;
  /** Whether the jobs have a field for notes. */
  readonly hasNotes: boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: Deadlines;
  readonly observer: Observer;
  /** Asks a person before a job is written; null without `--confirm`. */
  readonly confirm: ((entry: Entry) => Promise<Confirmation>) | null;
}
