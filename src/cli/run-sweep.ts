import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { type Env, readEnvironment } from "../config/environment.ts";
import { readConfigFile } from "../config/file.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problems.ts";
import { type Settings, settle } from "../config/settings.ts";
import { isFault } from "../core/ports.ts";
import type { Command, Entry, Report } from "../core/report.ts";
import type { Consent, Observer, Run } from "../core/run.ts";
import { sweep } from "../core/sweep.ts";
import { openBase, openStorage } from "./adapters.ts";
import { systemClock } from "./clock.ts";
import { EXIT, type ExitCode, exitCodeOf, exitCodeOfFault, nothingDecided } from "./exit-codes.ts";
import { armLimits } from "./limits.ts";
import { acquireLock } from "./lock.ts";
import type { Flags, OutputFormat } from "./options.ts";
import { startProgress } from "./progress.ts";
import { renderJson, renderNdjsonJob, renderNdjsonSummary } from "./render/json.ts";
import { renderLine } from "./render/line.ts";
import { openSandbox } from "./sandbox.ts";
import type { Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";
import { inWords } from "./words.ts";

/** What a command of the program is run with. */
export interface Invocation {
  readonly command: Command;
  readonly flags: Flags;
  readonly env: Env;
  readonly terminal: Terminal;
}

/** Runs scan, recover or fail-old from flags to exit code. */
export async function runSweep({ command, flags, env, terminal }: Invocation): Promise<ExitCode> {
  if (flags.confirm && process.stdin.isTTY !== true) {
    throw new ConfigError([{ path: "--confirm", message: "asks per job, which takes a terminal on stdin" }]);
  }
  const sandbox = flags.sandbox
    ? await openSandbox({ lateWebhook: command === "recover" && flags.dryRun !== true })
    : null;
  try {
    const environment = readEnvironment(sandbox === null ? env : { ...env, ...sandbox.env });
    if (environment.token !== null) terminal.keepSecret(environment.token);
    if (!environment.pollingEnabled && command !== "scan") {
      terminal.log(`stuck-jobs ${command}: disabled by POLLING_ENABLED=false`);
      return EXIT.done;
    }
    const file =
      sandbox === null ? await readConfigFile(flags.config ?? null, process.cwd()) : { path: null, content: {} };
    const settings = settle(file, environment, {
      stuckAfter: flags.olderThan,
      failAfter: flags.failAfter,
      maxAge: flags.maxAge === "none" ? null : flags.maxAge,
      concurrency: flags.concurrency,
      deadline: flags.deadline,
    });
    checkOperations(flags.operation ?? [], settings);
    return await locked({ command, flags, env, terminal }, settings);
  } finally {
    await sandbox?.close();
  }
}

function checkOperations(named: readonly string[], { operations }: Settings): void {
  const known = operations.map(({ name }) => name);
  const problems = named
    .filter((name) => !known.includes(name))
    .map((name) => {
      const guess = nearest(name, known);
      const suggestion = guess === null ? "" : ` Did you mean ${guess}?`;
      return { path: "--operation", message: `found "${name}"; allowed: ${known.join(", ")}.${suggestion}` };
    });
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Scans and dry runs write nothing, so they need no lock and are never in anyone's way. */
async function locked(invocation: Invocation, settings: Settings): Promise<ExitCode> {
  const { command, flags, terminal } = invocation;
  if (command === "scan" || flags.dryRun) return await swept(invocation, settings);
  const lock = await acquireLock(`${settings.airtable.endpointUrl} ${settings.airtable.baseId}`, new Date());
  if (lock.kind === "taken") {
    const who = lock.by.pid === null ? "another process" : `process ${lock.by.pid}, since ${lock.by.since}`;
    terminal.log(`stuck-jobs ${command}: another run for base ${settings.airtable.baseId} is under way: ${who}`);
    return EXIT.locked;
  }
  try {
    return await swept(invocation, settings);
  } finally {
    await lock.release();
  }
}

async function swept(invocation: Invocation, settings: Settings): Promise<ExitCode> {
  const { command, flags, terminal } = invocation;
  // A person who is asked takes the time they take.
  const deadline = flags.confirm && flags.deadline === undefined ? null : settings.deadline;
  const limits = armLimits(deadline, (name) => terminal.log(`${name}: finishing the write in flight`));
  const base = openBase(settings, () => limits.remaining());
  const storage = openStorage(settings);
  const progress = startProgress(terminal, flags.quiet === true);
  const format = formatOf(flags, terminal);
  const observer: Observer = {
    ...progress,
    settled(entry) {
      if (flags.verbose) terminal.log(decisionLine(entry));
      if (format === "ndjson") terminal.out(renderNdjsonJob(entry));
    },
    warn: (message) => terminal.log(`stuck-jobs ${command}: warning: ${message}`),
  };
  const run: Run = {
    command,
    dryRun: flags.dryRun === true,
    force: flags.force === true,
    limit: flags.limit ?? null,
    named: flags.job ?? null,
    only: flags.operation ?? null,
    policy: {
      stuckStatuses: settings.jobs.stuckStatuses,
      operations: settings.operations,
      thresholds: settings.thresholds,
      mode: command === "fail-old" ? "fail" : "recover",
      failing: flags.fail !== false,
    },
    brake: settings.brake,
    lateOutputs: settings.lateOutputs,
    otherNames: settings.storage.otherNames,
    completedStatus: settings.jobs.completedStatus,
    failedStatus: settings.jobs.failedStatus,
    signature: { runId: randomUUID(), version: VERSION },
    concurrency: settings.storage.concurrency,
    store: base.store,
    probe: storage,
    providers: new Map(),
    clock: systemClock,
    random: Math.random,
    limits,
    observer,
    confirm: flags.confirm ? ask : null,
  };
  try {
    const { report, fault } = await sweep(run);
    progress.stop();
    await print(report, format, invocation);
    if (fault !== null)
      terminal.log(`stuck-jobs ${command}: ${fault.message}${fault.hint === null ? "" : `\n${fault.hint}`}`);
    else if (nothingDecided(report)) {
      terminal.log(
        `stuck-jobs ${command}: nothing could be decided: ${settings.storage.baseUrl} gave no answer for any job`,
      );
    }
    tellMissing(flags.job ?? [], report, terminal, command);
    const stopped = limits.stoppedBy();
    if (stopped !== null) return stopped;
    const code = exitCodeOf(report, fault);
    return code === EXIT.done && flags.exitCode && report.summary.stuck > 0 ? EXIT.stuckFound : code;
  } catch (error) {
    progress.stop();
    const stopped = limits.stoppedBy();
    if (stopped !== null) return stopped;
    if (limits.reads.aborted) {
      terminal.log(`stuck-jobs ${command}: the listing was not finished within the deadline; nothing was decided`);
      return EXIT.unavailable;
    }
    if (!isFault(error)) throw error;
    terminal.log(`stuck-jobs ${command}: ${error.message}${error.hint === null ? "" : `\n${error.hint}`}`);
    return exitCodeOfFault(error);
  } finally {
    limits.dispose();
    await Promise.all([base.close(), storage.close()]);
  }
}

type Format = OutputFormat | "line";

function formatOf(flags: Flags, terminal: Terminal): Format {
  return flags.output ?? (terminal.stdoutIsTerminal ? "table" : "line");
}

async function print(report: Report, format: Format, { flags, terminal, env }: Invocation): Promise<void> {
  switch (format) {
    case "json":
      return terminal.out(renderJson(report));
    case "ndjson":
      return terminal.out(renderNdjsonSummary(report));
    case "line":
      return flags.quiet ? undefined : terminal.out(renderLine(report));
    case "table": {
      if (flags.quiet) return;
      // The only two libraries that serve people: cron and scripts are not made to load them.
      const [{ Chalk, supportsColor }, { renderTable }] = await Promise.all([
        import("chalk"),
        import("./render/table.ts"),
      ]);
      const level =
        flags.color && terminal.stdoutIsTerminal && !env.NO_COLOR && supportsColor ? supportsColor.level : 0;
      return terminal.out(renderTable(report, { columns: terminal.columns, chalk: new Chalk({ level }) }));
    }
  }
}

function decisionLine({ id, externalId, operation, age, verdict, applied, error, sightings }: Entry): string {
  const evidence = sightings.map(({ detail }) => detail).join(", ");
  const parts = [
    `job=${id}`,
    `external=${externalId ?? "-"}`,
    `operation=${operation ?? "-"}`,
    `age=${JSON.stringify(inWords(age))}`,
    `verdict=${verdict.kind}`,
    `reason=${verdict.reason}`,
    `applied=${applied}`,
    ...(verdict.detail === "" ? [] : [`detail=${JSON.stringify(verdict.detail)}`]),
    ...(evidence === "" ? [] : [`evidence=${JSON.stringify(evidence)}`]),
    ...(error === null ? [] : [`error=${JSON.stringify(error)}`]),
  ];
  return parts.join(" ");
}

function tellMissing(named: readonly string[], { entries }: Report, terminal: Terminal, command: Command): void {
  for (const name of named) {
    if (entries.some(({ id, externalId }) => id === name || externalId === name)) continue;
    terminal.log(`stuck-jobs ${command}: ${name} is not among the stuck jobs`);
  }
}

async function ask(entry: Entry): Promise<Consent> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const what = entry.verdict.kind === "fail" ? "Fail" : "Recover";
    const answer = await terminal.question(`${what} ${entry.id} (${entry.operation}, ${inWords(entry.age)})? [y/N] `);
    return /^y(es)?$/i.test(answer.trim()) ? "yes" : "no";
  } finally {
    terminal.close();
  }
}
