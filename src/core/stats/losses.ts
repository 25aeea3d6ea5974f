import type { Instant } from "../domain/job.ts";

/** A job as far as the loss of its webhook is concerned. */
export interface TimedJob {
  /** When the job began. */
  readonly at: Instant;
  readonly operation: string;
  readonly fate: "webhook" | "recovered" | "failed" | "stuck" | "other";
}

/** A time in which most webhooks were lost. */
export interface LossIncident {
  /** When the first and the last of its jobs began. */
  readonly from: Instant;
  readonly to: Instant;
  /** Jobs whose webhook did not come; they add up from the three below. */
  readonly jobs: number;
  readonly recovered: number;
  readonly failed: number;
  readonly stuck: number;
  readonly operations: readonly string[];
}

/** The completed jobs of one operation that began in one hour of the day, in UTC. */
export interface HourlyLoss {
  readonly operation: string;
  /** 24 entries, from 0 to 23. */
  readonly hours: readonly { readonly byWebhook: number; readonly byPolling: number }[];
}

/** Jobs further apart than this have no cause in common. */
const GAP = 30 * 60_000;

/** Fewer lost webhooks may be chance. */
const LEAST_JOBS = 3;

/** Below this share the webhooks came, but for a few. */
const LEAST_SHARE = 0.5;

/** Returns the incidents in the order of time: groups of lost webhooks, where most of those that were due were lost. */
export function lossIncidents(jobs: readonly TimedJob[]): readonly LossIncident[] {
  const lost = jobs.filter(isLost).toSorted((a, b) => a.at - b.at);
  const groups: TimedJob[][] = [];
  for (const job of lost) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    if (group !== undefined && last !== undefined && job.at - last.at <= GAP) group.push(job);
    else groups.push([job]);
  }
  return groups.flatMap((group) => {
    const [from, to] = [group[0]?.at ?? 0, group.at(-1)?.at ?? 0];
    const came = jobs.filter(({ at, fate }) => fate === "webhook" && at >= from && at <= to).length;
    if (group.length < LEAST_JOBS || group.length < LEAST_SHARE * (group.length + came)) return [];
    const count = (fate: TimedJob["fate"]) => group.filter((job) => job.fate === fate).length;
    return [
      {
        from,
        to,
        jobs: group.length,
        recovered: count("recovered"),
        failed: count("failed"),
        stuck: count("stuck"),
        operations: [...new Set(group.map(({ operation }) => operation))].sort(),
      },
    ];
  });
}

/** Counts the completed jobs of each operation by the hour of the day at which they began. */
export function lossByHour(jobs: readonly TimedJob[]): readonly HourlyLoss[] {
  const operations = new Map<string, { byWebhook: number; byPolling: number }[]>();
  for (const { at, operation, fate } of jobs) {
    if (fate !== "webhook" && fate !== "recovered") continue;
    const hours = operations.get(operation) ?? Array.from({ length: 24 }, () => ({ byWebhook: 0, byPolling: 0 }));
    operations.set(operation, hours);
    const hour = hours[new Date(at).getUTCHours()];
    if (hour !== undefined) hour[fate === "webhook" ? "byWebhook" : "byPolling"] += 1;
  }
  return [...operations]
    .map(([operation, hours]) => ({ operation, hours }))
    .sort((a, b) => (a.operation < b.operation ? -1 : 1));
}

function isLost({ fate }: TimedJob): boolean {
  return fate === "recovered" || fate === "failed" || fate === "stuck";
}
