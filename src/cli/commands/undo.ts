import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { UpstreamFailure } from "../../core/ports/errors.ts";
import { buildChangeSets, type ChangeSet, type JournaledWrite, lastRunOf } from "../../core/undo/change-sets.ts";
import { type Undone, undo } from "../../core/undo/undo.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFault } from "../exit-codes.ts";
import { baseOption, duration, type Flags } from "../options.ts";
import { renderUndo, renderUndoJson, type UndoReport } from "../render/undo.ts";
import { openBase } from "../run/adapters.ts";
import { startDeadlines } from "../run/deadlines.ts";
import { journalOf, journalPathOf, readPast } from "../run/open-journal.ts";
import { withLock } from "../run/run-base.ts";
import { handleSignals, type Shutdown } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";
import { VERSION } from "../version.ts";

/** The flags of `stuck-jobs undo`. */
interface UndoFlags extends Omit<Flags, "job" | "output"> {
  readonly job?: string;
  readonly output?: "table" | "json";
}

/** `stuck-jobs undo`: takes back what a run did. */
export function addUndo(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("undo")
    .description(
      "Puts back what a run changed, by its journal: the jobs first, then their targets, and only where a record still holds what the run wrote. Reads each record again before it writes, takes the lock, and tells of each record what became of it.",
    )
    .argument("[run-id]", "the run to take back; it stands in reports, notes and the journal")
    .option("--job <id>", "only what was done about this job: record id or external id. Without a run: by the last one")
    .option("-n, --dry-run", "show what would be put back, write nothing")
    .option("--journal <path>", "the journal to read, and to record this in (default: in the state folder)")
    .addOption(new Option("--deadline <dur>", "be done after this (default: none)").argParser(duration))
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print errors only")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "run against the embedded sandbox instead of a base")
    .addHelpText(
      "after",
      `
A job that is put back is stuck again: it counts anew from now, and once it is past stuckAfter the next sweep
completes it again if its output is still there. Change the configuration before that, or the job.

Exit codes: 0 all was put back; 3 some record was not, each with the reason; 2 no such run in the journal.

Examples:
  stuck-jobs undo 4f1c2a9e-5b1d-4f0e-9d59-0e3f3f1f3c11 --dry-run    see it first
  stuck-jobs undo --job recXXXXXXXXXXXXXX                          the last that was done about one job
  stuck-jobs undo 4f1c2a9e-5b1d-4f0e-9d59-0e3f3f1f3c11 -o json | jq .summary`,
    )
    .action(async (runId: string | undefined, flags: UndoFlags) => {
      const { job, output, ...rest } = flags;
      configureLog("undo", rest, terminal);
      exit(
        await runUndo(
          { runId: runId ?? null, job: job ?? null, output: output ?? null },
          { flags: rest, env, terminal },
        ),
      );
    });
}

/** What is to be taken back. */
interface UndoRequest {
  readonly runId: string | null;
  readonly job: string | null;
  readonly output: "table" | "json" | null;
}

type UndoInvocation = Omit<Invocation, "command">;

/** Runs undo from flags to exit code. */
async function runUndo(request: UndoRequest, invocation: UndoInvocation): Promise<ExitCode> {
  const { flags, terminal } = invocation;
  if (request.runId === null && request.job === null) {
    throw new ConfigError([{ path: "undo", message: "expected the id of a run, or --job <id>" }]);
  }
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  const stop = handleSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    // POLLING_ENABLED=false is no reason not to take something back: as a scan, an undo is run by hand.
    const settings = await readSettings({ ...invocation, command: "scan" }, sandbox);
    if (settings === "disabled") return EXIT.done;
    const { runId, deeds } = await deedsIn(request, settings, invocation);
    const restore = () => carryOut(request, runId, deeds, settings, invocation, stop);
    const code = flags.dryRun ? await restore() : await withLock(settings, terminal, restore);
    return code === "locked" ? EXIT.locked : code;
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

/** @throws ConfigError where the journal tells of no such run */
async function deedsIn(
  { runId, job }: UndoRequest,
  settings: Settings,
  { env }: UndoInvocation,
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

async function carryOut(
  request: UndoRequest,
  undoes: string,
  deeds: readonly ChangeSet[],
  settings: Settings,
  invocation: UndoInvocation,
  stop: Shutdown,
): Promise<ExitCode> {
  const { flags, terminal } = invocation;
  const limits = startDeadlines(flags.deadline ?? null, stop);
  const base = openBase(settings, () => limits.remaining());
  const dryRun = flags.dryRun === true;
  const journal = dryRun ? null : journalOf(invocation, settings);
  const signature = { runId: randomUUID(), version: VERSION };
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
