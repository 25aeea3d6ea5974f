import type { Settings } from "../../config/settings.ts";
import { acquireLock, lockKey } from "../../system/lock.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Does the work while no other run on this machine may write to the base; returns "locked" where one does. */
export async function withLock<T>(
  { store }: Settings,
  terminal: Terminal,
  work: () => Promise<T>,
): Promise<T | "locked"> {
  // A transaction decides between several writers of a database, on any number of machines.
  if (store.kind === "postgres") return await work();
  const lock = await acquireLock(lockKey(store), new Date());
  if (lock.kind === "busy") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    terminal.log(`another run for base ${store.baseId} is under way: ${who}`, "warn");
    return "locked";
  }
  if (lock.gap !== null) terminal.log(lock.gap.detail, lock.gap.kind === "no-folder" ? "warn" : "info");
  try {
    return await work();
  } finally {
    await lock.release();
  }
}
