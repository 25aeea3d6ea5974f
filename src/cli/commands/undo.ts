import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { UpstreamFailure } from "../../core/ports/errors.ts";
import { buildChangeSets, type ChangeSet, lastRunOf } from "../../core/undo/change-sets.ts";
import { listPastRuns, type PastRun } from "../../core/undo/past-runs.ts";
import { type Undone, undo } from "../../core/undo/undo.ts";
import type { JournalHistory } from "../../journal/history.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import { baseOption, duration, type Flags, sandboxOption } from "../options.ts";
import { runLines } from "../render/runs.ts";
import { renderUndo, renderUndoJson, type UndoReport } from "../render/undo.ts";
import { openBase, type Shared } from "../run/adapters.ts";
import { withLock } from "../run/base-lock.ts";
import { startDeadlines } from "../run/deadlines.ts";
import { openFleetShare } from "../run/fleet/fleet-share.ts";
import { journalNameOf, journalOf, readPast } from "../run/open-journal.ts";
import { handleSignals, type Shutdown } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";
import { linesOf } from "../terminal/log.ts";
import { InterviewEnded, openInterview } from "../terminal/prompts.ts";
import { VERSION } from "../version.ts";

/** The flags of `stuck-jobs undo`. */
interface UndoFlags extends Omit<Flags, "job" | "output"> {
  readonly job?: string;
  readonly output?: "table" | "json";
}

/** Adds `stuck-jobs undo`: reverts what a run wrote. */
export function addUndo(program: Command, { env, terminal, exit }: CommandContext): void {
  program
    .command("undo")
    .description(
      "Reverts what a run changed, using the journal: first the jobs, then their targets, and only where a record still holds what the run wrote. Reads each record again before writing it, takes the lock, and reports the result for each record.",
    )
    .argument("[run-id]", "the run to revert; its id is in reports, notes and the journal")
    .option("--job <id>", "only the changes for this job (record id or external id); without a run id: of its last run")
    .option("-n, --dry-run", "show what would be reverted, write nothing")
    .option("--journal <path>", "the journal to read and to record the undo in (default: in the state folder)")
    .addOption(new Option("--deadline <dur>", "time limit for the run (default: none)").argParser(duration))
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("-q, --quiet", "print errors only")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .addOption(sandboxOption("run against the embedded sandbox instead of a base"))
    .addHelpText(
      "after",
      `
A reverted job is stuck again, and its age counts from the undo. The first sweep after stuckAfter completes it again if its
output still exists. To prevent that, change the configuration or the job before.

Exit codes: 0 all was reverted; 3 some record was not, each with the reason; 2 no such run in the journal.

Examples:
  stuck-jobs undo 4f1c2a9e-5b1d-4f0e-9d59-0e3f3f1f3c11 --dry-run    see it first
  stuck-jobs undo --job recXXXXXXXXXXXXXX                          the last changes for one job
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

/** What to revert. */
interface UndoRequest {
  readonly runId: string | null;
  readonly job: string | null;
  readonly output: "table" | "json" | null;
}

type UndoInvocation = Omit<Invocation, "command">;

/** Runs undo and returns its exit code. */
async function runUndo(request: UndoRequest, invocation: UndoInvocation): Promise<ExitCode> {
  const { flags, terminal } = invocation;
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: false }) : null;
  const stop = handleSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    // Like a scan, an undo is run by hand, so POLLING_ENABLED=false does not disable it.
    const settings = await readSettings({ ...invocation, command: "scan" }, sandbox);
    if (settings === "disabled") return EXIT.success;
    const journal = await readJournal(settings, invocation);
    const chosen =
      request.runId === null && request.job === null ? await chooseRun(journal, invocation) : request.runId;
    if (chosen === "none") {
      terminal.log("nothing was written");
      return EXIT.success;
    }
    const { runId, changes } = findChanges({ ...request, runId: chosen }, journal);
    const share = await openFleetShare(settings, flags.dryRun !== true);
    const restore = () => restoreAll(request, runId, changes, settings, invocation, stop, share?.shared ?? null);
    try {
      const code = flags.dryRun ? await restore() : await withLock(settings, terminal, restore, share?.fleet);
      return code === "locked" ? EXIT.locked : code;
    } finally {
      await share?.close();
    }
  } catch (error) {
    if (!(error instanceof InterviewEnded)) throw error;
    terminal.log("nothing was written");
    return EXIT.interrupted;
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

interface NamedJournal extends JournalHistory {
  readonly name: string;
}

async function readJournal(settings: Settings, { env }: UndoInvocation): Promise<NamedJournal> {
  const name = journalNameOf(settings, env);
  if (name === null) throw new ConfigError([{ path: "--journal", message: "the journal is disabled; undo needs one" }]);
  const past = await readPast(settings, env);
  if (past === null) throw new ConfigError([{ path: "--journal", message: `found no journal at ${name}` }]);
  return { name, ...past };
}

/** So many runs are offered. */
const MAX_OFFERED = 10;

/** Returns the newest runs that an undo could revert. */
function revertableRuns({ writes }: Pick<JournalHistory, "writes">): readonly PastRun[] {
  const runs = listPastRuns(writes, []).filter(({ recovered, failed, undone }) => recovered + failed > undone);
  return runs.slice(0, MAX_OFFERED);
}

/** Offers the newest runs on a terminal. @throws ConfigError with their list elsewhere */
async function chooseRun(journal: NamedJournal, { terminal }: UndoInvocation): Promise<string> {
  const runs = revertableRuns(journal);
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true || runs.length === 0) {
    const message = "found no run id; expected the id of a run, or --job <id>";
    throw new ConfigError([{ path: "", message }], lastRuns(journal));
  }
  const [head = "", ...lines] = runLines(runs);
  terminal.show(`   ${head}\n${lines.map((line, n) => `${String(n + 1).padStart(2)} ${line}\n`).join("")}`);
  const prompter = openInterview((text) => terminal.log(text));
  try {
    const choices = [...runs.map((_, n) => String(n + 1)), "none"];
    const answer = await prompter.choice("Which run should be undone?", choices, "none", "undo");
    return runs[Number(answer) - 1]?.runId ?? "none";
  } finally {
    prompter.close();
  }
}

/** @throws ConfigError where the journal has no such run */
function findChanges(
  { runId, job }: UndoRequest,
  journal: NamedJournal,
): { readonly runId: string; readonly changes: readonly ChangeSet[] } {
  const { writes, webhooks, name: path } = journal;
  const run = runId ?? (job === null ? null : lastRunOf(writes, job));
  const changes = run === null ? [] : buildChangeSets(writes, run, job);
  if (run !== null && changes.length > 0) return { runId: run, changes };
  const undoes = writes.find((write) => write.run === run)?.undoes ?? null;
  const resent = webhooks.some((sent) => {
    return sent.run === runId || (job !== null && [sent.job.id, sent.job.externalId].includes(job));
  });
  const message = resent
    ? `the webhook was sent again and the application's handler wrote the result; undo reverts only what stuck-jobs wrote`
    : undoes === null
      ? `found no writes${run === null ? "" : ` of run ${run}`}${job === null ? "" : ` for job ${job}`} in ${path}`
      : `run ${run} reverted run ${undoes}; recover completes its jobs again`;
  throw new ConfigError([{ path: runId === null ? "--job" : "", message }], lastRuns(journal));
}

/** Lists the newest runs of the journal, as a hint. */
function lastRuns(journal: Pick<JournalHistory, "writes">): string {
  const runs = revertableRuns(journal);
  return runs.length === 0
    ? "The journal has no run that can be undone."
    : ["The last runs that can be undone:", ...runLines(runs).map((line) => `  ${line}`)].join("\n");
}

async function restoreAll(
  request: UndoRequest,
  undoes: string,
  changes: readonly ChangeSet[],
  settings: Settings,
  invocation: UndoInvocation,
  stop: Shutdown,
  shared: Shared | null,
): Promise<ExitCode> {
  const { flags, terminal } = invocation;
  const limits = startDeadlines(flags.deadline ?? null, stop);
  const dryRun = flags.dryRun === true;
  const journal = dryRun ? null : journalOf(invocation, settings);
  const base = await openBase(settings, () => limits.remaining(), shared, journal);
  const signature = { runId: randomUUID(), version: VERSION };
  const startedAt = systemClock.now();
  try {
    const { records, fault } = await undo(changes, {
      store: base.store,
      atomic: base.atomic,
      clock: systemClock,
      random: Math.random,
      limits,
      signature,
      dryRun,
      completedStatus: settings.jobs.completedStatus,
      journal,
      redact: (text) => terminal.redact(text),
      absent: new Set(
        (["responsePayload", "error", "notes"] as const).filter((name) => settings.jobs.fields[name] === null),
      ),
    });
    const report: UndoReport = { ...signature, undoes, dryRun, startedAt, finishedAt: systemClock.now(), records };
    if (!flags.quiet) {
      const stuckAgain = isStuckAgain(settings);
      terminal.out(
        request.output === "json" ? renderUndoJson(report, terminal.toJson) : renderUndo(report, stuckAgain, settings),
      );
    }
    if (fault !== null) terminal.log(linesOf(fault), "error");
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
  if (fault !== null) return exitCodeOfFailure(fault);
  return records.every(({ outcome }) => outcome === "restored" || outcome === "as-it-was")
    ? EXIT.success
    : EXIT.partial;
}
