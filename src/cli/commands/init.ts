import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Command } from "commander";
import { configurationKeys } from "../../config/docs/reference.ts";
import { readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError } from "../../config/problems.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import { NEW_TOKEN } from "../../doctor/token.ts";
import { renderFile } from "../../init/render-config.ts";
import { systemClock } from "../../system/clock.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import { type OpenBase, openUnconfigured } from "../run/adapters.ts";
import { linesOf } from "../terminal/log.ts";
import { defaultPrompter, InterviewEnded, openInterview, type Prompter } from "../terminal/prompts.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { VERSION } from "../version.ts";
import { runDoctor } from "./doctor.ts";
import { buildPlan } from "./init-plan.ts";
import { runSweep } from "./sweep.ts";

/** The flags of `stuck-jobs init`. */
export interface InitFlags {
  readonly yes?: boolean;
  readonly output: string;
  readonly dryRun?: boolean;
  readonly base?: string;
  readonly table?: string;
  readonly storageUrl?: string;
  readonly color: boolean;
}

/** Adds `stuck-jobs init`: writes a configuration from the base's schema. */
export function addInit(program: Command, context: CommandContext): void {
  program
    .command("init")
    .description(
      "Reads the base's schema and its latest jobs, finds the table, fields and statuses of the jobs, proposes an operation for each kind of work, and writes a commented configuration file. Then runs doctor and scan with it. Asks on a terminal. Writes only that file, and never overwrites one.",
    )
    .option("-y, --yes", "accept the defaults without asking")
    .option("--output <file>", "the file to write", ".stuck-jobsrc.yaml")
    .option("-n, --dry-run", "print the file, write and run nothing")
    .option("--base <id>", "the base (or AIRTABLE_BASE_ID)")
    .option("--table <name>", "the table of the jobs, if it is not found")
    .option("--storage-url <url>", "the URL prefix of the outputs, if it is not found in the jobs")
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      `
The token, AIRTABLE_API_KEY, needs the scopes data.records:read and schema.bases:read. Without the latter init asks for
the names of the table and the fields.

Examples:
  stuck-jobs init                  asks, and writes .stuck-jobsrc.yaml
  stuck-jobs init --yes --dry-run  print the file only`,
    )
    .action(async (flags: InitFlags) => {
      context.exit(await runInit(flags, context));
    });
}

/** Runs init and returns its exit code. */
async function runInit(flags: InitFlags, context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  const path = resolve(flags.output);
  if (!flags.dryRun && existsSync(path)) {
    terminal.log(
      `${flags.output} exists and is not overwritten. Use --output for another file, or --dry-run to print.`,
      "error",
    );
    return EXIT.usage;
  }
  if (!flags.yes && process.stdin.isTTY !== true) {
    throw new ConfigError([
      { path: "init", message: "is interactive and stdin is not a TTY; use --yes to accept the defaults" },
    ]);
  }
  const say = (text: string) => terminal.log(text);
  const interview = flags.yes ? defaultPrompter() : openInterview(say);
  let text: string;
  try {
    text = await renderConfig(path, flags, interview, context);
  } catch (error) {
    if (error instanceof InterviewEnded) {
      terminal.log("nothing was written", "error");
      return EXIT.interrupted;
    }
    if (!(error instanceof UpstreamError)) throw error;
    terminal.log(linesOf(error), "error");
    return exitCodeOfFailure(error);
  } finally {
    interview.close();
  }
  if (flags.dryRun) {
    terminal.out(text);
    return EXIT.success;
  }
  // "wx": the file may exist by now, and is never overwritten.
  await writeFile(path, text, { flag: "wx" });
  say(`Wrote ${flags.output}. Running doctor and scan with it.`);
  await warnIfShadowed(path, terminal);
  return await runDoctorAndScan(path, flags, context);
}

async function renderConfig(
  path: string,
  flags: InitFlags,
  interview: Prompter,
  { env, terminal }: CommandContext,
): Promise<string> {
  const environment = readEnvironment(env);
  const { token } = environment;
  if (token === null) throw new ConfigError([{ path: "AIRTABLE_API_KEY", message: "no Airtable token" }], NEW_TOKEN);
  terminal.addSecret(token);
  const open = (baseId: string) =>
    openUnconfigured({
      baseId,
      token,
      endpointUrl: environment.endpointUrl ?? "https://api.airtable.com",
      requestsPerSecond: environment.requestsPerSecond ?? 4,
    });
  const say = (text: string) => terminal.log(text);
  const baseId = flags.base ?? environment.baseId ?? (await chooseBase(open("none"), interview, say));
  const base = open(baseId);
  try {
    const plan = await buildPlan({
      base,
      baseId,
      table: flags.table ?? null,
      storageUrl: flags.storageUrl ?? environment.storageUrl,
      interview,
      say,
      clock: systemClock,
      signal: new AbortController().signal,
    });
    const lines = [
      `Written by stuck-jobs init ${VERSION} for the base ${baseId}.`,
      "docs/configuration.md of the package describes every key and its default.",
    ];
    return renderFile(plan, { schema: schemaReference(path), lines }, configurationKeys());
  } finally {
    base.close();
  }
}

/** Returns the only base that the token can read, or asks for one. */
async function chooseBase(base: OpenBase, interview: Prompter, say: (text: string) => void): Promise<string> {
  try {
    const bases = await base.metadata.bases(new AbortController().signal);
    const [only, ...others] = bases;
    if (only !== undefined && others.length === 0) return only.id;
    for (const { id, name } of bases) say(`${id}  ${name}`);
    return await interview.choice(
      "Which base?",
      bases.map(({ id }) => id),
      null,
      "--base",
    );
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== "auth") throw error;
    return await interview.text("The base's id, which begins with app?", null, "--base");
  } finally {
    base.close();
  }
}

/** Warns where cosmiconfig would find another file first. */
async function warnIfShadowed(path: string, terminal: Terminal): Promise<void> {
  const found = (await readConfigFile(null, process.cwd())).path;
  if (found === null || found === path) return;
  terminal.log(`a run from here reads ${relative("", found)} instead. Use --config for the new file.`, "warn");
}

async function runDoctorAndScan(path: string, { color }: InitFlags, context: CommandContext): Promise<ExitCode> {
  const { env, terminal } = context;
  const examined = await runDoctor({ config: path, color }, context);
  if (examined !== EXIT.success) return examined;
  return await runSweep({ command: "scan", flags: { config: path, color }, env, terminal });
}

/** Seen from the bundle in dist/, and from this file. */
const SCHEMA_FILES = ["../schema/stuck-jobsrc.schema.json", "../../../schema/stuck-jobsrc.schema.json"];

/**
 * The JSON Schema in this installation of the package, as an editor takes it from a file at `path`: relative where it
 * lies below, as in a project that has the package in its node_modules, else absolute. Null where it is missing.
 */
function schemaReference(path: string): string | null {
  const file = SCHEMA_FILES.map((file) => fileURLToPath(new URL(file, import.meta.url))).find((file) =>
    existsSync(file),
  );
  if (file === undefined) return null;
  const below = relative(dirname(path), file);
  if (!below.startsWith("..") && !isAbsolute(below)) return `./${below.split(sep).join("/")}`;
  return sep === "/" ? file : pathToFileURL(file).href;
}
