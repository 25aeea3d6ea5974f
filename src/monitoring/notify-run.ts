import { isDeepStrictEqual } from "node:util";
import type { Env } from "../config/env/variables.ts";
import type { MonitoringSettings } from "../config/resolve/monitoring.ts";
import type { Clock } from "../core/ports/ports.ts";
import { readFileOrEmpty, replaceFile } from "../system/files.ts";
import { changesSince } from "./changes.ts";
import { chatBodies, pingBody, pingUrl } from "./messages.ts";
import { renderAllMetrics } from "./metrics.ts";
import { DEFAULT_POST_POLICY, type Message, type Sent, send } from "./post.ts";
import type { RunResult } from "./run-result.ts";
import { EMPTY_STATE, readState, type State, stateFileOf, writeState } from "./state.ts";

/** What watching needs of the program around it. */
export interface Surroundings {
  readonly env: Env;
  readonly clock: Clock;
  /** Aborted when the program is told to stop: then nothing is tried twice. */
  readonly signal: AbortSignal;
  /** Takes secrets out of what leaves the program. */
  redact(text: string): string;
  /** Tells a person what could not be told elsewhere. */
  warn(message: string): void;
}

/** Those who watch a run that is under way. */
export interface Watch {
  /** Tells them what came of it; `summary` is one line. Never throws: watching must not make a run fail. */
  finished(result: RunResult, summary: string): Promise<void>;
}

/** Tells those who watch that a run begins, in its shadow. */
export function monitorRun(settings: MonitoringSettings, surroundings: Surroundings): Watch {
  const start = settings.pingUrl === null ? null : pingStart(settings.pingUrl, surroundings);
  return {
    async finished(result, summary) {
      const { metricsFile, pingUrl: url, notifyUrl } = settings;
      await Promise.all([
        metricsFile === null ? null : writeMetrics(metricsFile, [result], surroundings),
        url === null || start === null
          ? null
          : pingEnd(url, start, result.exitCode, pingBody(summary, result), surroundings),
        notifyUrl === null ? null : notify(notifyUrl, settings.failuresOver, result, surroundings),
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

/** What was sent should arrive before the end does, or the run would seem to go on. */
const START_GRACE = 2_000;

/** The ping of a run that has begun. */
export interface Start {
  /** Gives up what does not get through: it is old news by then. Tells what went wrong before, or null. */
  end(): Promise<string | null>;
}

/** Pings that a run begins. */
export function pingStart(url: string, surroundings: Surroundings): Start {
  const ending = new AbortController();
  let failure: string | null = null;
  const sent = ping(url, "start", "", { ...surroundings, signal: ending.signal }, ending.signal).then((answer) => {
    if (answer.kind === "failed" && !ending.signal.aborted) failure = answer.detail;
  });
  return {
    async end() {
      const waiting = new AbortController();
      const patience = surroundings.clock.sleep(START_GRACE, waiting.signal).catch(() => undefined);
      await Promise.race([sent, patience]);
      waiting.abort();
      ending.abort();
      await sent;
      return failure;
    },
  };
}

/** Pings how a run ended. A ping that is not taken is told once, not for the start and the end. */
export async function pingEnd(
  url: string,
  start: Start,
  exitCode: number,
  body: string,
  surroundings: Surroundings,
): Promise<void> {
  const failure = await start.end();
  const kind = exitCode === 0 ? "success" : exitCode;
  const end = await ping(url, kind, body, surroundings);
  const detail = end.kind === "failed" ? end.detail : failure;
  if (detail !== null) surroundings.warn(`the ping was not taken: ${detail}`);
}

function ping(
  url: string,
  kind: "start" | "success" | number,
  body: string,
  { clock, env, redact, signal }: Surroundings,
  cut?: AbortSignal,
): Promise<Sent> {
  const letter = { url: pingUrl(url, kind), body: redact(body), contentType: "text/plain; charset=utf-8" };
  return send(letter, { ...DEFAULT_POST_POLICY, clock, env, signal, ...(cut === undefined ? {} : { cut }) });
}

/**
 * Posts what has changed, and what is left of earlier runs; what is not taken is kept for the next one. Tells whether
 * all was taken.
 *
 * @param url null: it is known not to take anything now, and all is kept
 */
export async function notify(
  url: string | null,
  failuresOver: number,
  result: RunResult,
  surroundings: Surroundings,
): Promise<boolean> {
  const { clock, env, redact, signal, warn } = surroundings;
  const memory = openMemory(stateFileOf(result.baseId, surroundings.env));
  const before = await memory.read();
  const { after, messages } = changesSince(before.conditions, result, failuresOver);
  const fresh = messages.map((text) => ({ at: result.finishedAt, text: redact(text) }));
  const pending = [...before.pending, ...fresh].slice(-MOST_PENDING);
  // Kept before it is sent: if the program is killed meanwhile, a message may come twice, but it is not lost.
  await memory.write({ conditions: after, pending });
  if (url === null) return false;
  const bodies = chatBodies(pending, result, clock.now());
  let taken = true;
  for (const body of bodies) {
    const letter: Message = { url, body, contentType: "application/json" };
    const sent = await send(letter, { ...DEFAULT_POST_POLICY, clock, env, signal });
    if (sent.kind === "failed") {
      taken = false;
      warn(`the notification was not taken, the next run tries again: ${sent.detail}`);
      break;
    }
    if (body === bodies.at(-1)) await memory.write({ conditions: after, pending: [] });
  }
  const trouble = memory.trouble();
  if (trouble !== null) warn(`what was told cannot be kept, so it is told again: ${trouble}`);
  return taken;
}

/** A chat that is gone for long gets the latest of what it missed. */
const MOST_PENDING = 50;

/** The state file as far as it can be used: without it messages come again, but they come. */
function openMemory(path: string) {
  let trouble: string | null = null;
  let kept: State = EMPTY_STATE;
  return {
    async read(): Promise<State> {
      try {
        kept = await readState(path);
      } catch (error) {
        trouble = wordsOf(error);
      }
      return kept;
    },
    async write(state: State): Promise<void> {
      if (isDeepStrictEqual(state, kept)) return;
      try {
        await writeState(path, state);
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
