import type { Signature } from "../domain/notes.ts";
import type { Via } from "../domain/operation.ts";
import type { Command, Entry } from "../domain/report.ts";
import type { Journal } from "../ports/journal.ts";
import type { Clock, JobStore, OutputProbe, Provider, WebhookSender } from "../ports/ports.ts";
import type { BrakeSettings } from "./decide/brake.ts";
import type { Policy } from "./decide/triage.ts";

/** When to stop. Each signal is aborted at its moment; SIGINT and SIGTERM abort all but `writes` at once. */
export interface Deadlines {
  /** From here on no further page is asked for: what is known by then needs time to be worked off. */
  readonly listing: AbortSignal;
  /** From here on nothing new is begun; what is in flight is finished. */
  readonly start: AbortSignal;
  /** Cuts reads and probes short. */
  readonly reads: AbortSignal;
  /** Cuts writes short: the deadline itself, nothing else. */
  readonly writes: AbortSignal;
}

/** What the run tells while it is under way. None of it changes what the run does. */
export interface Observer {
  /** So many jobs were found by now that are to be probed. */
  listed(found: number): void;
  probed(done: number): void;
  /** What became of one job, told at the end. The next is told when this is done. */
  jobDone(entry: Entry): Promise<void>;
  warn(message: string): void;
}

/** The answer of a person who is asked about one job. */
export type Confirmation = "yes" | "no";

/** All that one sweep is given. */
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
  /** Names with `{externalId}` that the worker is known to use, whatever the operation: looked for before a job is failed. */
  readonly otherNames: readonly string[];
  /** Whether jobs that polling failed are recovered when their output turns up. */
  readonly lateOutputs: boolean;
  readonly signature: Signature;
  /** What the jobs that were recovered, or failed, are set to. */
  readonly completedStatus: string;
  readonly failedStatus: string;
  readonly concurrency: number;
  /** What the base is asked at most: it tells how long writes will take. */
  readonly requestsPerSecond: number;
  readonly store: JobStore;
  readonly probe: OutputProbe;
  /** By their names in the configuration. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** Sends lost webhooks again; null where none are configured. */
  readonly webhooks: WebhookSender | null;
  /** Who completes recovered jobs, whatever the operation says; null leaves it to the operation. */
  readonly via: Via | null;
  /** What is written is told to it first; null where it is off. */
  readonly journal: Journal | null;
  readonly clock: Clock;
  readonly random: () => number;
  readonly limits: Deadlines;
  readonly observer: Observer;
  /** Asks a person before a job is written; null without `--confirm`. */
  readonly confirm: ((entry: Entry) => Promise<Confirmation>) | null;
}
