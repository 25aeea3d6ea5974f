import type { Env } from "../config/env/variables.ts";
import type { Instant } from "../core/domain/job.ts";
import type { Report } from "../core/domain/report.ts";
import type { Clock } from "../core/ports/ports.ts";

/** Where the state of the monitoring is kept, as text; the reader gets "" where there is none. */
export interface StateStore {
  read(): Promise<string>;
  write(text: string): Promise<void>;
}

/** What monitoring needs of the program around it. */
export interface Surroundings {
  readonly env: Env;
  readonly clock: Clock;
  /** Aborted when the program is asked to stop: then nothing is tried twice. */
  readonly signal: AbortSignal;
  /** Takes secrets out of what leaves the program. */
  redact(text: string): string;
  /** Logs for a person what could not be sent elsewhere. */
  warn(message: string): void;
  /** Returns where the alerts of a base are kept; absent: in a file of this host. */
  alertsOf?(baseId: string): StateStore;
}

/** The result of one run, for metrics, pings and notifications. */
export interface RunResult {
  readonly runId: string;
  readonly baseId: string;
  /** The ids of all bases of the configuration's list; empty where it has none. */
  readonly allBases: readonly string[];
  readonly version: string;
  /** Names of the operations that are configured. */
  readonly operations: readonly string[];
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  readonly requests: Report["requests"];
  /** Null where the listing was not finished: then nothing is known of the jobs. */
  readonly report: Report | null;
  /** What cannot be used just now, in its own words. */
  readonly trouble: Outage | null;
  /** Whether SIGINT or SIGTERM cut the run short. */
  readonly stopped: boolean;
  readonly exitCode: number;
}

/** What a run cannot do without. */
export type Dependency = "Airtable" | "PostgreSQL" | "storage" | "journal";

export interface Outage {
  readonly need: Dependency;
  readonly detail: string;
}
