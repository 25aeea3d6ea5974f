import { setMaxListeners } from "node:events";
import pLimit from "p-limit";
import type { Clock, OutputProbe } from "../core/ports.ts";
import {
  type Answer,
  afterRedirect,
  type Finding,
  read,
  readFailure,
  readMeasured,
  type Settled,
  sighted,
  type Transient,
  unknown,
} from "./answer.ts";
import type { Failure } from "./failure.ts";
import { TimeLimitReached, untilAborted, within } from "./limits.ts";
import { createPace, pause } from "./pace.ts";
import { follow, isHttp, toOrigin } from "./redirects.ts";
import { createWire } from "./wire.ts";

export interface ProbeOptions {
  /** Where outputs lie; a file name is appended after a slash. */
  readonly baseUrl: string;
  /** Looks, and connections to one host, at the same time. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  /** Milliseconds: to connect, to the end of the answer, and for a look with all its redirects and retries. */
  readonly timeouts?: { readonly connect: number; readonly answer: number; readonly total: number };
  /** How often a look is tried at most when what came back is transient. */
  readonly attempts?: number;
  readonly requestsPerSecond?: number;
}

const DEFAULT_TIMEOUTS = { connect: 5_000, answer: 10_000, total: 20_000 };
const DEFAULT_ATTEMPTS = 3;
/** Spaces refuses above 240 a second and bucket (facts.md). */
const DEFAULT_REQUESTS_PER_SECOND = 200;

/** Looks at outputs with HEAD over kept connections. `close` ends them all; a look after it is unreachable. */
export function createProbe(options: ProbeOptions): OutputProbe & { close(): Promise<void> } {
  const { clock, random, concurrency } = options;
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  const slot = pLimit(concurrency);
  const turn = createPace(clock, options.requestsPerSecond ?? DEFAULT_REQUESTS_PER_SECOND, concurrency);
  const wire = createWire({
    connections: concurrency,
    connectLimit: timeouts.connect,
    answerLimit: timeouts.answer,
  });

  return {
    /** One trailing slash is ours to join with; a further one is part of the key, as `//x` and `/x` are two keys. */
    locate: (fileName) => `${options.baseUrl.replace(/\/$/, "")}/${encodeURIComponent(fileName)}`,

    async look(url, signal) {
      signal.throwIfAborted();
      const asked = parse(url);
      if (asked === null)
        return sighted(url, unknown("unexpected", "not an http or https URL that names a key").finding);
      const origin = toOrigin(asked);
      // One signal serves all looks of a sweep; above ten listeners Node 20 prints a warning, which cron mails.
      setMaxListeners(0, signal);
      const finding = await untilAborted(
        slot(() => lookInTime(origin, signal)),
        signal,
      );
      const detail = origin.host === asked.host ? finding.detail : `${finding.detail} (origin)`;
      return sighted(url, { ...finding, detail });
    },

    requests: wire.sent,
    close: wire.close,
  };

  async function lookInTime(url: URL, signal: AbortSignal): Promise<Finding> {
    try {
      return await within(timeouts.total, signal, (inTime) => persist(url, inTime));
    } catch (error) {
      if (error instanceof TimeLimitReached) return unknown("unreachable", error.message).finding;
      throw error;
    }
  }

  /** Tries again what may pass, while there are attempts and the time to wait for them. */
  async function persist(url: URL, signal: AbortSignal): Promise<Finding> {
    const deadline = clock.now() + timeouts.total;
    for (let attempt = 1; ; attempt += 1) {
      const reading = await lookOnce(url, signal);
      if (reading.kind === "settled" || attempt >= attempts) return reading.finding;
      const wait = pause(attempt, reading.retryAfter, clock.now(), random);
      if (clock.now() + wait > deadline) return reading.finding;
      await clock.sleep(wait, signal);
    }
  }

  /** One HEAD with the redirects that it leads through, and a ranged GET where it tells no size. */
  async function lookOnce(url: URL, signal: AbortSignal): Promise<Settled | Transient> {
    let at = url;
    for (let followed = 0; ; followed += 1) {
      const reply = await ask("HEAD", at, signal);
      if (reply.kind === "failure") return readFailure(reply);
      const reading = read(reply);
      if (reading.kind === "transient") return reading;
      if (reading.kind === "settled") return followed === 0 ? reading : afterRedirect(reading, at.host);
      if (reading.kind === "sizeless") return readMeasured(reply, await ask("GET", at, signal));
      const next = follow(at, reply, followed);
      if (next.kind === "settled") return next;
      at = next.to;
    }
  }

  async function ask(method: "HEAD" | "GET", url: URL, signal: AbortSignal): Promise<Answer | Failure> {
    await turn(signal);
    return wire.send(method, url, signal);
  }
}

/** Null for what cannot be asked for: not http(s), or with a segment `..` that URLs resolve away to another key. */
function parse(url: string): URL | null {
  if (!URL.canParse(url) || /[/\\](\.|%2e){1,2}([/\\?#]|$)/i.test(url.replace(/\?.*/s, ""))) return null;
  const parsed = new URL(url);
  return isHttp(parsed) ? parsed : null;
}
