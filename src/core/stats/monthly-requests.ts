/** What sweeps have cost so far. */
export interface RequestCounters {
  readonly requests: number;
  readonly runs: number;
}

/** What sweeps cost in 30 days, beside the calls that the plan allows. */
export interface MonthlyRequests {
  readonly estimate: number;
  readonly quota: number;
  readonly runs: number;
  readonly perRun: number;
  /** "metrics": an average of the runs so far. "idle": as if no run found anything, which is the least. */
  readonly source: "metrics" | "idle";
}

const MONTH_IN_MINUTES = 30 * 24 * 60;

/** An idle run lists once. */
const IDLE_REQUESTS = 1;

/** Estimates the requests of 30 days at this interval. */
export function estimateMonthlyRequests(
  intervalMinutes: number,
  counters: RequestCounters | null,
  quota: number,
): MonthlyRequests {
  const runs = Math.round(MONTH_IN_MINUTES / intervalMinutes);
  const measured = counters !== null && counters.runs > 0;
  const perRun = measured ? counters.requests / counters.runs : IDLE_REQUESTS;
  return { estimate: Math.round(runs * perRun), quota, runs, perRun, source: measured ? "metrics" : "idle" };
}
