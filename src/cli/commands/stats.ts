import { writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { Duration } from "../../core/domain/job.ts";
import { isUpstreamFailure } from "../../core/ports/errors.ts";
import type { FinishedJob, JobStore } from "../../core/ports/ports.ts";
import { rescuesOf } from "../../core/stats/journal-outcomes.ts";
import { notListed, type StatsJournal } from "../../core/stats/journal-totals.ts";
import { type StatsPolicy, statsOf } from "../../core/stats/stats.ts";
import { READ_BATCH } from "../../core/sweep/apply/batches.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFault } from "../exit-codes.ts";
import { durationsFile, saveDurations } from "../learned-durations.ts";
import { baseOption, duration, wholeNumber } from "../options.ts";
import { renderStatsJson } from "../render/stats/json.ts";
import { renderStatsPage } from "../render/stats/page.ts";
import type { StatsReport } from "../render/stats/report.ts";
import { renderStats } from "../render/stats/table.ts";
import { chalkFor } from "../render/table.ts";
import { openBase } from "../run/adapters.ts";
import { startDeadlines } from "../run/deadlines.ts";
import { journalPathOf, readPast } from "../run/open-journal.ts";
import { handleSignals, type Shutdown } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";

/** The flags of `stuck-jobs stats`. */
export interface StatsFlags {
  readonly since: Duration;
  readonly maxPages: number;
  readonly output?: "table" | "json";
  readonly html?: string;
  readonly learn?: boolean;
  readonly journal?: string;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: boolean;
}

const WEEK: Duration = 7 * 86_400_000;

/** `stuck-jobs stats`: how many webhooks are lost, and what came of it. */
export function addStats(program: Command, context: CommandContext): void {
  program
    .command("stats")
    .description(
      "Counts what became of the jobs that were created lately: completed by their webhook or by polling, failed and why, still stuck; the time to recovery; the trend of lost webhooks; each operation's usual duration, with thresholds that would fit. Reads the base and the journal, and never writes to it.",
    )
    .addOption(
      new Option("--since <dur>", "jobs created this long ago or later").argParser(duration).default(WEEK, "7d"),
    )
    .addOption(
      new Option("--max-pages <n>", "read at most this many pages of 100 jobs, each one request")
        .argParser(wholeNumber(1, 1000))
        .default(50),
    )
    .addOption(new Option("-o, --output <format>", "table (a page to read) or json").choices(["table", "json"]))
    .option("--html <file>", "write a page with plots into this file as well")
    .option("--learn", "keep the usual durations, so that scan can tell what is unusual")
    .option("--journal <path|none>", "what was written before, as this file tells (default: in the state folder)")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .option("--sandbox", "count the jobs of the embedded sandbox instead of a base's")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs stats                              the last week
  stuck-jobs stats --since 30d --html loss.html
  stuck-jobs stats -o json | jq .total.lost     the share of lost webhooks, from 0 to 1
  stuck-jobs stats --sandbox --since 30d`,
    )
    .action(async (flags: StatsFlags) => {
      configureLog("stats", {}, context.terminal);
      context.exit(await runStats(flags, context));
    });
}

/** Runs stats from flags to exit code. */
async function runStats(flags: StatsFlags, context: CommandContext): Promise<ExitCode> {
  const { env, terminal } = context;
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  const stop = handleSignals((signal) => terminal.log(`${signal}: stopping`));
  try {
    const { output, color, config, base } = flags;
    const asked = {
      color,
      ...(output === undefined ? {} : { output }),
      ...(config === undefined ? {} : { config }),
      ...(flags.journal === undefined ? {} : { journal: flags.journal }),
      ...(base === undefined ? {} : { base }),
    };
    const settings = await readSettings({ command: "scan", flags: asked, env, terminal }, sandbox);
    if (settings === "disabled") return EXIT.done;
    const past = await pastIn(flags, settings, context);
    const report = await gather(flags, settings, past, stop);
    if (report.truncated) {
      const words = `only the first ${report.stats.total.jobs} jobs were read: see --max-pages, or take a shorter --since`;
      terminal.log(words, "warn");
    }
    if (flags.html !== undefined) {
      await writeFile(flags.html, terminal.redact(renderStatsPage(report)));
    }
    if (flags.learn) await saveDurations(durationsFile(settings, env), report.stats);
    terminal.out(rendered(report, flags, context));
    return EXIT.done;
  } catch (error) {
    const stopped = stop.code();
    if (stopped !== null) return stopped;
    if (isFileError(error)) {
      terminal.log(`the file could not be written: ${error.message}`, "error");
      return EXIT.usage;
    }
    if (!isUpstreamFailure(error)) throw error;
    terminal.log(`${error.message}${error.hint === null ? "" : `\n${error.hint}`}`, "error");
    return exitCodeOfFault(error);
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

/** What the journal tells, with its path; null where it is off, or there is none that was not asked for. */
async function pastIn({ journal: asked }: StatsFlags, settings: Settings, { env, terminal }: CommandContext) {
  const path = journalPathOf(settings, env);
  if (path === null) return null;
  try {
    const past = await readPast(path, settings);
    if (past !== null) return { path, ...past };
  } catch (error) {
    if (!isFileError(error)) throw error;
    if (asked === undefined) {
      terminal.log(`the journal ${path} cannot be read: ${error.message}; counting without`, "warn");
      return null;
    }
    throw new ConfigError([{ path: "--journal", message: `cannot be read: ${error.message}` }]);
  }
  if (asked === undefined) return null;
  throw new ConfigError([{ path: "--journal", message: `${path} is no journal, or there is none` }]);
}

type PastWithPath = NonNullable<Awaited<ReturnType<typeof pastIn>>>;

/** Reads the jobs of the window, page by page, and counts them with what the journal tells of them. */
async function gather(
  { since, maxPages }: StatsFlags,
  settings: Settings,
  past: PastWithPath | null,
  stop: Shutdown,
): Promise<StatsReport> {
  const limits = startDeadlines(null, stop);
  const { store, close } = openBase(settings, limits.remaining);
  try {
    const after = systemClock.now() - since;
    const jobs: FinishedJob[] = [];
    let pages = 0;
    let truncated = false;
    for await (const page of store.listSince(after, limits.reads)) {
      jobs.push(...page.jobs);
      pages += 1;
      truncated = !page.last && pages === maxPages;
      if (truncated) break;
    }
    const { jobs: statuses, operations, thresholds } = settings;
    const { stuckStatuses } = statuses;
    const now = systemClock.now() + (store.clockSkewMs() ?? 0);
    const policy = { stuckStatuses, operations, thresholds, mode: "recover", failEnabled: true } as const;
    const by = { ...statuses, policy, since: now - since, now };
    const room = truncated ? 0 : maxPages - pages;
    const journal = past === null ? null : await statsJournal(past, jobs, by, room, store, limits.reads);
    return {
      stats: statsOf(jobs, by, journal),
      journalPath: past?.path ?? null,
      truncated,
      requests: store.requests(),
      operations,
      completedAt: statuses.fields.completedAt,
    };
  } finally {
    limits.dispose();
    close();
  }
}

/**
 * What the journal tells of the window. A job that the base did not list may be deleted, or lie outside the window by
 * the base's own date: it is read by its id, at a request for fifty, as long as the pages that are allowed suffice.
 */
async function statsJournal(
  { writes, webhooks }: PastWithPath,
  jobs: readonly FinishedJob[],
  by: StatsPolicy,
  room: number,
  store: Pick<JobStore, "readJobs">,
  signal: AbortSignal,
): Promise<StatsJournal> {
  const rescues = rescuesOf(writes, webhooks, by);
  const missing = notListed(jobs, rescues, by);
  const looked = missing.slice(0, room * READ_BATCH);
  const gone = new Set<string>();
  for (let start = 0; start < looked.length; start += READ_BATCH) {
    const ids = looked.slice(start, start + READ_BATCH);
    const found = await store.readJobs(ids, signal);
    for (const id of ids) if (!found.has(id)) gone.add(id);
  }
  const deeds = [...writes.filter(({ undoes, possiblyApplied }) => undoes === null && possiblyApplied), ...webhooks];
  const runs = new Set(deeds.filter(({ at }) => at > by.since).map(({ run }) => run));
  return { rescues, runs: runs.size, gone, unchecked: missing.length - looked.length };
}

function rendered(report: StatsReport, flags: StatsFlags, context: CommandContext): string {
  if (flags.output === "json") return renderStatsJson(report);
  return renderStats(report, { columns: context.terminal.columns, chalk: chalkFor(flags, context) });
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "path" in error;
}
