import type { Reply, Wire } from "../http/client.ts";
import type { Failure } from "../http/errors.ts";
import type { Settled } from "../http/retry.ts";
import type { Place } from "./bucket-url.ts";
import { type Answer, type Finding, header, isRedirect, read, unknown } from "./classify-response.ts";
import { codeOf } from "./s3-errors.ts";
import type { Signer } from "./signer.ts";

/** An error's text is short; more is not read of one. */
const MAX_ERROR_BYTES = 4096;

/** Both ends are included, as in the header. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** One request to the place, signed where there are credentials. Throws the signal's reason and StorageConfigError. */
export interface Ask {
  /** All that is told of an object, or its first byte. A finding where the status alone would say too much. */
  object(method: "HEAD" | "GET", url: URL, signal: AbortSignal): Promise<Answer | Failure | Settled<Finding>>;
  /** What a signed link leads to. It is signed for GET and refuses HEAD; its 403 may as well mean that it expired. */
  link(url: URL, signal: AbortSignal): Promise<Answer | Failure | Settled<Finding>>;
  /** A part of an object. */
  part(url: URL, range: Range, signal: AbortSignal): Promise<Reply | Failure>;
  /** A text of at most `maxBytes`. */
  text(url: URL, maxBytes: number, signal: AbortSignal): Promise<Reply | Failure>;
}

const FIRST_BYTE: Range = { first: 0, last: 0 };

/** `turn` waits until a request may go. `signer` is null where nothing is signed. */
export function createAsk(
  wire: Wire,
  turn: (signal: AbortSignal) => Promise<void>,
  place: Place,
  signer: Signer | null,
): Ask {
  /** Whether the bucket has been seen: a 404 is that of a key, and not of the bucket. */
  let bucketSeen = false;

  return {
    async object(method, url, signal) {
      const reply = await send(method, url, method === "GET" ? FIRST_BYTE : null, MAX_ERROR_BYTES, signal);
      if (reply.kind === "failure" || signerFor(url) === null) return reply;
      if (reply.status === 200 || reply.status === 206) bucketSeen = true;
      return method === "HEAD" && isDoubtful(reply) ? await askWhy(url, reply, signal) : reply;
    },
    async link(url, signal) {
      const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
      if (reply.kind === "failure" || ![401, 403].includes(reply.status)) return reply;
      return unknown("unexpected", `HTTP ${reply.status} to a signed link`);
    },
    part: (url, range, signal) => send("GET", url, range, MAX_ERROR_BYTES + range.last - range.first, signal),
    text: (url, maxBytes, signal) => send("GET", url, null, maxBytes, signal),
  };

  async function send(
    method: "HEAD" | "GET",
    url: URL,
    range: Range | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Reply | Failure> {
    await turn(signal);
    const headers = range === null ? {} : { range: `bytes=${range.first}-${range.last}` };
    const ours = signerFor(url);
    if (ours === null) return await wire.send({ method, url, headers, maxBytes }, signal);
    const signed = await ours.request(method, url);
    const request = { method, url: signed.url, headers: { ...signed.headers, ...headers }, maxBytes };
    const reply = await wire.send(request, signal);
    if (reply.kind === "answer" && reply.status >= 300) await codeOf(reply, url);
    return reply;
  }

  function signerFor(url: URL): Signer | null {
    return signs(place, url) ? signer : null;
  }

  /** A HEAD's "no" has no body (measured on Ceph's gateway): only a GET tells whether it speaks of us or of the object. */
  async function askWhy(url: URL, head: Answer, signal: AbortSignal): Promise<Answer | Failure | Settled<Finding>> {
    const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
    if (reply.kind === "failure") return reply;
    const reading = read(reply);
    if (reading.kind === "transient" || (reading.kind === "settled" && isPlain(reading.finding))) return reply;
    const code = (await codeOf(reply, url)) ?? "without a code";
    const detail = `HTTP ${reply.status} ${code}`;
    if (reply.status !== head.status) return unknown("unexpected", `HTTP ${head.status}, then ${detail}`);
    if (reply.status === 404 && code === "NoSuchKey") {
      bucketSeen = true;
      return reply;
    }
    if (isRedirect(reply)) return unknown("redirected", detail);
    return unknown(reply.status === 403 && code === "AccessDenied" ? "forbidden" : "unexpected", detail);
  }

  function isDoubtful(head: Answer): boolean {
    if (head.status === 404) return !bucketSeen;
    return [400, 401, 403].includes(head.status) || (isRedirect(head) && header(head, "location") === null);
  }
}

/** Whether the URL is for our credentials: only the place's own host is shown them, and not with a link of its own. */
export function signs({ bucket }: Place, url: URL): boolean {
  return url.origin === bucket.origin && !isPresigned(url);
}

/** Links of S3, of Google's storage, and S3's older ones. */
export function isPresigned(url: URL): boolean {
  return ["X-Amz-Signature", "X-Goog-Signature", "Signature"].some((name) => url.searchParams.has(name));
}

/** What needs no code to be understood. */
function isPlain(finding: Finding): boolean {
  return (
    finding.result === "present" || (finding.result === "unknown" && ["cached", "suspect"].includes(finding.cause))
  );
}
