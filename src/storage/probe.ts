import { setMaxListeners } from "node:events";
import type { Clock, Listing, MediaCheck, OutputProbe } from "../core/ports/ports.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { isHttp } from "../http/response.ts";
import { type Final, type RetryPolicy, retry, type Transient } from "../http/retry.ts";
import { abortable, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";
import { type Addressing, parseBucketUrl } from "./bucket-url.ts";
import { type ProbeOutcome, toProbeResult, unknown } from "./classify-response.ts";
import { openConnection, type StorageConnection } from "./connection.ts";
import { withoutCdn } from "./redirects.ts";
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
  readonly timeouts?: Timeouts;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
  /** How often a look is tried at most when what came back is transient. */
  readonly attempts?: number;
  readonly requestsPerSecond?: number;
  /** The way there, where others go it as well: it says how many at a time, how fast, and how long one waits. */
  readonly lane?: StorageConnection | null;
}

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
  const { timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const patience: RetryPolicy = {
    clock,
    random,
    attempts: options.attempts ?? DEFAULT_ATTEMPTS,
    total: timeouts.total,
  };
  const requestsPerSecond = options.requestsPerSecond ?? DEFAULT_REQUESTS_PER_SECOND;
  const { limiter, turn, wire } =
    options.lane ?? openConnection({ concurrency, requestsPerSecond, clock, timeouts, env });
  const place = parseBucketUrl(options.baseUrl, options.addressing ?? null);
  const credentials = options.credentials ?? null;
  const signer = credentials === null ? null : createSigner(credentials, place, clock);
  const ask = createAsk(wire, turn, place, signer);

  return {
    signed: signer !== null,

    /** One trailing slash is ours to join with; a further one is part of the key, as `//x` and `/x` are two keys. */
    urlFor: (fileName) => `${options.baseUrl.replace(/\/$/, "")}/${encodeURIComponent(fileName)}`,

    async probe(url, signal) {
      signal.throwIfAborted();
      const asked = parse(url);
      if (asked === null) return toProbeResult(url, unknown("unexpected", NOT_A_KEY).value);
      const origin = withoutCdn(asked);
      const finding = await runLimited<ProbeOutcome>(
        async (inTime) => (await import("./head.ts")).probeOnce(ask, origin, inTime),
        (detail) => unknown("unreachable", detail).value,
        signal,
      );
      const detail = origin.host === asked.host ? finding.detail : `${finding.detail} (origin)`;
      return toProbeResult(url, finding, detail);
    },

    async list(prefix, signal) {
      signal.throwIfAborted();
      return await runLimited<Listing>(
        async (inTime) => (await import("./list-objects.ts")).listObjects(ask, place, prefix, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    async attachmentUrl(url) {
      const asked = parse(url);
      const origin = asked === null ? null : withoutCdn(asked);
      if (signer === null || origin === null || !signs(place, origin)) return url;
      return await signer.presign(origin, options.attachmentUrlTtl ?? DEFAULT_ATTACHMENT_URL_TTL);
    },

    async checkMedia(output, signal) {
      signal.throwIfAborted();
      const asked = parse(output.url);
      if (asked === null) return { kind: "unknown", detail: NOT_A_KEY };
      const url = withoutCdn(asked);
      return await runLimited<MediaCheck>(
        async (inTime) => (await import("./check-mp4.ts")).checkMp4(ask, url, output, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    requests: wire.sent,
    close: wire.close,
  };

  /** Waits for its turn among those that may go on at once, and tries until something is found or time is up. */
  function runLimited<T>(
    once: (signal: AbortSignal) => Promise<Final<T> | Transient<T>>,
    timedOut: (detail: string) => T,
    signal: AbortSignal,
  ): Promise<T> {
    // One signal serves all looks of a sweep; above ten listeners Node 20 prints a warning, which cron mails.
    setMaxListeners(0, signal);
    return abortable(
      limiter(() => retry(patience, once, timedOut, signal)),
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
