import { type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Settings } from "../../config/settings.ts";
import type { Duration } from "../../core/domain/job.ts";
import { pluralize } from "../../core/domain/plural.ts";
import { makeVisible } from "../../core/domain/visible.ts";
import { type Difference, replay } from "../../core/replay/replay.ts";
import { filesOf } from "../../journal/append-file.ts";
import { NoJournalError, readLines } from "../../journal/read.ts";
import { recordedRuns } from "../../journal/recorded-runs.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { baseOption, duration, durationOrNone } from "../options.ts";
import { journalNameOf, withDatabaseLines } from "../run/open-journal.ts";
import { listsBases, requireSingleBase, resolveConfigured } from "../settings/select-bases.ts";
import { formatDuration } from "../terminal/format.ts";

/** The flags of `stuck-jobs replay`. */
export interface ReplayFlags {
  readonly journal?: string;
  readonly config?: string;
  readonly base?: readonly string[];
  readonly run?: string;
  readonly olderThan?: Duration;
  readonly failAfter?: Duration;
  readonly maxAge?: Duration | "none";
  readonly output?: "table" | "json";
}

/** Adds `stuck-jobs replay`: re-evaluates recorded jobs with another configuration. */
export function addReplay(program: Command, context: CommandContext): void {
  program
    .command("replay")
    .description(
      "Re-evaluates the jobs recorded in a journal, using the recorded evidence and the given configuration, and shows the verdicts that differ. Writes nothing, sends no request, needs no token.",
    )
    .option("--journal <path>", "the journal to read, with its rotated files (default: that of the configuration)")
    .option("--config <file>", "the configuration to evaluate with (default: the one found from here)")
    .addOption(baseOption())
    .option("--run <id>", "only this run")
    .addOption(new Option("--older-than <dur>", "use this stuckAfter").argParser(duration))
    .addOption(new Option("--fail-after <dur>", "use this failAfter").argParser(duration))
    .addOption(new Option("--max-age <dur|none>", "use this maxAge").argParser(durationOrNone))
    .addOption(new Option("-o, --output <format>", "table (text) or json").choices(["table", "json"]))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs replay --config new.yaml
  stuck-jobs replay --journal journal.ndjson --fail-after 3h
  stuck-jobs replay --journal journal.ndjson --config new.yaml -o json | jq '.differences | length'`,
    )
    .action(async (flags: ReplayFlags) => {
      context.exit(await runReplay(flags, context));
    });
}

/** More rotated files than a journal ever keeps. */
const MOST_FILES = 100;

/** Runs replay and returns its exit code. */
async function runReplay(flags: ReplayFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const settings = await settingsOf(flags, env);
  const journal = flags.journal ?? journalNameOf(settings, env);
  const runs = (await runsIn(journal, flags, settings)).filter(
    ({ run }) => flags.run === undefined || run === flags.run,
  );
  if (runs.length === 0) {
    const what = flags.run === undefined ? "run with writes" : `run ${flags.run}`;
    throw new ConfigError([{ path: "--journal", message: `found no ${what} in ${journal}` }]);
  }
  const differences = runs.flatMap(({ run, command, at, contextFields, jobs }) => {
    const policy = {
      stuckStatuses: settings.jobs.stuckStatuses,
      operations: settings.operations,
      thresholds: settings.thresholds,
      mode: command === "fail-old" ? ("fail" as const) : ("recover" as const),
      failEnabled: true,
    };
    const rules = { policy, failedStatus: settings.jobs.failedStatus, brake: settings.brake };
    return replay(contextFields, jobs, rules).map((difference) => ({ run, at, ...difference }));
  });
  const jobs = runs.reduce((sum, run) => sum + run.jobs.length, 0);
  terminal.out(
    flags.output === "json"
      ? `${terminal.toJson({ schema: "stuck-jobs/replay@1", runs: runs.length, jobs, differences: differences.map(asJson) }, 2)}\n`
      : page(differences, `${pluralize(runs.length, "run")}, ${pluralize(jobs, "verdict")}`),
  );
  return EXIT.success;
}

/** Resolves the settings without a token and a base, which the rules do not need. */
async function settingsOf(flags: ReplayFlags, env: CommandContext["env"]): Promise<Settings> {
  const environment = readEnvironment(env);
  const file = await readConfigFile(flags.config ?? null, process.cwd());
  const { token, baseId } = environment;
  const known = {
    ...environment,
    token: token ?? "none",
    baseId: listsBases(file) ? baseId : (baseId ?? "appNone"),
    databaseUrl: environment.databaseUrl ?? (flags.journal === undefined ? null : NO_DATABASE),
  };
  const found = resolveConfigured(file, known, flags.base ?? null, {
    stuckAfter: flags.olderThan,
    failAfter: flags.failAfter,
    maxAge: flags.maxAge === "none" ? null : flags.maxAge,
  });
  return requireSingleBase(found);
}

/** Stands in where a file is read: no database is asked. */
const NO_DATABASE = "postgres://nobody@localhost/nothing";

async function runsIn(journal: string | null, flags: ReplayFlags, settings: Settings) {
  const { place } = settings.journal;
  if (flags.journal === undefined && place?.kind === "postgres") {
    return await withDatabaseLines(place, settings.store.baseId, ["run", "verdict"], recordedRuns);
  }
  if (journal === null) {
    throw new ConfigError([{ path: "--journal", message: "the journal is disabled; replay needs one" }]);
  }
  try {
    return await recordedRuns(readLines(filesOf(journal, MOST_FILES)));
  } catch (error) {
    if (!(error instanceof NoJournalError)) throw error;
    throw new ConfigError([{ path: "--journal", message: error.message }]);
  }
}

type Dated = Difference & { readonly run: string; readonly at: string };

function asJson({ age, ...rest }: Dated) {
  return { ...rest, ageSeconds: age === null ? null : Math.round(age / 1000) };
}

function page(differences: readonly Dated[], scope: string): string {
  if (differences.length === 0) return `No verdict would differ (${scope}).\n`;
  const said = ({ kind, reason }: { readonly kind: string; readonly reason: string }) => {
    return kind === reason ? kind : `${kind} ${reason}`;
  };
  const lines = differences.map(({ at, id, operation, age, before, now }) => {
    const why = now.detail === "" ? "" : `  (${now.detail})`;
    return makeVisible(
      `${at.slice(0, 19)}Z  ${id}  ${operation ?? "–"}, ${formatDuration(age)}: ${said(before)} → ${said(now)}${why}`,
    );
  });
  return `${lines.join("\n")}\n\n${pluralize(differences.length, "verdict")} would differ (${scope}).\n`;
}
