import type { Output, ProbeResult, ProviderReply } from "./evidence.ts";
import type { Duration, Instant } from "./job.ts";
import type { Target } from "./target.ts";
import type { Verdict, VerdictKind } from "./verdict.ts";

export type Command = "scan" | "recover" | "fail-old";

/** The result for one job: a row of the table, a line of ndjson, an entry of `jobs`. */
export interface Entry {
  readonly id: string;
  readonly externalId: string | null;
  readonly type: string | null;
  readonly operation: string | null;
  readonly status: string;
  readonly age: Duration | null;
  readonly verdict: Verdict;
  /** Whether the base was changed accordingly. Never in a dry run. */
  readonly applied: boolean;
  readonly target: Target | null;
  readonly probes: readonly ProbeResult[];
  readonly providerReply: ProviderReply | null;
  /** Why it could not be written, in the base's own words. */
  readonly error: string | null;
}

/** Counts of what was done; in a dry run and in a scan, of what would be done. They add up to `stuck`. */
export interface Summary {
  readonly stuck: number;
  readonly recovered: number;
  readonly failed: number;
  readonly waiting: number;
  readonly skipped: number;
  readonly unknown: number;
  readonly errors: number;
}

/** An operation that the brake holds back. */
export interface BlockedOperation {
  readonly operation: string;
  /** Stuck jobs of the operation in this sweep. */
  readonly stuck: number;
  /** How many of them would have been failed. */
  readonly wouldFail: number;
  /** Failed by earlier runs, within `maxAge`, and still without an output. */
  readonly failedBefore: number;
  /** `brake.minimum`. */
  readonly limit: number;
  readonly reason: "no-positive-control" | "calibration-failed" | "configuration-suspect";
  /** What was tried to prove that outputs of this operation can be seen. */
  readonly detail: string;
}

/** What several stuck jobs have in common. */
export type IncidentCause =
  /** One worker ran them all: NCA keeps its queue in memory, and a restart loses it. */
  | "same-worker"
  /** They were created within one minute. */
  | "same-minute"
  /** Not one of the operation's stuck jobs that are past `failAfter` has an output. */
  | "operation-without-output"
  /** Their provider gave no answer for any of them. */
  | "provider-silent";

/** Stuck jobs that share a cause, reported in one line. */
export interface Incident {
  readonly cause: IncidentCause;
  /** The worker, operation or provider; "" for a minute. */
  readonly name: string;
  /** When the first of them started; null where no date is known. */
  readonly since: Instant | null;
  readonly jobs: number;
  readonly withOutput: number;
  readonly withoutOutput: number;
  /** Those whose output could be neither found nor ruled out. */
  readonly undecided: number;
}

/** The kinds of stores, by which their requests are counted. */
export type StoreKind = "airtable" | "postgres";

/** Returns what a store is called for people. */
export function storeName(kind: StoreKind): "Airtable" | "PostgreSQL" {
  return kind === "airtable" ? "Airtable" : "PostgreSQL";
}

/** Requests by where they were sent, repeated and refused ones included. */
export interface RequestCounts {
  readonly airtable: number;
  /** Statements; absent where no jobs are in a database. */
  readonly postgres?: number;
  readonly storage: number;
  readonly provider: number;
}

/** Returns the requests to a store of a kind. */
export function countRequests(kind: StoreKind, sent: number): Pick<RequestCounts, "airtable" | "postgres"> {
  return kind === "airtable" ? { airtable: sent } : { airtable: 0, postgres: sent };
}

/** One run, as data. */
export interface Report {
  readonly command: Command;
  readonly dryRun: boolean;
  readonly runId: string;
  readonly version: string;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  /** Whether jobs were left to the next run for want of time, or because of `--limit`. */
  readonly truncated: boolean;
  readonly summary: Summary;
  readonly requests: RequestCounts;
  /** The operations that the brake held back; null when there are none. */
  readonly brake: readonly BlockedOperation[] | null;
  /** What several of the jobs have in common. */
  readonly incidents: readonly Incident[];
  readonly entries: readonly Entry[];
}

const COUNTED_AS: Readonly<Record<VerdictKind, keyof Summary>> = {
  recover: "recovered",
  fail: "failed",
  wait: "waiting",
  skip: "skipped",
  unknown: "unknown",
};

/** Counts entries by verdict; one with an error counts as an error only. */
export function summarise(entries: readonly Entry[]): Summary {
  const counts = { stuck: entries.length, recovered: 0, failed: 0, waiting: 0, skipped: 0, unknown: 0, errors: 0 };
  for (const entry of entries) counts[entry.error === null ? COUNTED_AS[entry.verdict.kind] : "errors"] += 1;
  return counts;
}

/** Returns the output of an entry; null where none was seen. */
export function outputOf(entry: Entry): Output | null {
  switch (entry.verdict.kind) {
    case "recover":
      return entry.verdict.output;
    case "skip":
      return entry.verdict.output ?? null;
    case "fail":
    case "wait":
    case "unknown":
      return null;
  }
}
