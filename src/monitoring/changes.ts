import type { Instant } from "../core/domain/job.ts";
import { pluralize } from "../core/domain/plural.ts";
import type { Entry, Report } from "../core/domain/report.ts";
import type { Dependency, RunResult } from "./run-result.ts";

/** A dependency that cannot be used, and since when. */
interface Down {
  readonly need: Dependency;
  readonly since: Instant;
  readonly runs: number;
}

/** The current alerts, so that each is sent once and not in every run. */
export interface AlertState {
  /** Operations that the brake holds. */
  readonly braked: readonly string[];
  /** Runs in a row in which nothing could be decided. */
  readonly undecidedRuns: number;
  readonly manyFailed: boolean;
  readonly outages: readonly Down[];
  /** Jobs whose file did not arrive. */
  readonly undelivered: readonly string[];
  /** Jobs that passed maxAge unresolved. */
  readonly expired: readonly string[];
}

export const NO_ALERTS: AlertState = {
  braked: [],
  undecidedRuns: 0,
  manyFailed: false,
  outages: [],
  undelivered: [],
  expired: [],
};

/** Alert after so many runs without a decision: a single one is a short failure of the storage. */
export const UNDECIDED_RUNS = 3;

/** Enough for every job of the last hour, in which deliveries are checked. */
const MOST_UNDELIVERED = 1000;

/** The messages to send after a run, and the alerts that are current then. */
export interface Changes {
  readonly after: AlertState;
  readonly messages: readonly string[];
}

/** Compares a run with the current alerts. A run that was cut short starts alerts and does not end any. */
export function changesSince(before: AlertState, result: RunResult, failuresOver: number): Changes {
  const messages: string[] = [];
  const emit = (message: string) => messages.push(message);
  return {
    after: {
      outages: downAfter(before, result, emit),
      braked: brakedAfter(before, result, emit),
      undecidedRuns: undecidedAfter(before, result, emit),
      manyFailed: manyFailedAfter(before, result, failuresOver, emit),
      undelivered: undeliveredAfter(before, result, emit),
      expired: expiredAfter(before, result, emit),
    },
    messages,
  };
}

type Tell = (message: string) => void;

function downAfter({ outages }: AlertState, { trouble, report, stopped, finishedAt }: RunResult, emit: Tell) {
  const still = outages.flatMap((each): readonly Down[] => {
    if (each.need === trouble?.need) return [{ ...each, runs: each.runs + 1 }];
    const answered = report !== null && !stopped && hasAnswered(each.need, report);
    if (!answered) return [each];
    emit(`${named(each.need)} can be used again, after ${pluralize(each.runs, "run")} since ${timeOf(each.since)}.`);
    return [];
  });
  if (trouble === null || still.some(({ need }) => need === trouble.need)) return still;
  emit(`${named(trouble.need)} cannot be used: ${trouble.detail}`);
  return [...still, { need: trouble.need, since: finishedAt, runs: 1 }];
}

/** Whether a run proves that a dependency can be used: by its report, by outputs that were probed, by a write. */
function hasAnswered(need: Dependency, { entries }: Report): boolean {
  switch (need) {
    case "Airtable":
    case "PostgreSQL":
      return true;
    case "storage":
      return entries.some((entry) => wasProbed(entry) && entry.verdict.reason !== "storage-unreachable");
    case "journal":
      return entries.some(({ applied }) => applied);
  }
}

function named(need: Dependency): string {
  return need === "Airtable" || need === "PostgreSQL" ? need : `The ${need}`;
}

function brakedAfter({ braked }: AlertState, result: RunResult, emit: Tell): readonly string[] {
  const { report } = result;
  if (report === null) return braked;
  const held = report.brake ?? [];
  for (const { operation, wouldFail, stuck, detail } of held.filter((each) => !braked.includes(each.operation))) {
    emit(
      `The brake holds ${operation}: ${wouldFail} of ${pluralize(stuck, "stuck job")} would be failed, without proof that outputs can be seen: ${detail}. None of them is failed.`,
    );
  }
  const now = held.map(({ operation }) => operation);
  if (!isWhole(result)) return [...new Set([...braked, ...now])];
  const gone = braked.filter((operation) => !now.includes(operation));
  if (gone.length > 0) emit(`The brake holds ${gone.join(", ")} no longer.`);
  return now;
}

/** A run with nothing to decide does not count, nor does one that an outage alert covers. */
function undecidedAfter({ undecidedRuns }: AlertState, result: RunResult, emit: Tell): number {
  const entries: readonly Entry[] = result.stopped || result.trouble !== null ? [] : (result.report?.entries ?? []);
  const probed = entries.flatMap((entry) =>
    wasProbed(entry) && entry.verdict.reason !== "brake-engaged" ? [entry.verdict] : [],
  );
  if (probed.length === 0) return undecidedRuns;
  if (probed.every(({ kind }) => kind === "unknown")) {
    if (undecidedRuns + 1 === UNDECIDED_RUNS) {
      const reasons = [...new Set(probed.map(({ reason }) => reason))].join(", ");
      emit(
        `Nothing could be decided in ${UNDECIDED_RUNS} runs in a row: ${pluralize(probed.length, "job")}, all unknown (${reasons}).`,
      );
    }
    return undecidedRuns + 1;
  }
  if (undecidedRuns >= UNDECIDED_RUNS) emit(`Jobs can be decided again, after ${undecidedRuns} runs.`);
  return 0;
}

function manyFailedAfter({ manyFailed }: AlertState, result: RunResult, failuresOver: number, emit: Tell): boolean {
  const { report } = result;
  if (report === null) return manyFailed;
  const { failed } = report.summary;
  if (failed > failuresOver && !manyFailed) {
    emit(`${pluralize(failed, "job")} failed in one run, more than ${failuresOver}: ${byOperation(report)}.`);
  }
  return failed > failuresOver || (manyFailed && !isWhole(result));
}

function undeliveredAfter({ undelivered }: AlertState, { report }: RunResult, emit: Tell): readonly string[] {
  const fresh = (report?.entries ?? []).filter(
    ({ id, verdict }) => verdict.reason === "delivery-failed" && !undelivered.includes(id),
  );
  if (fresh.length > 0) {
    const shown = fresh.slice(0, 5).map(({ id, verdict }) => `${id} (${verdict.detail})`);
    const rest = fresh.length > shown.length ? [`and ${fresh.length - shown.length} more`] : [];
    emit(`${pluralize(fresh.length, "file")} did not arrive at the target: ${[...shown, ...rest].join(", ")}.`);
  }
  return [...undelivered, ...fresh.map(({ id }) => id)].slice(-MOST_UNDELIVERED);
}

/** A base that has more of them has had them for long: no further ones are reported. */
const MOST_EXPIRED = 5000;

function expiredAfter({ expired }: AlertState, result: RunResult, emit: Tell): readonly string[] {
  const { report } = result;
  if (report === null) return expired;
  const known = new Set(expired);
  const now = report.entries.filter(({ verdict }) => verdict.reason === "beyond-max-age").map(({ id }) => id);
  const fresh = known.size < MOST_EXPIRED ? now.filter((id) => !known.has(id)) : [];
  if (fresh.length > 0) {
    const shown = fresh.slice(0, 5);
    const rest = fresh.length > shown.length ? [`and ${fresh.length - shown.length} more`] : [];
    emit(
      `${pluralize(fresh.length, "job")} passed maxAge unresolved and will not be touched again: ${[...shown, ...rest].join(", ")}. Resolve with stuck-jobs recover --max-age none, or stuck-jobs fail-old.`,
    );
  }
  return (isWhole(result) ? now : [...new Set([...expired, ...now])]).slice(0, MOST_EXPIRED);
}

function isWhole({ report, trouble, stopped }: RunResult): boolean {
  return report !== null && trouble === null && !stopped && !report.truncated;
}

function wasProbed({ probes, providerReply }: Entry): boolean {
  return probes.length > 0 || providerReply !== null;
}

function byOperation({ entries }: Report): string {
  const counts = new Map<string, number>();
  for (const { verdict, operation, error } of entries) {
    if (verdict.kind !== "fail" || error !== null) continue;
    counts.set(operation ?? "?", (counts.get(operation ?? "?") ?? 0) + 1);
  }
  return [...counts].map(([operation, number]) => `${number} ${operation}`).join(", ");
}

function timeOf(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
