import type { Duration } from "../core/domain/job.ts";
import type { Clock } from "../core/ports/ports.ts";
import { createHttpClient, type HttpClient } from "../http/client.ts";
import type { ProxyEnvironment } from "../http/proxy.ts";
import { TimeoutError, withTimeout } from "../http/timeout.ts";

/** A request to a service. Its URL is a secret: whoever has it can send too. */
export type Message =
  | { readonly method: "GET"; readonly url: string }
  | {
      readonly method: "POST";
      readonly url: string;
      readonly body: string;
      readonly contentType: string;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** The result of posting. `detail` is for people and names no more of the URL than its host. */
export type Sent = { readonly kind: "sent" } | { readonly kind: "failed"; readonly detail: string };

/** How long and how often posting is tried. */
export interface PostPolicy {
  readonly clock: Clock;
  /** Once it is aborted no further attempt begins; an attempt under way goes on. */
  readonly signal: AbortSignal;
  /** Ends an attempt under way as well. */
  readonly cut?: AbortSignal;
  /** For one attempt, from the lookup of the name to the end of the answer. */
  readonly limit: Duration;
  /** The waits before the further attempts. */
  readonly pauses: readonly Duration[];
  /** Names the proxies. */
  readonly env?: ProxyEnvironment;
}

/** Three attempts of ten seconds. */
export const DEFAULT_POST_POLICY: Pick<PostPolicy, "limit" | "pauses"> = { limit: 10_000, pauses: [1_000, 3_000] };

/** Services answer with a word or two. */
const MAX_BYTES = 2 ** 20;

/**
 * Sends a message, and again while it fails in a way that may pass. Never throws. Redirects are not followed: an address
 * that answers with one is wrong, and a POST may not be repeated elsewhere.
 */
export async function send(message: Message, policy: PostPolicy): Promise<Sent> {
  const { clock, signal, limit, pauses, env = {} } = policy;
  const client = createHttpClient({ connections: 1, timeouts: { connect: limit, answer: limit }, env });
  try {
    let attempt = await post(client, message, policy);
    for (const pause of pauses) {
      if (attempt.kind === "sent" || attempt.permanent || signal.aborted) break;
      try {
        await clock.sleep(pause, signal);
      } catch (error) {
        if (signal.aborted) break;
        throw error;
      }
      attempt = await post(client, message, policy);
    }
    if (attempt.kind === "sent") return attempt;
    return { kind: "failed", detail: `${new URL(message.url).host}: ${attempt.detail}` };
  } finally {
    // A kept connection would hold the process open.
    await client.close();
  }
}

type Attempt =
  | { readonly kind: "sent" }
  | { readonly kind: "failed"; readonly detail: string; readonly permanent: boolean };

async function post(client: HttpClient, message: Message, { limit, cut }: PostPolicy): Promise<Attempt> {
  const content =
    message.method === "GET"
      ? { headers: {} }
      : { headers: { ...message.headers, "content-type": message.contentType }, body: message.body };
  const request = { method: message.method, url: new URL(message.url), maxBytes: MAX_BYTES, ...content };
  try {
    const outer = cut ?? new AbortController().signal;
    const reply = await withTimeout(limit, outer, (inTime) => client.send(request, inTime));
    if (reply.kind === "failure") return failed(reply.detail, reply.permanent);
    const { status } = reply;
    if (status >= 200 && status < 300) return { kind: "sent" };
    return failed(`HTTP ${status}`, status < 500 && status !== 429 && status !== 408);
  } catch (error) {
    if (error instanceof TimeoutError) return failed(error.message, false);
    if (cut?.aborted) return failed("cut off", true);
    throw error;
  }
}

function failed(detail: string, permanent: boolean): Attempt {
  return { kind: "failed", detail, permanent };
}
