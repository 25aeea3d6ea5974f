import type { BaseRef, Settings } from "../config/settings.ts";
import type { ProbeResult } from "../core/domain/evidence.ts";
import type { Instant } from "../core/domain/job.ts";
import { type Command, type Report, type Summary, summarise } from "../core/domain/report.ts";
import { type ExitCode, exitCodeOfAll, nothingDecided } from "./exit-codes.ts";
import type { TypicalDurations } from "./learned-durations.ts";
import type { Outcome } from "./run/sweep-once.ts";

/** The outcome of the sweep of one of several bases. */
export interface BaseOutcome {
  readonly base: BaseRef;
  readonly settings: Settings;
  readonly typical: TypicalDurations;
  /** Null without a sweep: another run holds the lock, or an internal error. */
  readonly outcome: Outcome | null;
  readonly code: ExitCode;
  /** The failure that the report does not show; null without one. */
  readonly fault: string | null;
}

/** The sweeps of several bases, taken together. */
export interface CombinedOutcome {
  readonly command: Command;
  readonly dryRun: boolean;
  readonly startedAt: Instant;
  readonly finishedAt: Instant;
  readonly ended: readonly BaseOutcome[];
  readonly summary: Summary;
  readonly requests: Report["requests"];
  readonly code: ExitCode;
}

/** Combines the outcomes of the bases. */
export function totalOf(
  ended: readonly BaseOutcome[],
  run: Pick<CombinedOutcome, "command" | "dryRun" | "startedAt" | "finishedAt">,
): CombinedOutcome {
  const outcomes = ended.flatMap(({ outcome }) => (outcome === null ? [] : [outcome]));
  const summaries = outcomes.flatMap(({ report }) => (report === null ? [] : [report.summary]));
  const statements = outcomes.flatMap(({ requests }) => requests.postgres ?? []);
  return {
    ...run,
    ended,
    summary: summaries.reduce(plus, NOTHING),
    requests: {
      airtable: sum(outcomes.map(({ requests }) => requests.airtable)),
      ...(statements.length === 0 ? {} : { postgres: sum(statements) }),
      storage: sum(outcomes.map(({ requests }) => requests.storage)),
      provider: sum(outcomes.map(({ requests }) => requests.provider)),
    },
    code: exitCodeOfAll(ended.map(({ code }) => code)),
  };
}

/** Returns the failure of a sweep that its report does not show; null without one. */
export function faultOf({ report, fault }: Outcome, settings: Settings): string | null {
  if (fault !== null) return fault.message;
  if (report === null) return "stopped";
  return describeUndecided(report, settings);
}

/** Says why nothing could be decided, in one line; null where something was. */
export function describeUndecided(report: Report, settings: Settings): string | null {
  return nothingDecided(report) ? `nothing could be decided: ${storageUrls(settings)} ${whyUndecided(report)}` : null;
}

/** Returns the addresses of the storages that operations use, for people. */
export function storageUrls({ storage, operations, operationStorages }: Settings): string {
  const named = operations.filter(({ outputs }) => outputs.length > 0);
  const urls = named.map(({ name }) => (operationStorages.get(name) ?? storage).baseUrl);
  return urls.length === 0 ? storage.baseUrl : [...new Set(urls)].join(" and ");
}

/** Says what the storage answered instead, by the most frequent answer: its status, with the region or host that it names. */
function whyUndecided({ entries }: Report): string {
  const counts = new Map<string, number>();
  for (const { verdict, probes } of entries) {
    const everything = verdict.reason === "place-answers-everything";
    for (const probe of probes) {
      const why = everything ? `answers everything: ${verdict.detail}` : describeAnswer(probe);
      counts.set(why, (counts.get(why) ?? 0) + 1);
    }
  }
  const [most] = [...counts].toSorted(([, one], [, other]) => other - one);
  return most === undefined ? "gave no answer for any job" : most[0];
}

function describeAnswer({ detail }: ProbeResult): string {
  return detail.startsWith("HTTP ") ? `answered HEAD with ${detail}` : `gave no answer to HEAD: ${detail}`;
}

const NOTHING: Summary = summarise([]);

function plus(one: Summary, other: Summary): Summary {
  return {
    stuck: one.stuck + other.stuck,
    recovered: one.recovered + other.recovered,
    failed: one.failed + other.failed,
    waiting: one.waiting + other.waiting,
    skipped: one.skipped + other.skipped,
    unknown: one.unknown + other.unknown,
    errors: one.errors + other.errors,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
