import type { Duration, Instant } from "../core/domain/job.ts";
import type { LockState } from "../system/lock.ts";
import { type CheckResult, fail, pass, warn } from "./check-result.ts";

/** The oldest Node that the package runs on; package.json says the same. */
export const OLDEST_NODE = "20.18.1";

/** Checks the version of Node, which is written as in `process.versions.node`. */
export function checkNode(version: string): readonly CheckResult[] {
  if (!isOlder(version, OLDEST_NODE)) return [pass("node", "Node", `${version} (at least ${OLDEST_NODE})`)];
  const next = `Install Node ${OLDEST_NODE} or newer, and make sure that the scheduler's PATH finds it.`;
  return [fail("configuration", "node", "Node", `${version} is too old`, next)];
}

function isOlder(version: string, least: string): boolean {
  const [one, other] = [version, least].map((text) => text.split(".").map(Number));
  const differing = (other ?? []).findIndex((part, n) => part !== one?.[n]);
  return differing >= 0 && (one?.[differing] ?? 0) < (other?.[differing] ?? 0);
}

/** Checks that no run holds the lock of the base for longer than `deadline`, in ms. */
export function checkLock({ holder, reach }: LockState, deadline: Duration, now: Instant): readonly CheckResult[] {
  if (holder === null) return [pass("lock", "lock", `free; while a run holds it, it excludes ${reach}`)];
  const who = `held by ${holder.pid === null ? "another process" : `process ${holder.pid}`}`;
  const held = holder.since === null ? Number.NaN : now - Date.parse(holder.since);
  const since = holder.since === null ? who : `${who} since ${holder.since}`;
  if (!Number.isNaN(held) && held <= deadline) return [pass("lock", "lock", `${since}: a run is under way`)];
  const pid = holder.pid ?? "<pid>";
  const next = `Runs exit with 75 until that process ends. Check it with ps -fp ${pid}; SIGTERM ends it after the write in flight.`;
  return [warn("lock", "lock", `${since}: longer than a run may take (watch holds it permanently)`, next)];
}
