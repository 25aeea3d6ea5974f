import { setMaxListeners } from "node:events";
import pLimit from "p-limit";
import type { ProbeResult } from "../core/domain/evidence.ts";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient } from "../http/client.ts";
import { describeNetworkError, type Failure } from "../http/errors.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import type { ResponseHead } from "../http/response.ts";
import { type Final, type RetryPolicy, retry } from "../http/retry.ts";
import { abortable, DEFAULT_TIMEOUTS, type Timeouts } from "../http/timeout.ts";
import { createGuard, type GuardOptions } from "./allowed-hosts.ts";
import { type ProbeOutcome, toProbeResult, unknown } from "./classify-response.ts";
import { probeOnce } from "./head.ts";

export interface ExternalProbeOptions extends GuardOptions {
  readonly concurrency: number;
  readonly clock: Clock;
  /** At least 0, below 1; spreads the retries. */
  readonly random: () => number;
  readonly timeouts?: Timeouts;
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** Looks at outputs where a provider says that they are. */
export interface AbroadProbe {
  /** Never throws but for the signal's reason. */
  probe(url: string, signal: AbortSignal): Promise<ProbeResult>;
  /** Requests sent so far, redirects and repeats included. */
  requests(): number;
  close(): Promise<void>;
}

const ATTEMPTS = 3;
/** Of a GET for the first byte; a server that ignores ranges sends more. */
const MAX_BYTES = 4096;

/** What a HEAD is refused with by servers that answer a GET: links that are signed for it, and routes without HEAD. */
const HEAD_REFUSED = [400, 401, 403, 405, 501];

export function createExternalProbe(options: ExternalProbeOptions): AbroadProbe {
  const { clock, random, concurrency, timeouts = DEFAULT_TIMEOUTS, env = {} } = options;
  const patience: RetryPolicy = { clock, random, attempts: ATTEMPTS, total: timeouts.total };
  const slot = pLimit(concurrency);
  const guard = createGuard(options);
  const wire = createHttpClient({ connections: concurrency, timeouts, env, lookup: guard.lookup });

  return {
    async probe(url, signal) {
      signal.throwIfAborted();
      if (!URL.canParse(url)) return toProbeResult(url, unknown("unexpected", "not a URL").value);
      // One signal serves all looks of a sweep; above ten listeners Node 20 prints a warning, which cron mails.
      setMaxListeners(0, signal);
      const work = () =>
        retry<ProbeOutcome>(
          patience,
          (inTime) => probeOnce({ object, link: (at) => object("GET", at, inTime) }, new URL(url), inTime),
          (detail) => unknown("unreachable", detail).value,
          signal,
        );
      return toProbeResult(url, await abortable(slot(work), signal));
    },
    requests: wire.sent,
    close: wire.close,
  };

  /** Each request is checked anew, as redirects lead to other URLs. */
  async function object(
    method: "HEAD" | "GET",
    url: URL,
    signal: AbortSignal,
  ): Promise<ResponseHead | Failure | Final<ProbeOutcome>> {
    const refusal = await refusalOf(url);
    if (refusal !== null) return refusal;
    const head = method === "HEAD" ? await wire.send({ method, url, headers: {}, maxBytes: MAX_BYTES }, signal) : null;
    if (head !== null && (head.kind === "failure" || !HEAD_REFUSED.includes(head.status))) return head;
    return await wire.send({ method: "GET", url, headers: { range: "bytes=0-0" }, maxBytes: MAX_BYTES }, signal);
  }

  async function refusalOf(url: URL): Promise<Failure | Final<ProbeOutcome> | null> {
    try {
      const refusal = await guard.refusalOf(url);
      return refusal === null ? null : unknown("unexpected", refusal);
    } catch (error) {
      if (error instanceof Error) return describeNetworkError(error);
      throw error;
    }
  }
}
