import type { Clock, MediaCheck, ObjectListing, OutputProbe } from "../core/ports/ports.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { isHttp } from "../http/response.ts";
import { type Final, type RetryPolicy, retry, type Transient } from "../http/retry.ts";
import { abortable, createTimeLimit, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";
import { type Addressing, isUnderPrefix, parseBucketUrl, parseUrl, safeDecode, toBucketUrl } from "./bucket-url.ts";
import { checkMp4 } from "./check-mp4.ts";
import { type ProbeOutcome, toProbeResult, unknown } from "./classify-response.ts";
import { openConnection, type StorageConnection } from "./connection.ts";
import { probeOnce } from "./head.ts";
import { parseStorageHost, withoutCdn } from "./hosts.ts";
import { listObjects } from "./list-objects.ts";
import { createBucketRequests, isPresigned } from "./requests.ts";
import { type Credentials, createSigner } from "./signer.ts";

export interface ProbeOptions {
  /** Where outputs lie; a file name is appended after a slash. */
  readonly baseUrl: string;
  /** How `baseUrl` names the bucket; null: as the form of its host says. */
  readonly addressing?: Addressing | null;
  /** Null where everyone may read: nothing is signed. */
  readonly credentials?: Credentials | null;
  /** How long a signed link to an attachment is valid, ms: until Airtable has fetched the file. */
  readonly attachmentUrlTtl?: number;
  /** Probes, and connections to one host, at the same time. */
  readonly concurrency: number;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  readonly timeouts?: Timeouts;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
  /** How many attempts a probe makes at most while what comes back is transient. */
  readonly attempts?: number;
  readonly requestsPerSecond?: number;
  /** A connection that others use as well: it then decides concurrency, rate and time limits. */
  readonly connection?: StorageConnection | null;
}

const DEFAULT_ATTEMPTS = 3;
const NOT_A_KEY = "not an http or https URL that names a key";
const DEFAULT_ATTACHMENT_URL_TTL = 24 * 3_600_000;
/** Spaces refuses above 240 a second and bucket (facts.md). */
const DEFAULT_REQUESTS_PER_SECOND = 200;

/** Creates a probe of the outputs in a storage. `close` ends its connections; a probe after it is unreachable. */
export function createProbe(options: ProbeOptions): OutputProbe & { close(): Promise<void> } {
  const { clock, random, concurrency, timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const { attempts = DEFAULT_ATTEMPTS, requestsPerSecond = DEFAULT_REQUESTS_PER_SECOND } = options;
  const policy: RetryPolicy = { clock, random, attempts, total: createTimeLimit(timeouts.total) };
  const { limiter, waitForSlot, client } =
    options.connection ?? openConnection({ concurrency, requestsPerSecond, clock, timeouts, env });
  const location = parseBucketUrl(options.baseUrl, options.addressing ?? null);
  const credentials = options.credentials ?? null;
  const signer = credentials === null ? null : createSigner(credentials, location, clock);
  const requests = createBucketRequests(client, waitForSlot, location, signer);
  const ownOrigin = `${location.bucket.origin}/`;
  /** One trailing slash joins; a further one is part of the key, as `//x` and `/x` are two keys. */
  const base = options.baseUrl.replace(/\/?$/, "/");
  /** Any address of the bucket stands for the configured one; other URLs are asked as they are, at their origin. */
  const atOrigin = (url: URL) => toBucketUrl(location, url) ?? withoutCdn(url);

  return {
    signed: signer !== null,

    urlFor: (name) => base + name.split("/").map(encodeURIComponent).join("/"),

    isSameObject(one, other) {
      const [a, b] = [one, other].map((url) => {
        const parsed = parseKeyUrl(url);
        const found = parsed === null ? null : toBucketUrl(location, parsed);
        return found === null ? null : safeDecode(found.pathname);
      });
      return a !== null && a === b;
    },

    isSameHost(url) {
      if (url.startsWith(ownOrigin)) return true;
      const parsed = parseUrl(url);
      if (parsed === null) return false;
      const [ours, theirs] = [withoutCdn(location.bucket), withoutCdn(parsed)];
      if (ours.host === theirs.host) return true;
      const [own, other] = [parseStorageHost(ours.hostname), parseStorageHost(theirs.hostname)];
      return own !== null && own.endpoint === other?.endpoint;
    },

    async probe(url, signal) {
      signal.throwIfAborted();
      const asked = parseKeyUrl(url);
      if (asked === null) return toProbeResult(url, unknown("unexpected", NOT_A_KEY).value);
      const origin = atOrigin(asked);
      const outcome = await runLimited<ProbeOutcome>(
        (inTime) => probeOnce(requests, origin, inTime),
        (detail) => unknown("unreachable", detail).value,
        signal,
      );
      const detail = origin.host === asked.host ? outcome.detail : `${outcome.detail} (origin)`;
      return toProbeResult(url, outcome, detail);
    },

    async list(prefix, signal) {
      signal.throwIfAborted();
      return await runLimited<ObjectListing>(
        (inTime) => listObjects(requests, location, prefix, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    async attachmentUrl(url) {
      const asked = parseKeyUrl(url);
      const origin = asked === null || isPresigned(asked) ? null : toBucketUrl(location, asked);
      // A link opens the object to whoever has it: none is made for what lies elsewhere in the bucket.
      if (signer === null || origin === null || !isUnderPrefix(location, origin)) return url;
      return await signer.presign(origin, options.attachmentUrlTtl ?? DEFAULT_ATTACHMENT_URL_TTL);
    },

    async checkMedia(output, signal) {
      signal.throwIfAborted();
      const asked = parseKeyUrl(output.url);
      if (asked === null) return { kind: "unknown", detail: NOT_A_KEY };
      return await runLimited<MediaCheck>(
        (inTime) => checkMp4(requests, atOrigin(asked), output, inTime),
        (detail) => ({ kind: "unknown", detail }),
        signal,
      );
    },

    requests: client.sent,
    close: client.close,
  };

  /** Waits for a free slot, then tries until there is a final outcome or time is up. */
  function runLimited<T>(
    attempt: (signal: AbortSignal) => Promise<Final<T> | Transient<T>>,
    timedOut: (detail: string) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const result = limiter(() => retry(policy, attempt, timedOut, signal));
    // One that has a slot ends with the signal by itself.
    return limiter.pendingCount === 0 ? result : abortable(result, signal);
  }
}

/** Returns null for a URL that cannot be asked: not http(s), or with a segment `..` that URLs resolve to another key. */
function parseKeyUrl(url: string): URL | null {
  const query = url.indexOf("?");
  const path = query < 0 ? url : url.slice(0, query);
  if (/(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\#]|%2f|%5c|$)/i.test(path)) return null;
  const parsed = parseUrl(url);
  return parsed !== null && isHttp(parsed) ? parsed : null;
}
