import pLimit from "p-limit";
import type { ProbeResult } from "../core/domain/evidence.ts";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient } from "../http/client.ts";
import { describeNetworkError, type Failure } from "../http/errors.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import type { ResponseHead } from "../http/response.ts";
import { type Final, type RetryPolicy, retry } from "../http/retry.ts";
import { abortable, createTimeLimit, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";
import { type AllowListOptions, createHostAllowList } from "./allowed-hosts.ts";
import { type ProbeOutcome, toProbeResult, unknown } from "./classify-response.ts";
import { probeOnce } from "./head.ts";

export interface ExternalProbeOptions extends AllowListOptions {
  readonly concurrency: number;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  readonly timeouts?: Timeouts;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** Probes outputs where a provider says that they are. */
export interface ExternalProbe {
  /** Never throws but for the signal's reason. */
  probe(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Returns how many requests were sent, redirects and retries included. */
  requests(): number;
  close(): Promise<void>;
}

const ATTEMPTS = 3;
/** For a GET of the first byte; a server that ignores ranges sends more. */
const MAX_BYTES = 4096;

/** How servers refuse a HEAD that answer a GET: links that are signed for it, and routes without HEAD. */
const HEAD_REFUSED = [400, 401, 403, 405, 501];

export function createExternalProbe(options: ExternalProbeOptions): ExternalProbe {
  const { clock, random, concurrency, timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const policy: RetryPolicy = { clock, random, attempts: ATTEMPTS, total: createTimeLimit(timeouts.total) };
  const limiter = pLimit(concurrency);
  const allowList = createHostAllowList(options);
  const client = createHttpClient({ connections: concurrency, timeouts, env, lookup: allowList.lookup });

  return {
    async probe(url, signal) {
      signal.throwIfAborted();
      if (!URL.canParse(url)) return toProbeResult(url, unknown("unexpected", "not a URL").value);
      const work = () =>
        retry<ProbeOutcome>(
          policy,
          (inTime) => probeOnce({ object, link: (at) => object("GET", at, inTime) }, new URL(url), inTime),
          (detail) => unknown("unreachable", detail).value,
          signal,
        );
      return toProbeResult(url, await abortable(limiter(work), signal));
    },
    requests: client.sent,
    close: client.close,
  };

  /** Each request is checked by itself, as redirects lead to other URLs. */
  async function object(
    method: "HEAD" | "GET",
    url: URL,
    signal: AbortSignal,
  ): Promise<ResponseHead | Failure | Final<ProbeOutcome>> {
    const refusal = await checkUrl(url);
    if (refusal !== null) return refusal;
    const head =
      method === "HEAD" ? await client.send({ method, url, headers: {}, maxBytes: MAX_BYTES }, signal) : null;
    if (head !== null && (head.kind === "failure" || !HEAD_REFUSED.includes(head.status))) return head;
    return await client.send({ method: "GET", url, headers: { range: "bytes=0-0" }, maxBytes: MAX_BYTES }, signal);
  }

  async function checkUrl(url: URL): Promise<Failure | Final<ProbeOutcome> | null> {
    try {
      const refusal = await allowList.check(url);
      return refusal === null ? null : unknown("unexpected", refusal);
    } catch (error) {
      if (error instanceof Error) return describeNetworkError(error);
      throw error;
    }
  }
}
