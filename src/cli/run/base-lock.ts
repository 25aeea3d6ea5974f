import type { Settings } from "../../config/settings.ts";
import { acquireLock, lockKey } from "../../system/lock.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { HeldBase } from "./adapters.ts";
import type { OpenFleet } from "./fleet/open-fleet.ts";

/**
 * Does the work while no other run on this machine, or in the fleet, may write to the base; returns "locked" where one
 * does. In a fleet the work has to ask before each write whether the base is still held.
 *
 * @param fleet the fleet where it is open already
 * @throws UpstreamError where the database of the fleet cannot be asked
 */
export async function withLock<T>(
  settings: Settings,
  terminal: Terminal,
  work: (held: HeldBase | null) => Promise<T>,
  fleet: OpenFleet | null = null,
): Promise<T | "locked"> {
  const { store } = settings;
  if (settings.fleet !== null) {
    const { openFleet, withBaseKey } = await import("./fleet/open-fleet.ts");
    const opened = fleet ?? openFleet(settings.fleet, settings.deadline);
    try {
      return await withBaseKey(opened, settings, terminal, work);
    } finally {
      if (fleet === null) await opened.close();
    }
  }
  // A transaction decides between several writers of a database, on any number of machines.
  if (store.kind === "postgres") return await work(null);
  const lock = await acquireLock(lockKey(store), new Date());
  if (lock.kind === "busy") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    terminal.log(`another run for base ${store.baseId} is under way: ${who}`, "warn");
    return "locked";
  }
  if (lock.gap !== null) terminal.log(lock.gap.detail, lock.gap.kind === "no-folder" ? "warn" : "info");
  try {
    return await work(null);
  } finally {
    await lock.release();
  }
}
