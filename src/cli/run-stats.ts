import { writeFile } from "node:fs/promises";
import type { Env } from "../config/environment.ts";
import type { Settings } from "../config/settings.ts";
import { isFault, type PastJob } from "../core/ports.ts";
import { statsOf } from "../core/stats.ts";
import { openBase } from "./adapters.ts";
import { systemClock } from "./clock.ts";
import type { StatsFlags } from "./commands/stats.ts";
import { EXIT, type ExitCode, exitCodeOfFault } from "./exit-codes.ts";
import { keepPace, paceFileOf } from "./learned-pace.ts";
import { armLimits } from "./limits.ts";
import { readSettings } from "./read-settings.ts";
import type { StatsReport } from "./render/stats/report.ts";
import { openSandbox } from "./sandbox.ts";
import { catchSignals, type Stop } from "./stop.ts";
import type { Terminal } from "./terminal.ts";

interface Around {
  readonly env: Env;
  readonly terminal: Terminal;
}

/** Runs stats from flags to exit code. */
export async function runStats(flags: StatsFlags, { env, terminal }: Around): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: false }) : null;
  const stop = catchSignals((signal) => terminal.log(`${signal}: stopping`));
  try {
    const { output, color, config } = flags;
    const asked = { color, ...(output === undefined ? {} : { output }), ...(config === undefined ? {} : { config }) };
    const settings = await readSettings({ command: "scan", flags: asked, env, terminal }, sandbox);
    if (settings === "disabled") return EXIT.done;
    const report = await gather(flags, settings, stop);
    if (report.truncated) {
      const words = `only the first ${report.stats.total.jobs} jobs were read: see --max-pages, or take a shorter --since`;
      terminal.log(words, "warn");
    }
    if (flags.html !== undefined) {
      const { renderStatsPage } = await import("./render/stats/page.ts");
      await writeFile(flags.html, terminal.redact(renderStatsPage(report)));
    }
    if (flags.learn) await keepPace(paceFileOf(settings, env), report.stats);
    terminal.out(await rendered(report, flags, { env, terminal }));
    return EXIT.done;
  } catch (error) {
    const stopped = stop.code();
    if (stopped !== null) return stopped;
    if (isFileError(error)) {
      terminal.log(`the file could not be written: ${error.message}`, "error");
      return EXIT.usage;
    }
    if (!isFault(error)) throw error;
    terminal.log(`${error.message}${error.hint === null ? "" : `\n${error.hint}`}`, "error");
    return exitCodeOfFault(error);
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

/** Reads the jobs of the window, page by page, and counts them. */
async function gather({ since, maxPages }: StatsFlags, settings: Settings, stop: Stop): Promise<StatsReport> {
  const limits = armLimits(null, stop);
  const { store, close } = openBase(settings, limits.remaining);
  try {
    const after = systemClock.now() - since;
    const jobs: PastJob[] = [];
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
    const now = systemClock.now() + (store.skew() ?? 0);
    const policy = { stuckStatuses, operations, thresholds, mode: "recover", failing: true } as const;
    return {
      stats: statsOf(jobs, { ...statuses, policy, since: now - since, now }),
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

async function rendered(report: StatsReport, { output, color }: StatsFlags, { env, terminal }: Around) {
  if (output === "json") return (await import("./render/stats/json.ts")).renderStatsJson(report);
  const [{ Chalk, supportsColor }, { renderStats }] = await Promise.all([
    import("chalk"),
    import("./render/stats/table.ts"),
  ]);
  const level = color && terminal.stdoutIsTerminal && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
  return renderStats(report, { columns: terminal.columns, chalk: new Chalk({ level }) });
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && "path" in error;
}
