import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Argument, type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import type { Env } from "../../config/env/variables.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Duration } from "../../core/domain/job.ts";
import { INTERVALS_ALLOWED, type Interval, intervalOf } from "../../schedule/interval.ts";
import { type ConfigPath, type RenderedFile, TARGETS, type Target } from "../../schedule/schedule.ts";
import { RENDERERS } from "../../schedule/targets.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { duration } from "../options.ts";
import type { Terminal } from "../terminal/terminal.ts";

interface PrintFlags {
  readonly every?: Duration;
  readonly config?: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** Adds `stuck-jobs schedule`: files for a scheduler. */
export function addSchedule(program: Command, context: CommandContext): void {
  const { terminal, exit } = context;
  const schedule = program
    .command("schedule")
    .description("Prints files that let a scheduler run `recover`, for this configuration and interval.");
  schedule
    .command("print")
    .summary("print or write the files for a scheduler")
    .description(
      "Prints the files that let a scheduler run `recover`, each below a line with its path, or writes them into a folder. Needs no token and sends no request.",
    )
    .addArgument(new Argument("<target>", "the scheduler").choices([...TARGETS]))
    .addOption(
      new Option("--every <dur>", "the interval (default: POLLING_INTERVAL_MINUTES, or 2m)").argParser(duration),
    )
    .option("--config <file>", "configuration file for the scheduled run (default: the one found from here)")
    .option("--out <dir>", "write the files into this folder instead")
    .addOption(new Option("--force", "with --out, overwrite files that differ"))
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs schedule print crontab                   see it
  stuck-jobs schedule print systemd --out units       write stuck-jobs.service and stuck-jobs.timer into units/
  stuck-jobs schedule print kubernetes --every 10m`,
    )
    .action(async (target: Target, flags: PrintFlags) => {
      terminal.logAs({ command: "schedule" });
      exit(await printSchedule(target, flags, context));
    });
}

/**
 * Renders the files of a scheduler and prints them, or writes them into a folder.
 *
 * @throws ConfigError for an interval that cron cannot keep and for a configuration file that cannot be read.
 */
async function printSchedule(
  target: Target,
  flags: PrintFlags,
  { env, terminal }: Pick<CommandContext, "env" | "terminal">,
): Promise<ExitCode> {
  const { out, force = false } = flags;
  const every = intervalFor(flags.every, env);
  const config = await configFor(flags.config, terminal);
  const files = RENDERERS[target]({ every, config, folders: programFolders(process) });
  if (out !== undefined) return await write(files, out, force, terminal);
  const texts = files.map(({ path, content }) => `# ==> ${path} <==\n${content}`);
  terminal.out(texts.join("\n"));
  return EXIT.success;
}

function intervalFor(flag: Duration | undefined, env: Env): Interval {
  // Only this variable is read: a token file may be readable only where the schedule runs.
  const { intervalMinutes } = readEnvironment({ POLLING_INTERVAL_MINUTES: env.POLLING_INTERVAL_MINUTES });
  const interval = intervalOf(flag ?? intervalMinutes * 60_000);
  if (interval !== null) return interval;
  const [path, found] =
    flag === undefined ? ["POLLING_INTERVAL_MINUTES", `${intervalMinutes}`] : ["--every", `${flag / 60_000} minutes`];
  throw new ConfigError([{ path, message: `found ${found}; expected ${INTERVALS_ALLOWED}` }]);
}

/** Returns the named file, else the one a run from here would find: a scheduler starts in another folder. */
async function configFor(named: string | undefined, terminal: Terminal): Promise<ConfigPath | null> {
  const found = named ?? (await readConfigFile(null, process.cwd())).path;
  if (found === null) return null;
  const absolute = resolve(found);
  // A line break would end the command in all of these files.
  if (/[\r\n]/.test(absolute))
    throw new ConfigError([{ path: "--config", message: "found a line break in the path; expected none" }]);
  if (!existsSync(absolute)) terminal.log(`${absolute} does not exist on this machine`, "warn");
  return { absolute, relative: relative(process.cwd(), absolute) };
}

/** Returns the folders of this program and its Node, which cron would not find under nvm and the like. */
function programFolders({ execPath, argv }: NodeJS.Process): readonly string[] {
  const script = argv[1] ?? "";
  return [...new Set([...(basename(script) === "stuck-jobs" ? [dirname(script)] : []), dirname(execPath)])];
}

/** Writes all files, or none where one exists and differs. */
async function write(
  files: readonly RenderedFile[],
  folder: string,
  force: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const existing = await Promise.all(files.map(async ({ path }) => await contentOf(join(folder, path))));
  const differing = files.filter(({ content }, n) => existing[n] !== null && existing[n] !== content);
  if (differing.length > 0 && !force) {
    for (const { path } of differing) terminal.log(`${join(folder, path)} exists and differs`, "error");
    terminal.log("nothing was written. Use --force to overwrite, or another --out.", "error");
    return EXIT.usage;
  }
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
    terminal.out(`${join(folder, path)}\n`);
  }
  return EXIT.success;
}

/** Returns the text of a file; null without one. */
async function contentOf(path: string): Promise<string | null> {
  return existsSync(path) ? await readFile(path, "utf8") : null;
}
