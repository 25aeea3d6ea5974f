import type { Database } from "../database/connection.ts";
import { quoteIdentifier } from "../database/identifiers.ts";
import { DEAD_LETTERS, IS_OPEN, QUEUE } from "./versions.ts";

/** Where a base stands in the fleet. */
export interface BaseStatus {
  readonly base: string;
  /** As ISO; null where no host has swept it yet. */
  readonly lastSweep: string | null;
  readonly lastHost: string | null;
  readonly lastExitCode: number | null;
  readonly fault: string | null;
  /** Who sweeps it just now, since when, and how many seconds ago the last heartbeat was. */
  readonly heldBy: { readonly host: string; readonly since: string; readonly heartbeatAge: number } | null;
  readonly isWaiting: boolean;
}

export interface SlotStatus {
  readonly start: string;
  readonly digest: string;
  readonly host: string;
  readonly bases: number;
  readonly closedBy: string | null;
}

export interface DeadLetter {
  readonly base: string;
  readonly slot: string | null;
  readonly at: string;
  readonly why: string;
}

export interface BudgetStatus {
  readonly account: string;
  /** Seconds until the next request may go. */
  readonly wait: number;
  /** Whether the monthly quota is spent, so that requests go at 2 a second. */
  readonly overQuota: boolean;
  readonly refusedAt: string | null;
}

/** The whole state of a fleet. */
export interface FleetStatus {
  readonly slots: readonly SlotStatus[];
  readonly bases: readonly BaseStatus[];
  readonly deadLetters: readonly DeadLetter[];
  readonly budgets: readonly BudgetStatus[];
}

/** Reads the state of a fleet, for bases by their ids: four statements. */
export async function readFleetStatus(
  database: Database,
  schema: string,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<FleetStatus> {
  const s = quoteIdentifier(schema);
  const iso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  const slots = await database.read(
    `SELECT ${iso("start")} AS start, digest, host, bases, closed_by FROM ${s}.slots ORDER BY slots.start DESC LIMIT 3`,
    [],
    signal,
  );
  const bases = await database.read(
    `WITH open AS (SELECT job.state::text AS state, data->>'base' AS base, sweeps.host, ${iso("job.started_on")} AS since,
  extract(epoch FROM clock_timestamp() - coalesce(heartbeat_on, started_on)) AS age
  FROM ${s}.job LEFT JOIN ${s}.sweeps ON sweeps.job = job.id AND sweeps.attempt = job.retry_count
  WHERE job.name = $1 AND job.${IS_OPEN})
SELECT listed.base, last.at, last.host, last.exit_code, last.fault,
  open.state, open.host AS holder, open.since, open.age
FROM unnest($2::text[]) AS listed (base)
LEFT JOIN LATERAL (SELECT host, exit_code, fault, ${iso("ended_at")} AS at FROM ${s}.sweeps
  WHERE base = listed.base AND ended_at IS NOT NULL ORDER BY id DESC LIMIT 1) last ON true
LEFT JOIN open ON open.base = listed.base`,
    [QUEUE, ids],
    signal,
  );
  const dead = await database.read(
    `SELECT data->>'base' AS base, data->>'slot' AS slot, ${iso("created_on")} AS at, output->>'message' AS why
FROM ${s}.job WHERE name = $1 AND state < 'active' ORDER BY created_on DESC LIMIT 50`,
    [DEAD_LETTERS],
    signal,
  );
  const budgets = await database.read(
    `SELECT account, greatest(0, extract(epoch FROM tat - clock_timestamp())) AS wait, slow_until > clock_timestamp() AS slow,
  ${iso("refused_at")} AS refused FROM ${s}.budgets ORDER BY account`,
    [],
    signal,
  );
  return {
    slots: slots.map((row) => ({
      start: String(row.start),
      digest: String(row.digest),
      host: String(row.host),
      bases: Number(row.bases),
      closedBy: textOrNull(row.closed_by),
    })),
    bases: bases.map((row) => ({
      base: String(row.base),
      lastSweep: textOrNull(row.at),
      lastHost: textOrNull(row.host),
      lastExitCode: typeof row.exit_code === "number" ? row.exit_code : null,
      fault: textOrNull(row.fault),
      heldBy:
        row.state === "active"
          ? { host: textOrNull(row.holder) ?? "unknown", since: String(row.since), heartbeatAge: Number(row.age) }
          : null,
      isWaiting: row.state === "created" || row.state === "retry",
    })),
    deadLetters: dead.map((row) => ({
      base: String(row.base),
      slot: textOrNull(row.slot),
      at: String(row.at),
      why: textOrNull(row.why) ?? "the host was lost, twice",
    })),
    budgets: budgets.map((row) => ({
      account: String(row.account),
      wait: Number(row.wait),
      overQuota: row.slow === true,
      refusedAt: textOrNull(row.refused),
    })),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
