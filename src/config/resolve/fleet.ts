import type { Duration } from "../../core/domain/job.ts";
import type { DatabaseAddress } from "../../database/database-url.ts";
import { type ConnectionLimits, DEFAULT_LIMITS } from "../../database/limits.ts";
import type { Environment } from "../env/environment.ts";
import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";
import { resolveAddress } from "./postgres.ts";

/** How several hosts share the sweeps. */
export interface FleetSettings {
  readonly schema: string;
  readonly heartbeat: Duration;
  readonly concurrency: number;
  readonly whenDown: "stop" | "alone";
  readonly hosts: number;
  /** The length of a slot. */
  readonly interval: Duration;
  /** Whether the bases may be of several users. */
  readonly hasAccounts: boolean;
  readonly address: DatabaseAddress;
  readonly limits: ConnectionLimits;
}

/** Resolves the fleet; null where none is configured. */
export function resolveFleet(
  { fleet, postgres, accounts }: Pick<Config, "fleet" | "postgres" | "accounts">,
  environment: Environment,
  problems: Problem[],
): FleetSettings | null {
  if (fleet === undefined) return null;
  const address = resolveAddress(environment, problems);
  if (address === null) return null;
  const interval = environment.intervalMinutes * 60_000;
  const hasAccounts = Object.keys(accounts).length > 0;
  return { ...fleet, interval, hasAccounts, address, limits: { ...DEFAULT_LIMITS, ...postgres } };
}
