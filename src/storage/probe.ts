import { setMaxListeners } from "node:events";
import type { Clock, Listing, MediaCheck, OutputProbe } from "../core/ports/ports.ts";
import { type Patience, persist, type Settled, type Transient } from "../http/retry.ts";
import { untilAborted } from "../http/timeout.ts";
import { type Addressing, placeOf } from "./bucket-url.ts";
import { type Finding, sighted, unknown } from "./classify-response.ts";
import { type Lane, openLane } from "./connection.ts";
import { isHttp, toOrigin } from "./redirects.ts";
import { createAsk, signs } from "./requests.ts";
import { type Credentials, createSigner } from "./signer.ts";

export interface ProbeOptions {
  /** Where outputs lie; a file name is appended after a slash. */
  readonly baseUrl: string;
  /** How `baseUrl` names the bucket; null: as its host's form tells. */
  readonly addressing?: Addressing | null;
  /** Null where the world may read: nothing is signed. */
  readonly credentials?: Credentials | null;
  /** How long a signed link to an attachment lasts, ms: until Airtable has fetched the file. */
  readonly attachmentUrlTtl?: number;
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
  /** The way there, where others go it as well: it says how many at a time, how fast, and how long one waits. */
  readonly lane?: Lane | null;
}

export const DEFAULT_TIMEOUTS = { connect: 5_000, answer: 10_000, total: 20_000 };
const DEFAULT_ATTEMPTS = 3;
const NOT_A_KEY = "not an http or https URL that names a key";
const DEFAULT_ATTACHMENT_URL_TTL = 24 * 3_600_000;
/** Spaces refuses above 240 a second and bucket (facts.md). */
const DEFAULT_REQUESTS_PER_SECOND = 200;

/**
 * Looks at outputs over kept connections. What it takes to understand an answer is loaded with the first question: most
 * sweeps have none. `close` ends them all; a look after it is unreachable.
 */
export function createProbe(options: ProbeOptions): OutputProbe & { close(): Promise<void> } {
  const { clock, random, concurrency } = options;
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const patience: Patience = {
    clock,
    random,
    attempts: options.attempts ?? DEFAULT_ATTEMPTS,
    total: timeouts.total,
  };
  const requestsPerSecond = options.requestsPerSecond ?? DEFAULT_REQUESTS_PER_SECOND;
  const { slot, turn, wire } = options.lane ?? openLane({ concurrency, requestsPerSecond, clock, timeouts });
  const place = placeOf(options.baseUrl, options.addressing ?? null);
  const credentials = options.credentials ?? null;
  const signer = credentials === null ? null : createSigner(credentials, place, clock);
  const ask = createAsk(wire, turn, place, signer);

  return {
    signed: signer !== null,

    /** One trailing slash is ours to join with; a further one is part of the key, as `//x` and `/x` are two keys. */
    locate: (fileName) => `${options.baseUrl.replace(/\/$/, "")}/${encodeURIComponent(fileName)}`,

    async look(url, signal) {
      signal.throwIfAborted();
      const asked = parse(url);
      if (asked === null) return sighted(url, unknown("unexpected", NOT_A_KEY).finding);
      const origin = toOrigin(asked);
      const finding = await settle<Finding>(
        async (inTime) => (await import("./head.ts")).lookOnce(ask, origin, inTime),
        (detail) => unknown("unreachable", detail).finding,
        signal,
      );
      const detail = origin.host === asked.host ? finding.detail : `${finding.detail} (origin)`;
      return sighted(url, finding, detail);
    },

    async list(prefix, signal) {
      signal.throwIfAborted();
      return await settle<Listing>(
        async (inTime) => (await import("./list-objects.ts")).listOnce(ask, place, prefix, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    async attachmentUrl(url) {
      const asked = parse(url);
      const origin = asked === null ? null : toOrigin(asked);
      if (signer === null || origin === null || !signs(place, origin)) return url;
      return await signer.link(origin, options.attachmentUrlTtl ?? DEFAULT_ATTACHMENT_URL_TTL);
    },

    async checkMedia(output, signal) {
      signal.throwIfAborted();
      const asked = parse(output.url);
      if (asked === null) return { kind: "unknown", detail: NOT_A_KEY };
      const url = toOrigin(asked);
      return await settle<MediaCheck>(
        async (inTime) => (await import("./check-mp4.ts")).checkOnce(ask, url, output, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    requests: wire.sent,
    close: wire.close,
  };

  /** Waits for its turn among those that may go on at once, and tries until something is found or time is up. */
  function settle<T>(
    once: (signal: AbortSignal) => Promise<Settled<T> | Transient<T>>,
    timedOut: (detail: string) => T,
    signal: AbortSignal,
  ): Promise<T> {
    // One signal serves all looks of a sweep; above ten listeners Node 20 prints a warning, which cron mails.
    setMaxListeners(0, signal);
    return untilAborted(
      slot(() => persist(patience, once, timedOut, signal)),
      signal,
    );
  }
}

/** Null for what cannot be asked for: not http(s), or with a segment `..` that URLs resolve away to another key. */
function parse(url: string): URL | null {
  if (!URL.canParse(url) || /[/\\](\.|%2e){1,2}([/\\?#]|$)/i.test(url.replace(/\?.*/s, ""))) return null;
  const parsed = new URL(url);
  return isHttp(parsed) ? parsed : null;
}
