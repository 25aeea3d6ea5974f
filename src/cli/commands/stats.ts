import { readFile, writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { Duration } from "../../core/domain/job.ts";
import { countRequests } from "../../core/domain/report.ts";
import { isUpstreamFailure } from "../../core/ports/errors.ts";
import type { FinishedJob, JobStore } from "../../core/ports/ports.ts";
import { readJournaledOutcomes } from "../../core/stats/journal-outcomes.ts";
import { findUnlisted, type StatsJournal } from "../../core/stats/journal-totals.ts";
import { estimateMonthlyRequests, type MonthlyRequests } from "../../core/stats/monthly-requests.ts";
import { type StatsPolicy, statsOf } from "../../core/stats/stats.ts";
import { READ_BATCH } from "../../core/sweep/apply/batches.ts";
import { requestCounters } from "../../monitoring/metrics.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import { durationsFile, saveDurations } from "../learned-durations.ts";
import { baseOption, duration, type SandboxName, sandboxOption, wholeNumber } from "../options.ts";
import { recordUrls } from "../render/links.ts";
import { renderStatsJson } from "../render/stats/json.ts";
import { renderStatsPage } from "../render/stats/page.ts";
import type { StatsReport } from "../render/stats/report.ts";
import { renderStats } from "../render/stats/table.ts";
import { chalkFor } from "../render/table.ts";
import { openBase } from "../run/adapters.ts";
import { startDeadlines } from "../run/deadlines.ts";
import { openFleetShare } from "../run/fleet/fleet-share.ts";
import { journalNameOf, readPast } from "../run/open-journal.ts";
import { handleSignals, type Shutdown } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readSettings } from "../settings/read-settings.ts";
import { linesOf } from "../terminal/log.ts";

/** The flags of `stuck-jobs stats`. */
export interface StatsFlags {
  readonly since: Duration;
  readonly maxPages: number;
  readonly output?: "table" | "json";
  readonly html?: string;
  readonly quota: number;
  readonly learn?: boolean;
  readonly journal?: string;
  readonly color: boolean;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly sandbox?: SandboxName;
}

const WEEK: Duration = 7 * 86_400_000;

/** Adds `stuck-jobs stats`: counts lost webhooks and recoveries. */
export function addStats(program: Command, context: CommandContext): void {
  program
    .command("stats")
    .description(
      "Counts the jobs created recently: completed by their webhook or by polling, failed and why, still stuck; the time to recovery; the trend of lost webhooks; the typical duration of each operation, with suggested thresholds. Reads the base and the journal, and never writes to the base.",
    )
    .addOption(
      new Option("--since <dur>", "jobs created this long ago or later").argParser(duration).default(WEEK, "7d"),
    )
    .addOption(
      new Option("--max-pages <n>", "read at most this many pages of 100 jobs, each one request")
        .argParser(wholeNumber(1, 1000))
        .default(50),
    )
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .option("--html <file>", "also write an HTML page with plots to this file")
    .addOption(
      new Option("--quota <n>", "Airtable calls a month that the plan allows")
        .argParser(wholeNumber(1, 1_000_000_000))
        .default(100_000),
    )
    .option("--learn", "save the typical durations, which scan then shows")
    .option("--journal <path|none>", "the journal of earlier runs (default: in the state folder)")
    .option("--no-color", "no colours")
    .option("--config <file>", "read this configuration file")
    .addOption(baseOption())
    .addOption(sandboxOption("use the embedded sandbox instead of a base"))
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

/** Runs stats and returns its exit code. */
async function runStats(flags: StatsFlags, context: CommandContext): Promise<ExitCode> {
  const { env, terminal } = context;
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: false }) : null;
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
    if (settings === "disabled") return EXIT.success;
    const past = await readJournal(flags, settings, context);
    const monthly = await monthlyRequests(flags, settings, context);
    const report = { ...(await gather(flags, settings, past, stop)), monthly };
    if (report.truncated) {
      const words = `only the first ${report.stats.total.jobs} jobs were read. Raise --max-pages or shorten --since.`;
      terminal.log(words, "warn");
    }
    if (flags.html !== undefined) {
      await writeFile(flags.html, terminal.redact(renderStatsPage(report)));
    }
    if (flags.learn) await saveDurations(durationsFile(settings, env), report.stats);
    terminal.out(rendered(report, flags, context));
    return EXIT.success;
  } catch (error) {
    const stopped = stop.code();
    if (stopped !== null) return stopped;
    if (isFileError(error)) {
      terminal.log(`--html: cannot write the file: ${error.message}`, "error");
      return EXIT.usage;
    }
    if (!isUpstreamFailure(error)) throw error;
    terminal.log(linesOf(error), "error");
    return exitCodeOfFailure(error);
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

/** Reads the journal; null where it is off, and where the default one does not exist. */
async function readJournal({ journal: asked }: StatsFlags, settings: Settings, { env, terminal }: CommandContext) {
  const path = journalNameOf(settings, env);
  if (path === null) return null;
  try {
    const past = await readPast(settings, env);
    if (past !== null) return { path, ...past };
  } catch (error) {
    if (!isFileError(error)) throw error;
    if (asked === undefined) {
      terminal.log(`cannot read the journal ${path}: ${error.message}; continuing without it`, "warn");
      return null;
    }
    throw new ConfigError([{ path: "--journal", message: `cannot be read: ${error.message}` }]);
  }
  if (asked === undefined) return null;
  throw new ConfigError([{ path: "--journal", message: `found no journal at ${path}` }]);
}

/** Estimates what sweeps cost, by the metrics file of the environment where there is one. */
async function monthlyRequests(
  { quota }: StatsFlags,
  settings: Settings,
  { env }: CommandContext,
): Promise<MonthlyRequests | null> {
  if (settings.store.kind !== "airtable") return null;
  const { metricsFile, intervalMinutes } = readEnvironment(env);
  // Where it cannot be read, the least that sweeps cost is shown.
  const text = metricsFile === null ? "" : await readFile(metricsFile, "utf8").catch(() => "");
  return estimateMonthlyRequests(intervalMinutes, requestCounters(text, settings.store.baseId), quota);
}

type JournalWithPath = NonNullable<Awaited<ReturnType<typeof readJournal>>>;

/** Reads the jobs of the window page by page, and counts them together with the journal. */
async function gather(
  { since, maxPages }: StatsFlags,
  settings: Settings,
  past: JournalWithPath | null,
  stop: Shutdown,
): Promise<Omit<StatsReport, "monthly">> {
  const limits = startDeadlines(null, stop);
  const share = await openFleetShare(settings, false);
  const { store, close } = await openBase(settings, limits.remaining, share?.shared);
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
    const pagesLeft = truncated ? 0 : maxPages - pages;
    const journal = past === null ? null : await statsJournal(past, jobs, by, pagesLeft, store, limits.reads);
    return {
      stats: statsOf(jobs, by, journal),
      journalPath: past?.path ?? null,
      truncated,
      requests: countRequests(store.kind, store.requests()),
      recordUrl: recordUrls(settings.store.baseId, statuses.table),
      operations,
      completedAt: statuses.fields.completedAt,
    };
  } finally {
    limits.dispose();
    await close();
    await share?.close();
  }
}

/**
 * Reads the journal's outcomes of the window. A job that the base did not list may be deleted or outside the window by
 * the base's own date: it is read by its id, fifty a request, within the allowed number of pages.
 */
async function statsJournal(
  { writes, webhooks }: JournalWithPath,
  jobs: readonly FinishedJob[],
  by: StatsPolicy,
  pagesLeft: number,
  store: Pick<JobStore, "readJobs">,
  signal: AbortSignal,
): Promise<StatsJournal> {
  const outcomes = readJournaledOutcomes(writes, webhooks, by);
  const missing = findUnlisted(jobs, outcomes, by);
  const checked = missing.slice(0, pagesLeft * READ_BATCH);
  const gone = new Set<string>();
  for (let start = 0; start < checked.length; start += READ_BATCH) {
    const ids = checked.slice(start, start + READ_BATCH);
    const found = await store.readJobs(ids, signal);
    for (const id of ids) if (!found.has(id)) gone.add(id);
  }
  const events = [...writes.filter(({ undoes, possiblyApplied }) => undoes === null && possiblyApplied), ...webhooks];
  const runs = new Set(events.filter(({ at }) => at > by.since).map(({ run }) => run));
  return { outcomes, runs: runs.size, gone, unchecked: missing.length - checked.length };
}

function rendered(report: StatsReport, flags: StatsFlags, context: CommandContext): string {
  if (flags.output === "json") return renderStatsJson(report, context.terminal.toJson);
  return renderStats(report, { columns: context.terminal.columns, chalk: chalkFor(flags, context) });
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "path" in error;
}
