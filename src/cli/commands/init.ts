import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Command, Option } from "commander";
import { parse } from "yaml";
import { configurationKeys } from "../../config/docs/reference.ts";
import { type Environment, readEnvironment } from "../../config/env/environment.ts";
import { readConfigFile } from "../../config/file/read-config-file.ts";
import { ConfigError, type Problem } from "../../config/problems.ts";
import { resolveAddress } from "../../config/resolve/postgres.ts";
import { resolveSettings } from "../../config/resolve/resolve.ts";
import { presetNames } from "../../config/schema/config.ts";
import type { Settings } from "../../config/settings.ts";
import { UpstreamError } from "../../core/ports/errors.ts";
import type { DatabaseAddress } from "../../database/database-url.ts";
import { NEW_TOKEN } from "../../doctor/token.ts";
import { renderFull, renderShort } from "../../init/render-config.ts";
import type { InitSource } from "../../init/source.ts";
import { systemClock } from "../../system/clock.ts";
import type { CommandContext } from "../context.ts";
import { EXIT, type ExitCode, exitCodeOfFailure } from "../exit-codes.ts";
import type { Answers, PlanInput, Planned } from "../init/input.ts";
import { buildPlan } from "../init/plan.ts";
import { type SandboxName, sandboxOption } from "../options.ts";
import { type OpenBase, openUnconfigured } from "../run/adapters.ts";
import { openStorages } from "../run/storages.ts";
import { openSandbox } from "../sandbox.ts";
import { linesOf } from "../terminal/log.ts";
import { defaultPrompter, InterviewEnded, openInterview, type Prompter } from "../terminal/prompts.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { VERSION } from "../version.ts";
import { runDoctor } from "./doctor.ts";
import { runSweep } from "./sweep.ts";

/** The flags of `stuck-jobs init`. */
export interface InitFlags {
  readonly yes?: boolean;
  readonly output: string;
  readonly dryRun?: boolean;
  readonly full?: boolean;
  readonly store?: "airtable" | "postgres";
  readonly base?: string;
  readonly table?: string;
  readonly preset?: string;
  readonly status?: string;
  readonly externalId?: string;
  readonly startedAt?: string;
  readonly stuck?: readonly string[];
  readonly completed?: string;
  readonly failed?: string;
  readonly operation?: string;
  readonly pattern?: string;
  readonly target?: string;
  readonly deliver?: string;
  readonly storage?: readonly string[];
  readonly storageUrl?: string;
  readonly sandbox?: SandboxName;
  readonly color: boolean;
}

/** Adds `stuck-jobs init`: writes a configuration from the base's schema and its completed jobs. */
export function addInit(program: Command, context: CommandContext): void {
  program
    .command("init")
    .description(
      "Reads the base's schema and its latest jobs, and learns from those that were completed: table, fields, statuses, where the outputs are, what they are called, and which field receives them. Shows the configuration file, writes it, and runs doctor and scan with it. Asks for what it cannot find out. Writes only that file, and never overwrites one.",
    )
    .option("-y, --yes", "do not ask; flags answer what cannot be learned")
    .option("--output <file>", "the file to write", ".stuck-jobsrc.yaml")
    .option("-n, --dry-run", "print the file, write and run nothing")
    .option("--full", "write all keys, each with its description")
    .addOption(
      new Option("--store <store>", "where the jobs are").choices(["airtable", "postgres"]).default("airtable"),
    )
    .option("--base <id>", "the base (or AIRTABLE_BASE_ID)")
    .addOption(new Option("--preset <name>", "the preset to build on").choices(presetNames()))
    .option("--table <name>", "the table of the jobs")
    .option("--status <field>", "the field of the status")
    .option("--external-id <field>", "the field of the worker's id")
    .option("--started-at <field>", "the date field from which a job's age counts")
    .option("--stuck <value...>", "the status of a running job")
    .option("--completed <value>", "the status of a completed job")
    .option("--failed <value>", "the status of a failed job")
    .option("--operation <name>", "the name of the one operation that all jobs are of")
    .option("--pattern <name>", "what an output is called, e.g. {externalId}.mp4")
    .option("--target <table|self|none>", "which record receives the output: of that table, the job itself, or none")
    .option("--deliver <field>", "the field that receives the output")
    .addOption(
      new Option(
        "--storage <url>",
        "the URL prefix of the outputs or the URL of one of them; <operation>=<url> for one operation, repeatable",
      ).argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]),
    )
    .addOption(new Option("--storage-url <url>", "another name for --storage").hideHelp())
    .addOption(sandboxOption("use the embedded sandbox instead of a base"))
    .option("--no-color", "no colours")
    .addHelpText(
      "after",
      `
The token, AIRTABLE_API_KEY, needs the scopes data.records:read and schema.bases:read. Without the latter name the table
with --table: the fields are then learned from its records. --store postgres reads the catalogue of the database in
STUCK_JOBS_DATABASE_URL instead.

Examples:
  stuck-jobs init                  asks, and writes .stuck-jobsrc.yaml
  stuck-jobs init --yes --dry-run  print the file only
  stuck-jobs init --yes --dry-run --sandbox=renders
  stuck-jobs init --store postgres
  stuck-jobs init --yes --table "Render Tasks" --storage https://acme.s3.amazonaws.com/renders/1f3c.mp4`,
    )
    .action(async (flags: InitFlags) => {
      context.exit(await runInit(flags, context));
    });
}

/** Runs init and returns its exit code. */
async function runInit(flags: InitFlags, context: CommandContext): Promise<ExitCode> {
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: false }) : null;
  try {
    return await initialize(
      flags,
      sandbox === null ? context : { ...context, env: { ...context.env, ...sandbox.env } },
    );
  } finally {
    await sandbox?.close();
  }
}

async function initialize(flags: InitFlags, context: CommandContext): Promise<ExitCode> {
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
    if (!flags.dryRun) {
      for (const line of [
        `${flags.output}:`,
        ...text
          .trimEnd()
          .split("\n")
          .map((line) => `  ${line}`),
      ])
        say(line);
      if (!(await interview.yes("Write it?", true))) throw new InterviewEnded();
    }
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
  const answers = answersOf(flags, environment);
  const say = (text: string) => terminal.log(text);
  const signal = new AbortController().signal;
  const asked = { answers, interview, say, clock: systemClock, signal };
  const { plan, example } =
    flags.store === "postgres"
      ? await (await import("../init/postgres.ts")).planDatabase(findDatabase(environment, terminal), asked)
      : await planBase(flags, environment, asked, terminal);
  const header = {
    schema: schemaReference(path),
    lines: [`Written by stuck-jobs init ${VERSION}; docs/configuration.md of the package has every key.`],
  };
  const text = flags.full ? renderFull(plan, header, configurationKeys()) : renderShort(plan, header);
  const settings = resolveSettings(
    { path: null, content: parse(text) },
    { ...environment, baseId: plan.database === null ? plan.baseId : null },
    {},
  );
  if (example !== null && !flags.dryRun) await tryExample(example, settings, say);
  return text;
}

/** Returns the database of the environment. @throws ConfigError where there is none */
function findDatabase(environment: Environment, terminal: Terminal): DatabaseAddress {
  const problems: Problem[] = [];
  const address = resolveAddress(environment, problems);
  if (address === null) throw new ConfigError(problems);
  if (environment.databaseUrl !== null) terminal.addSecret(environment.databaseUrl);
  if (address.password !== null) terminal.addSecret(address.password);
  return address;
}

/** Plans a configuration over the tables of a base. */
async function planBase(
  flags: InitFlags,
  environment: Environment,
  asked: Omit<PlanInput, "source" | "baseId">,
  terminal: Terminal,
): Promise<Planned> {
  const { interview, say } = asked;
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
  const baseId = flags.base ?? environment.baseId ?? (await chooseBase(open("none"), interview, say));
  const base = open(baseId);
  try {
    const source: InitSource = { kind: "base", tables: base.metadata.tables, sample: base.readSample };
    return await buildPlan({ ...asked, source, baseId });
  } finally {
    await base.close();
  }
}

/** Returns what the flags say, and the storage that a run from this environment will use. */
function answersOf(flags: InitFlags, { storageUrl }: Environment): Answers {
  const values = [...(flags.storageUrl === undefined ? [] : [flags.storageUrl]), ...(flags.storage ?? [])];
  const storages = new Map<string, string>();
  let storage: string | null = null;
  for (const value of values) {
    const [, operation, url = value] = /^([^:/?#]+)=(.+)$/s.exec(value) ?? [];
    if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
      const message = `found "${value}"; expected the URL of the outputs' folder or of one output: https://…`;
      throw new ConfigError([{ path: "--storage", message }]);
    }
    if (operation === undefined) storage = url;
    else storages.set(operation, url);
  }
  return {
    table: flags.table ?? null,
    preset: flags.preset ?? null,
    status: flags.status ?? null,
    externalId: flags.externalId ?? null,
    startedAt: flags.startedAt ?? null,
    stuck: flags.stuck ?? null,
    completed: flags.completed ?? null,
    failed: flags.failed ?? null,
    operation: flags.operation ?? null,
    pattern: flags.pattern ?? null,
    target: flags.target ?? null,
    deliver: flags.deliver ?? null,
    storage,
    storages,
    runStorage: storageUrl,
  };
}

/** Probes one output and says what the storage answers. */
async function tryExample(url: string, settings: Settings, say: (text: string) => void): Promise<void> {
  const storages = openStorages(settings);
  try {
    const { result, detail } = await (storages.probeFor(url) ?? storages.probe).probe(
      url,
      new AbortController().signal,
    );
    say(
      `An output of a completed job, ${url}: ${detail}${result === "present" ? "" : ", so it cannot be seen from here"}.`,
    );
  } finally {
    await storages.close();
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

/**
 * Each step counts its own requests: without a pause two of them send more than Airtable allows in a second, which then
 * refuses all for half a minute.
 */
const PACE_MS = 1_000;

async function runDoctorAndScan(path: string, { color }: InitFlags, context: CommandContext): Promise<ExitCode> {
  const { env, terminal } = context;
  await systemClock.sleep(PACE_MS);
  const examined = await runDoctor({ config: path, color }, context);
  if (examined !== EXIT.success) return examined;
  await systemClock.sleep(PACE_MS);
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
