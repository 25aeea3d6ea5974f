import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import type { Duration } from "../core/domain/job.ts";
import type { Clock } from "../core/ports/ports.ts";

/** Something to be posted. The URL is a secret: whoever has it can post too. */
export interface Message {
  readonly url: string;
  readonly body: string;
  readonly contentType: string;
}

/** What became of it. `detail` is for people and names no more than the host. */
export type Sent = { readonly kind: "sent" } | { readonly kind: "failed"; readonly detail: string };

/** How long and how often it is tried. */
export interface PostPolicy {
  readonly clock: Clock;
  /** After this signal nothing is tried again; what is under way goes on. */
  readonly signal: AbortSignal;
  /** Ends what is under way as well. */
  readonly cut?: AbortSignal;
  /** For one attempt, from the look-up of the name to the end of the answer. */
  readonly limit: Duration;
  /** The pauses before the further attempts. */
  readonly pauses: readonly Duration[];
}

/** Three attempts of ten seconds. */
export const DEFAULT_POST_POLICY: Pick<PostPolicy, "limit" | "pauses"> = { limit: 10_000, pauses: [1_000, 3_000] };

/**
 * Posts a letter; tries again what may go better another time. Never throws. Redirects are not followed: an address
 * that answers with one is wrong, and a POST may not be repeated elsewhere.
 */
export async function send(letter: Message, { clock, signal, cut, limit, pauses }: PostPolicy): Promise<Sent> {
  let answer = await post(letter, limit, cut);
  for (const pause of pauses) {
    if (answer.kind === "sent" || answer.lasting || signal.aborted) break;
    try {
      await clock.sleep(pause, signal);
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
    answer = await post(letter, limit, cut);
  }
  if (answer.kind === "sent") return answer;
  return { kind: "failed", detail: `${new URL(letter.url).host}: ${answer.detail}` };
}

type Answer =
  | { readonly kind: "sent" }
  | { readonly kind: "failed"; readonly detail: string; readonly lasting: boolean };

function post({ url, body, contentType }: Message, limit: Duration, cut?: AbortSignal): Promise<Answer> {
  const payload = Buffer.from(body);
  const timer = AbortSignal.timeout(limit);
  return new Promise((resolve) => {
    const failed = (detail: string, lasting = false) => resolve({ kind: "failed", detail, lasting });
    const onError = (error: Error) => {
      failed(timer.aborted ? `no answer within ${limit / 1000} s` : detailOf(error));
    };
    const request = (new URL(url).protocol === "https:" ? requestSecure : requestPlain)(
      url,
      {
        method: "POST",
        headers: { "content-type": contentType, "content-length": payload.length, "user-agent": "stuck-jobs" },
        signal: cut === undefined ? timer : AbortSignal.any([timer, cut]),
        // One request, one connection: a kept one would hold the process open.
        agent: false,
      },
      (response) => {
        const { statusCode = 0 } = response;
        // The body is read to its end, or the connection would be cut, but it is of no interest.
        response.on("error", onError);
        response.on("end", () => {
          if (statusCode >= 200 && statusCode < 300) return resolve({ kind: "sent" });
          failed(`HTTP ${statusCode}`, statusCode < 500 && statusCode !== 429 && statusCode !== 408);
        });
        response.resume();
      },
    );
    request.on("error", onError);
    request.end(payload);
  });
}

/** Node's messages may hold the whole address; its codes do not. */
function detailOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
