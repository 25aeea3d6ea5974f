import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { FleetSettings } from "../../../config/resolve/fleet.ts";
import type { Settings } from "../../../config/settings.ts";
import type { Duration } from "../../../core/domain/job.ts";
import { UpstreamError } from "../../../core/ports/errors.ts";
import { openDatabase } from "../../../database/connection.ts";
import { createBudget, type TakeTurn } from "../../../fleet/budget.ts";
import { elapsedClock, keepClaim } from "../../../fleet/keep-claim.ts";
import type { HeldSweep, Queue } from "../../../fleet/queue.ts";
import { type FleetTables, recordBegin, recordEnd, survey } from "../../../fleet/tables.ts";
import { LONGEST_RUN } from "../../../fleet/versions.ts";
import { type AcquireSlot, createTokenLimiter } from "../../../stores/airtable/rate-limit.ts";
import { systemClock } from "../../../system/clock.ts";
import { neverAborted } from "../../../system/never.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { HeldBase } from "../adapters.ts";

/** The fleet as this host sees it. */
export interface OpenFleet {
  readonly tables: FleetTables;
  readonly settings: FleetSettings;
  /** Milliseconds by a clock that no one sets back, and that goes on while the process is stopped. */
  elapsed(): Duration;
  /** What this process is called in the fleet. */
  readonly host: string;
  /** Returns the limiter of an account, which all hosts share. */
  budgetOf(account: string): TakeTurn;
  /** The same for a command that only reads: without the database it goes on, at this host's share of the rate. */
  readingBudgetOf(account: string): AcquireSlot;
  /** Opens the queue, once. Its library is loaded only then. */
  queue(): Promise<Queue>;
  close(): Promise<void>;
}

/** Each base that is swept at the same time may renew its heartbeat and take a ticket. */
const LEAST_CONNECTIONS = 4;

/** Opens the fleet. Nothing is sent before the first question. */
export function openFleet(settings: FleetSettings, deadline: Duration): OpenFleet {
  const { address, limits, schema, heartbeat, interval } = settings;
  const connections = Math.max(limits.connections, LEAST_CONNECTIONS);
  // A statement that takes longer than the heartbeat is as good as none.
  const statementTimeout = Math.min(limits.statementTimeout, heartbeat);
  const connectTimeout = Math.min(limits.connectTimeout, heartbeat);
  const database = openDatabase({
    address,
    limits: { ...limits, connections, statementTimeout, connectTimeout },
    clock: systemClock,
    random: Math.random,
  });
  let opening: Promise<Queue> | null = null;
  return {
    tables: { database, schema },
    settings,
    elapsed: elapsedClock(),
    host: `${hostname()}/${process.pid}`,
    budgetOf: (account) => createBudget({ database, schema, account }, systemClock),
    readingBudgetOf: (account) =>
      withFallback(
        createBudget({ database, schema, account, attempts: 1 }, systemClock),
        createTokenLimiter(systemClock, settings.hosts),
      ),
    async queue() {
      opening ??= import("../../../fleet/queue.ts").then(({ openQueue }) =>
        openQueue(database, schema, { heartbeat, interval, deadline }),
      );
      return await opening;
    },
    async close() {
      const queue = await opening?.catch(() => null);
      await queue?.close();
      await database.close();
    },
  };
}

/** Takes turns, until the database cannot be asked for them. */
function withFallback(take: TakeTurn, alone: AcquireSlot): AcquireSlot {
  let isAway = false;
  return async (signal, since) => {
    if (isAway) return await alone(signal);
    try {
      return await take(signal, since);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      isAway = true;
      return await alone(signal);
    }
  };
}

/** How long a run that was not planned waits for a base that another host sweeps. */
const WAITS_FOR_BASE = 5;
const WAIT_MS = 1_000;

/**
 * Does the work while no other host sweeps the base; returns "locked" where one does.
 *
 * @throws UpstreamError where the database cannot be asked
 */
export async function withBaseKey<T>(
  fleet: OpenFleet,
  { store: { baseId }, base }: Settings,
  terminal: Terminal,
  work: (held: HeldBase) => Promise<T>,
): Promise<T | "locked"> {
  const { tables, settings, host } = fleet;
  const never = neverAborted();
  const found = await survey(tables, settings.interval, never);
  const queue = await fleet.queue();
  if (found.lapsed > 0) await queue.supervise();
  const taken = await takeBase(fleet, queue, baseId);
  if (taken === null) {
    terminal.log(`another host sweeps base ${baseId}, or is about to`, "warn");
    return "locked";
  }
  const { held, since } = taken;
  const row = { base: baseId, name: base?.name ?? baseId, slot: null, job: held.id, attempt: held.attempt, host };
  const { schema, heartbeat } = settings;
  const claim = keepClaim(queue, held, { schema, heartbeat, deadline: LONGEST_RUN, since }, systemClock, fleet.elapsed);
  try {
    await recordBegin(tables, row, never);
    return await work(claim);
  } finally {
    claim.stop();
    await recordEnd(tables, row, { run: null, exitCode: 0, fault: null, summary: null, result: "null" }, never);
    await queue.complete(held);
  }
}

/** Takes the key of a base, which is its own from when the queue was asked for it. */
async function takeBase(
  { elapsed }: OpenFleet,
  queue: Queue,
  baseId: string,
): Promise<{ readonly held: HeldSweep; readonly since: Duration } | null> {
  for (let attempt = 1; ; attempt += 1) {
    const since = elapsed();
    const held = await queue.takeNow({ id: randomUUID(), base: baseId, digest: "", slot: null });
    if (held !== null) return { held, since };
    if (attempt === WAITS_FOR_BASE) return null;
    await systemClock.sleep(WAIT_MS);
  }
}
