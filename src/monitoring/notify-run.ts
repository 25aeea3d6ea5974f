import { isDeepStrictEqual } from "node:util";
import type { MonitoringSettings } from "../config/resolve/monitoring.ts";
import { readFileOrEmpty, replaceFile } from "../system/files.ts";
import { changesSince } from "./changes.ts";
import { sendEmail } from "./email.ts";
import { emailOf, type Pending, pingBody, webhookBodies } from "./messages.ts";
import { renderAllMetrics } from "./metrics.ts";
import { pingEnd, pingStart, pingTargetOf } from "./ping.ts";
import { DEFAULT_POST_POLICY, type Sent, send } from "./post.ts";
import type { RunResult, StateStore, Surroundings } from "./run-result.ts";
import { EMPTY_STATE, fileStore, readState, type State, stateFileOf, writeState } from "./state.ts";

/** The monitoring of one run. */
export interface Watch {
  /** Reports the result; `summary` is one line. Never throws: monitoring must not make a run fail. */
  finished(result: RunResult, summary: string): Promise<void>;
}

/** Whether a run is reported anywhere. */
export function isMonitored({ metricsFile, pingUrl, notifyUrl, email }: MonitoringSettings): boolean {
  return metricsFile !== null || pingUrl !== null || notifyUrl !== null || email !== null;
}

/** Sends the start ping without delaying the run. */
export function monitorRun(settings: MonitoringSettings, surroundings: Surroundings): Watch {
  const target = pingTargetOf(settings);
  const start = target === null ? null : pingStart(target, surroundings);
  return {
    async finished(result, summary) {
      const { metricsFile, failuresOver } = settings;
      const channels = channelsOf(settings);
      const durationMs = result.finishedAt - result.startedAt;
      const event = { exitCode: result.exitCode, body: pingBody(summary, result), durationMs };
      await Promise.all([
        metricsFile === null ? null : writeMetrics(metricsFile, [result], surroundings),
        target === null || start === null ? null : pingEnd(target, start, event, surroundings),
        channels.length === 0 ? null : notify(channels, new Set(), failuresOver, result, surroundings),
      ]);
    },
  };
}

/** Writes the metrics of one base, or of several, into a file. */
export async function writeMetrics(
  path: string,
  results: readonly RunResult[],
  { warn }: Pick<Surroundings, "warn">,
): Promise<void> {
  try {
    // node_exporter runs as another user.
    await replaceFile(path, renderAllMetrics(results, await readFileOrEmpty(path)), 0o644);
  } catch (error) {
    warn(`the metrics could not be written: ${wordsOf(error)}`);
  }
}

/** A channel to a person, with the messages that it has not accepted yet. */
export interface Channel {
  /** Where the state keeps what was not taken. */
  readonly queue: "pending" | "pendingEmail";
  /** A secret, if it is a URL. */
  readonly address: string;
  deliver(pending: readonly Pending[], result: RunResult, surroundings: Surroundings): Promise<Sent>;
}

/** Returns the configured channels. */
export function channelsOf({ notifyUrl, notifyFormat, email }: MonitoringSettings): readonly Channel[] {
  const channels: Channel[] = [];
  if (notifyUrl !== null) {
    channels.push({
      queue: "pending",
      address: notifyUrl,
      async deliver(pending, result, { clock, env, signal }) {
        for (const body of webhookBodies(notifyFormat, pending, result, clock.now())) {
          const message = { method: "POST", url: notifyUrl, body, contentType: "application/json" } as const;
          const sent = await send(message, { ...DEFAULT_POST_POLICY, clock, env, signal });
          if (sent.kind === "failed") return sent;
        }
        return { kind: "sent" };
      },
    });
  }
  if (email !== null) {
    channels.push({
      queue: "pendingEmail",
      address: email.to,
      deliver: (pending, result, { clock, env }) => sendEmail(emailOf(pending, result, clock.now()), email, env),
    });
  }
  return channels;
}

/**
 * Sends what has changed, and what is left of earlier runs, to each channel; what is not taken is kept for the next run.
 * Returns the addresses that took nothing.
 *
 * @param failing addresses that are known to take nothing now: for them all is kept
 */
export async function notify(
  channels: readonly Channel[],
  failing: ReadonlySet<string>,
  failuresOver: number,
  result: RunResult,
  surroundings: Surroundings,
): Promise<readonly string[]> {
  const { redact, warn, env, alertsOf } = surroundings;
  const memory = openMemory(alertsOf?.(result.baseId) ?? fileStore(stateFileOf(result.baseId, env)));
  const before = await memory.read();
  const { after, messages } = changesSince(before.conditions, result, failuresOver);
  const fresh = messages.map((text) => ({ at: result.finishedAt, text: redact(text) }));
  let state: State = { ...EMPTY_STATE, conditions: after };
  for (const { queue } of channels) state = { ...state, [queue]: [...before[queue], ...fresh].slice(-MOST_PENDING) };
  // Kept before it is sent: if the program is killed meanwhile, a message may come twice, but it is not lost.
  await memory.write(state);
  const failed: string[] = [];
  for (const { queue, address, deliver } of channels) {
    if (state[queue].length === 0) continue;
    const sent: Sent = failing.has(address)
      ? { kind: "failed", detail: "" }
      : await deliver(state[queue], result, surroundings);
    if (sent.kind === "failed") {
      failed.push(address);
      if (!failing.has(address))
        warn(`the notification was not taken, the next run tries again: ${redact(sent.detail)}`);
      continue;
    }
    state = { ...state, [queue]: [] };
    await memory.write(state);
  }
  const trouble = memory.trouble();
  if (trouble !== null) warn(`the alert state cannot be saved, so alerts repeat on every run: ${trouble}`);
  return failed;
}

/** A channel that failed for long gets the latest messages only. */
const MOST_PENDING = 50;

/** Opens the state as far as it can be used: without it messages are repeated, but they are sent. */
function openMemory(store: StateStore) {
  let trouble: string | null = null;
  let kept: State = EMPTY_STATE;
  return {
    async read(): Promise<State> {
      try {
        kept = await readState(store);
      } catch (error) {
        trouble = wordsOf(error);
      }
      return kept;
    },
    async write(state: State): Promise<void> {
      if (isDeepStrictEqual(state, kept)) return;
      try {
        await writeState(store, state);
        kept = state;
      } catch (error) {
        trouble = wordsOf(error);
      }
    },
    trouble: () => trouble,
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
