import { type Command, Option } from "commander";
import { readEnvironment } from "../../config/env/environment.ts";
import type { Env } from "../../config/env/variables.ts";
import { ConfigError } from "../../config/problems.ts";
import type { Duration } from "../../core/domain/job.ts";
import type { Sandbox } from "../../sandbox/server.ts";
import { systemClock } from "../../system/clock.ts";
import { type CommandContext, configureLog, type Invocation } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Flags } from "../options.ts";
import { addMonitoringOptions, addRecoverOptions, addSharedOptions, duration } from "../options.ts";
import { type Interval, runAtInterval } from "../run/interval-loop.ts";
import { isPlanned, requireWholeFleet, runConfigured } from "../run/run-configured.ts";
import { handleSignals, type Shutdown } from "../run/signals.ts";
import { openSandbox } from "../sandbox.ts";
import { readBases } from "../settings/read-settings.ts";
import { type Configured, requireOperations } from "../settings/select-bases.ts";
import { formatDuration } from "../terminal/format.ts";
import { problemLines } from "../terminal/log.ts";

/** Adds `stuck-jobs watch`: `recover` at an interval, for platforms without a cron. */
export function addWatch(program: Command, context: CommandContext): void {
  const command = program
    .command("watch")
    .description(
      "Runs `recover` at an interval in one process, for platforms without a cron. Sweeps do not overlap; each takes the lock and reads configuration and secrets again. While the base or the storage fails, each run doubles the interval, up to ten times its length. SIGTERM and SIGINT end it after the write in flight.",
    )
    .addOption(
      new Option("--every <dur>", "the interval (default: POLLING_INTERVAL_MINUTES, or 2m)").argParser(duration),
    )
    .addOption(new Option("--jitter <dur>", "delay each sweep by a random time up to this").argParser(duration));
  addMonitoringOptions(addRecoverOptions(addSharedOptions(command)))
    .option("--force", "override the safety brake")
    .addHelpText(
      "after",
      `
Examples:
  stuck-jobs watch --every 2m
  stuck-jobs watch --every 2m --jitter 15s --log-format json
  stuck-jobs watch --sandbox --every 10s     try it without a base`,
    )
    .action(async (flags: WatchFlags) => {
      configureLog("watch", flags, context.terminal);
      context.exit(await runWatch(flags, context));
    });
}

/** The flags of `watch` beyond those of `recover`. */
interface WatchFlags extends Flags {
  readonly every?: Duration;
  readonly jitter?: Duration;
}

/** The least default deadline: sweeps do not overlap, so one may take longer than a short interval. */
const LEAST_DEADLINE: Duration = 90_000;
const DEADLINE_SHARE = 0.75;

/** Runs watch and returns the exit code of the signal that ends it. */
async function runWatch(flags: WatchFlags, { env, terminal }: CommandContext): Promise<ExitCode> {
  const interval = intervalOf(flags, env);
  const deadline = flags.deadline ?? Math.max(interval.every * DEADLINE_SHARE, LEAST_DEADLINE);
  const invocation: Invocation = { env, terminal, command: "recover", flags: { ...flags, deadline } };
  const sandbox = flags.sandbox ? await openSandbox(flags.sandbox, { delayedWebhook: true }) : null;
  const stop = handleSignals((name) => terminal.log(`${name}: finishing the write in flight`));
  try {
    return await watch(invocation, interval, sandbox, stop);
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

function intervalOf({ every: given, jitter = 0 }: WatchFlags, env: Env): Interval {
  const { intervalMinutes } = readEnvironment({ POLLING_INTERVAL_MINUTES: env.POLLING_INTERVAL_MINUTES });
  const every = given ?? intervalMinutes * 60_000;
  if (every < 1_000) throw new ConfigError([{ path: "--every", message: `found ${every}ms; expected 1s or more` }]);
  if (jitter <= every) return { every, jitter };
  const message = `found ${formatDuration(jitter)}; expected no more than the interval, ${formatDuration(every)}`;
  throw new ConfigError([{ path: "--jitter", message }]);
}

async function watch(
  invocation: Invocation,
  interval: Interval,
  sandbox: Sandbox | null,
  stop: Shutdown,
): Promise<ExitCode> {
  const { terminal } = invocation;
  // An invalid configuration at the start ends the program; later it may be in the middle of an edit.
  const given = await readBases(invocation, sandbox);
  if (given === "disabled") {
    terminal.log("disabled by POLLING_ENABLED=false");
    return EXIT.success;
  }
  requireOperations(given);
  requireWholeFleet(invocation, given);
  const every = given.bases[0].fleet?.interval ?? interval.every;
  const pace = paceOf(invocation, given, interval);
  const what = given.isList ? `${given.bases.length} bases` : `base ${given.bases[0].store.baseId}`;
  const asWorker = pace === interval ? "" : ", with the other hosts of the fleet";
  terminal.log(`sweeping ${what} every ${formatDuration(every)}${asWorker}`);
  let first: Configured | null = given;
  await runAtInterval(
    pace,
    {
      clock: systemClock,
      random: Math.random,
      signal: stop.signal,
      backingOff: (wait) => terminal.log(`next run in ${formatDuration(wait)}`, "warn"),
    },
    async () => {
      const found = first ?? (await readAgain(invocation, sandbox));
      first = null;
      if (found === null) return "failed";
      try {
        return (await runConfigured(invocation, found, invocation.flags.output ?? "summary", stop)).status;
      } finally {
        terminal.logAs({ runId: null });
      }
    },
  );
  return stop.code() ?? EXIT.success;
}

/** The fewest passes within a heartbeat: what a lost host held is found soon after. */
const PASSES = 2;

/** In a fleet the slots are its interval, and this host looks for work more often: that costs one statement. */
function paceOf(invocation: Invocation, { bases: [{ fleet }] }: Configured, interval: Interval): Interval {
  if (fleet === null || !isPlanned(invocation)) return interval;
  return { every: Math.min(interval.every, fleet.heartbeat / PASSES), jitter: 0 };
}

/** Reads configuration and secrets again, as a run of cron would; null where they are invalid. */
async function readAgain(invocation: Invocation, sandbox: Sandbox | null): Promise<Configured | null> {
  try {
    const found = await readBases(invocation, sandbox);
    if (found === "disabled") return null;
    requireOperations(found);
    return found;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    invocation.terminal.log(problemLines(error), "error");
    return null;
  }
}
