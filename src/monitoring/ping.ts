import { randomUUID } from "node:crypto";
import type { MonitoringSettings } from "../config/resolve/monitoring.ts";
import type { PingDialect } from "../config/schema/monitoring.ts";
import { DEFAULT_POST_POLICY, type Message, type Sent, send } from "./post.ts";
import type { Surroundings } from "./run-result.ts";

/** Where pings go, and in which form. */
export interface PingTarget {
  readonly url: string;
  readonly dialect: PingDialect;
  /** Lets a service match the end of a run to its start. */
  readonly runKey: string;
}

/** What a ping says. */
export type PingEvent =
  | { readonly kind: "start" }
  | { readonly kind: "end"; readonly exitCode: number; readonly body: string; readonly durationMs: number };

/** Returns where pings of a run go; null where none are configured. */
export function pingTargetOf(
  { pingUrl, pingDialect }: Pick<MonitoringSettings, "pingUrl" | "pingDialect">,
  runKey: string = randomUUID(),
): PingTarget | null {
  return pingUrl === null ? null : { url: pingUrl, dialect: pingDialect, runKey };
}

/** The part of a summary that is put into a query. */
const MAX_QUERY_TEXT = 500;

/**
 * Returns the request of a ping in the form that its service documents; null where the service knows no such event.
 * What the URL's own query says beside it stays.
 */
export function pingRequest({ url, dialect, runKey }: PingTarget, event: PingEvent): Message | null {
  const isGood = event.kind === "end" && event.exitCode === 0;
  const line = event.kind === "end" ? (event.body.split("\n")[0] ?? "").slice(0, MAX_QUERY_TEXT) : "";
  switch (dialect) {
    case "healthchecks":
      if (event.kind === "start") return post(withPath(url, "start"), "");
      return post(isGood ? url : withPath(url, event.exitCode), event.body);
    case "betterstack":
      if (event.kind === "start") return null;
      return post(isGood ? url : withPath(url, event.exitCode), event.body);
    case "sentry": {
      const status = event.kind === "start" ? "in_progress" : isGood ? "ok" : "error";
      return get(url, { status, check_in_id: runKey });
    }
    case "cronitor":
      if (event.kind === "start") return get(url, { state: "run", series: runKey });
      return get(url, {
        state: isGood ? "complete" : "fail",
        series: runKey,
        status_code: String(event.exitCode),
        message: line,
      });
    case "uptime-kuma":
      if (event.kind === "start") return null;
      return get(url, { status: isGood ? "up" : "down", msg: line, ping: String(event.durationMs) });
  }
}

/** Appends to the path: before the query, after what path there is. */
function withPath(url: string, part: string | number): string {
  const address = new URL(url);
  address.pathname = `${address.pathname.replace(/\/+$/, "")}/${part}`;
  return address.href;
}

function post(url: string, body: string): Message {
  return { method: "POST", url, body, contentType: "text/plain; charset=utf-8" };
}

function get(url: string, parameters: Readonly<Record<string, string>>): Message {
  const address = new URL(url);
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return { method: "GET", url: address.href };
}

/** How long the end waits for the start: it should arrive first, or the run would seem to go on. */
const START_GRACE = 2_000;

/** The ping of a run that has begun. */
export interface Start {
  /** Gives up a ping that has not been taken: it is out of date by then. Returns why it failed before, or null. */
  end(): Promise<string | null>;
}

/** Pings that a run begins. */
export function pingStart(target: PingTarget, surroundings: Surroundings): Start {
  const request = pingRequest(target, { kind: "start" });
  if (request === null) return { end: async () => null };
  const ending = new AbortController();
  let failure: string | null = null;
  const sent = ping(request, { ...surroundings, signal: ending.signal }, ending.signal).then((answer) => {
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

/** Pings how a run ended. A ping that is not taken is logged once, not for the start and the end. */
export async function pingEnd(
  target: PingTarget,
  start: Start,
  event: { readonly exitCode: number; readonly body: string; readonly durationMs: number },
  surroundings: Surroundings,
): Promise<void> {
  const failure = await start.end();
  const request = pingRequest(target, { kind: "end", ...event, body: surroundings.redact(event.body) });
  const end = request === null ? null : await ping(request, surroundings);
  const detail = end?.kind === "failed" ? end.detail : failure;
  if (detail !== null) surroundings.warn(`the ping was not taken: ${detail}`);
}

function ping(request: Message, { clock, env, signal }: Surroundings, cut?: AbortSignal): Promise<Sent> {
  return send(request, { ...DEFAULT_POST_POLICY, clock, env, signal, ...(cut === undefined ? {} : { cut }) });
}
