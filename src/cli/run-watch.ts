import { readEnvironment } from "../config/env/environment.ts";
import { ConfigError } from "../config/problems.ts";
import type { Duration } from "../core/domain/job.ts";
import type { Sandbox } from "../sandbox/server.ts";
import { systemClock } from "../system/clock.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Invocation } from "./invocation.ts";
import type { Flags } from "./options.ts";
import { type Interval, runAtInterval } from "./run/interval-loop.ts";
import { runConfigured } from "./run/run-configured.ts";
import { handleSignals, type Shutdown } from "./run/signals.ts";
import { openSandbox } from "./sandbox.ts";
import { readBases } from "./settings/read-settings.ts";
import type { Configured } from "./settings/select-bases.ts";
import { formatDuration } from "./terminal/format.ts";

/** The flags of `watch` beyond those of `recover`. */
export interface WatchFlags extends Flags {
  readonly every?: Duration;
  readonly jitter?: Duration;
}

/** What a run may take where the interval is short: with no other process in its way it need not end within that. */
const LEAST_DEADLINE: Duration = 90_000;
const DEADLINE_SHARE = 0.75;

/** Sweeps again and again, from flags to the exit code of the signal that ends it. */
export async function runWatch(flags: WatchFlags, surroundings: Omit<Invocation, "command" | "flags">) {
  const rhythm = rhythmOf(flags, surroundings);
  const deadline = flags.deadline ?? Math.max(rhythm.every * DEADLINE_SHARE, LEAST_DEADLINE);
  const invocation: Invocation = { ...surroundings, command: "recover", flags: { ...flags, deadline } };
  const sandbox = flags.sandbox ? await openSandbox({ lateWebhook: true }) : null;
  const stop = handleSignals((name) => surroundings.terminal.log(`${name}: finishing the write in flight`));
  try {
    return await watch(invocation, rhythm, sandbox, stop);
  } finally {
    stop.dispose();
    await sandbox?.close();
  }
}

function rhythmOf({ every: given, jitter = 0 }: WatchFlags, { env }: Pick<Invocation, "env">): Interval {
  const { intervalMinutes } = readEnvironment({ POLLING_INTERVAL_MINUTES: env.POLLING_INTERVAL_MINUTES });
  const every = given ?? intervalMinutes * 60_000;
  if (every < 1_000) throw new ConfigError([{ path: "--every", message: `found ${every}ms; expected 1s or more` }]);
  if (jitter <= every) return { every, jitter };
  const message = `found ${formatDuration(jitter)}; expected no more than the interval, ${formatDuration(every)}`;
  throw new ConfigError([{ path: "--jitter", message }]);
}

async function watch(
  invocation: Invocation,
  rhythm: Interval,
  sandbox: Sandbox | null,
  stop: Shutdown,
): Promise<ExitCode> {
  const { terminal } = invocation;
  // A configuration that is wrong from the start ends the program; later it may be in the middle of being edited.
  const given = await readBases(invocation, sandbox);
  if (given === "disabled") {
    terminal.log("disabled by POLLING_ENABLED=false");
    return EXIT.done;
  }
  const what = given.isList ? `${given.bases.length} bases` : `base ${given.bases[0].airtable.baseId}`;
  terminal.log(`sweeping ${what} every ${formatDuration(rhythm.every)}`);
  let first: Configured | null = given;
  await runAtInterval(
    rhythm,
    {
      clock: systemClock,
      random: Math.random,
      signal: stop.signal,
      backingOff: (wait) => terminal.log(`the next run is in ${formatDuration(wait)}`, "warn"),
    },
    async () => {
      const found = first ?? (await configuredAnew(invocation, sandbox));
      first = null;
      if (found === null) return "trouble";
      try {
        return (await runConfigured(invocation, found, invocation.flags.output ?? "line", stop)).ending;
      } finally {
        terminal.logAs({ runId: null });
      }
    },
  );
  return stop.code() ?? EXIT.done;
}

/** Reads all anew, as a run of cron would: tokens in files are replaced in time. Null where that failed. */
async function configuredAnew(invocation: Invocation, sandbox: Sandbox | null): Promise<Configured | null> {
  try {
    const found = await readBases(invocation, sandbox);
    return found === "disabled" ? null : found;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    invocation.terminal.log(`the configuration is wrong; nothing was read or written.\n${error.message}`, "error");
    return null;
  }
}
