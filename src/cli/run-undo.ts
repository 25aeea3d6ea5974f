import { ConfigError } from "../config/problems.ts";
import type { Settings } from "../config/settings.ts";
import type { UpstreamFailure } from "../core/ports/errors.ts";
import { buildChangeSets, type ChangeSet, type JournaledWrite, lastRunOf } from "../core/undo/change-sets.ts";
import { type Undone, undo } from "../core/undo/undo.ts";
import { systemClock } from "../system/clock.ts";
import { newId } from "../system/ids.ts";
import { acquireLock, lockKey } from "../system/lock.ts";
import { EXIT, type ExitCode, exitCodeOfFault } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import { renderUndo, renderUndoJson, type UndoReport } from "./render/undo.ts";
import { openBase } from "./run/adapters.ts";
import { startDeadlines } from "./run/deadlines.ts";
import { journalOf, journalPathOf, readPast } from "./run/open-journal.ts";
import { handleSignals, type Shutdown } from "./run/signals.ts";
import { openSandbox } from "./sandbox.ts";
import { readSettings } from "./settings/read-settings.ts";
import { VERSION } from "./version.ts";

/** What is to be taken back. */
export interface UndoRequest {
  readonly runId: string | null;
  readonly job: string | null;
  readonly output: "table" | "json" | null;
}

type Surroundings = Omit<Invocation, "command">;

/** Runs undo from flags to exit code. */
export async function runUndo(request: UndoRequest, surroundings: Surroundings): Promise<ExitCode> {
  const { flags, terminal } = surroundings;
  if (request.runId === null && request.job === null) {
    throw new ConfigError([{ path: "undo", message: "expected the id of a run, or --job <id>" }]);
  }
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  const stop = handleSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    // POLLING_ENABLED=false is no reason not to take something back: as a scan, an undo is run by hand.
    const settings = await readSettings({ ...surroundings, command: "scan" }, sandbox);
    if (settings === "disabled") return EXIT.done;
    const { runId, deeds } = await deedsIn(request, settings, surroundings);
    return await locked(settings, surroundings, () => carryOut(request, runId, deeds, settings, surroundings, stop));
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

/** @throws ConfigError where the journal tells of no such run */
async function deedsIn(
  { runId, job }: UndoRequest,
  settings: Settings,
  { env }: Surroundings,
): Promise<{ readonly runId: string; readonly deeds: readonly ChangeSet[] }> {
  const path = journalPathOf(settings, env);
  if (path === null)
    throw new ConfigError([{ path: "--journal", message: "is off: there is nothing to take back by" }]);
  const past = await readPast(path, settings);
  if (past === null) throw new ConfigError([{ path: "--journal", message: `${path} is no journal, or there is none` }]);
  const { writes, webhooks } = past;
  const run = runId ?? (job === null ? null : lastRunOf(writes, job));
  const deeds = run === null ? [] : buildChangeSets(writes, run, job);
  if (run !== null && deeds.length > 0) return { runId: run, deeds };
  const undoes = writes.find((write) => write.run === run)?.undoes ?? null;
  const resent = webhooks.some((sent) => {
    return sent.run === runId || (job !== null && [sent.job.id, sent.job.externalId].includes(job));
  });
  const message = resent
    ? `the webhook was sent again, and the application's handler wrote what followed: undo takes back what stuck-jobs wrote`
    : undoes === null
      ? `${path} tells of nothing that ${run === null ? "was" : `run ${run}`} ${run === null ? "" : "had "}written${job === null ? "" : ` about ${job}`}`
      : `run ${run} took back run ${undoes}; what it put back is recovered by recover`;
  throw new ConfigError([{ path: runId === null ? "--job" : "undo", message }], lastRuns(writes));
}

/** The newest runs of the journal, for who has mistyped one. */
function lastRuns(writes: readonly JournaledWrite[]): string {
  const runs = new Map<string, Set<string>>();
  for (const { run, job, undoes } of writes) {
    if (undoes === null) runs.set(run, (runs.get(run) ?? new Set()).add(job.id));
  }
  const last = [...runs].slice(-5).reverse();
  if (last.length === 0) return "The journal tells of no run that has written.";
  return `The last runs that have written:\n${last.map(([run, jobs]) => `  ${run}  ${jobs.size} jobs`).join("\n")}`;
}

async function locked(
  { airtable }: Settings,
  { flags, terminal }: Surroundings,
  work: () => Promise<ExitCode>,
): Promise<ExitCode> {
  if (flags.dryRun) return await work();
  const lock = await acquireLock(lockKey(airtable), new Date());
  if (lock.kind === "taken") {
    terminal.log(`another run for base ${airtable.baseId} is under way`, "warn");
    return EXIT.locked;
  }
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

async function carryOut(
  request: UndoRequest,
  undoes: string,
  deeds: readonly ChangeSet[],
  settings: Settings,
  surroundings: Surroundings,
  stop: Shutdown,
): Promise<ExitCode> {
  const { flags, terminal } = surroundings;
  const limits = startDeadlines(flags.deadline ?? null, stop);
  const base = openBase(settings, () => limits.remaining());
  const dryRun = flags.dryRun === true;
  const journal = dryRun ? null : journalOf(surroundings, settings);
  const signature = { runId: newId(), version: VERSION };
  const startedAt = systemClock.now();
  try {
    const { records, fault } = await undo(deeds, {
      store: base.store,
      clock: systemClock,
      random: Math.random,
      limits,
      signature,
      dryRun,
      completedStatus: settings.jobs.completedStatus,
      journal,
      redact: (text) => terminal.redact(text),
    });
    const report: UndoReport = { ...signature, undoes, dryRun, startedAt, finishedAt: systemClock.now(), records };
    if (!flags.quiet) {
      const stuckAgain = isStuckAgain(settings);
      terminal.out(request.output === "json" ? renderUndoJson(report) : renderUndo(report, stuckAgain, settings));
    }
    if (fault !== null) terminal.log(fault.hint === null ? fault.message : `${fault.message}\n${fault.hint}`, "error");
    return stop.code() ?? codeOf(records, fault);
  } finally {
    limits.dispose();
    await Promise.all([base.close(), journal?.close()]);
  }
}

function isStuckAgain({ jobs }: Settings): (record: Undone) => boolean {
  return ({ role, outcome, fields }) => {
    const status = fields.status?.after;
    return (
      role === "job" && outcome === "restored" && typeof status === "string" && jobs.stuckStatuses.includes(status)
    );
  };
}

function codeOf(records: readonly Undone[], fault: UpstreamFailure | null): ExitCode {
  if (fault !== null) return exitCodeOfFault(fault);
  return records.every(({ outcome }) => outcome === "restored" || outcome === "as-it-was") ? EXIT.done : EXIT.partial;
}
