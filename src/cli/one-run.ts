import type { Settings } from "../config/settings.ts";
import { type Invocation, mayWrite } from "./invocation.ts";
import { acquireLock, lockKey } from "./lock.ts";
import { type Format, printReport } from "./print.ts";
import { renderNdjsonJob } from "./render/json.ts";
import type { Stop } from "./stop.ts";
import { type Outcome, sweepOnce } from "./sweep-once.ts";
import { decisionFields, tellTrouble } from "./tell.ts";
import { startWatching } from "./watching.ts";

/** What came of a run; "locked" where there was none because another one is under way. */
export type Ran = Outcome | "locked";

/** One run from the lock to the last word: sweeps, prints the report, tells what went wrong, and tells who watches. */
export async function runOnce(invocation: Invocation, settings: Settings, format: Format, stop: Stop): Promise<Ran> {
  if (!mayWrite(invocation)) return await unlocked(invocation, settings, format, stop);
  const { baseId } = settings.airtable;
  const lock = await acquireLock(lockKey(settings.airtable), new Date());
  if (lock.kind === "taken") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    invocation.terminal.log(`another run for base ${baseId} is under way: ${who}`, "warn");
    return "locked";
  }
  try {
    return await unlocked(invocation, settings, format, stop);
  } finally {
    await lock.release();
  }
}

async function unlocked(invocation: Invocation, settings: Settings, format: Format, stop: Stop): Promise<Outcome> {
  const { terminal } = invocation;
  const watching = await startWatching(invocation, settings, stop);
  let outcome: Outcome;
  try {
    outcome = await sweepOnce(
      invocation,
      settings,
      {
        settled(entry) {
          terminal.log("", "info", decisionFields(entry));
          if (format === "ndjson") terminal.out(renderNdjsonJob(entry));
        },
        warn: (message) => terminal.log(message, "warn"),
      },
      stop,
    );
    if (outcome.report !== null) await printReport(outcome.report, format, invocation, settings);
    tellTrouble(outcome, settings, invocation);
  } catch (error) {
    await watching?.crashed(error);
    throw error;
  }
  await watching?.finished(outcome);
  return outcome;
}
