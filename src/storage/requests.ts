import type { HttpClient } from "../http/client.ts";
import type { Failure } from "../http/errors.ts";
import { type HttpResponse, header, isRedirect, type ResponseHead } from "../http/response.ts";
import type { Final } from "../http/retry.ts";
import type { BucketLocation } from "./bucket-url.ts";
import { classify, type ProbeOutcome, unknown } from "./classify-response.ts";
import { readErrorCode } from "./s3-errors.ts";
import type { Signer } from "./signer.ts";

/** An error's text is short; more is not read of one. */
const MAX_ERROR_BYTES = 4096;

/** Both ends are included, as in the header. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/** One request to the place, signed where there are credentials. Throws the signal's reason and StorageConfigError. */
export interface BucketRequests {
  /** All that is told of an object, or its first byte. A finding where the status alone would say too much. */
  object(method: "HEAD" | "GET", url: URL, signal: AbortSignal): Promise<ResponseHead | Failure | Final<ProbeOutcome>>;
  /** What a signed link leads to. It is signed for GET and refuses HEAD; its 403 may as well mean that it expired. */
  link(url: URL, signal: AbortSignal): Promise<ResponseHead | Failure | Final<ProbeOutcome>>;
  /** A part of an object. */
  range(url: URL, range: Range, signal: AbortSignal): Promise<HttpResponse | Failure>;
  /** A text of at most `maxBytes`. */
  text(url: URL, maxBytes: number, signal: AbortSignal): Promise<HttpResponse | Failure>;
}

const FIRST_BYTE: Range = { first: 0, last: 0 };

/** `turn` waits until a request may go. `signer` is null where nothing is signed. */
export function createAsk(
  wire: HttpClient,
  turn: (signal: AbortSignal) => Promise<void>,
  place: BucketLocation,
  signer: Signer | null,
): BucketRequests {
  /** Whether the bucket has been seen: a 404 is that of a key, and not of the bucket. */
  let bucketSeen = false;

  return {
    async object(method, url, signal) {
      const reply = await send(method, url, method === "GET" ? FIRST_BYTE : null, MAX_ERROR_BYTES, signal);
      if (reply.kind === "failure" || signerFor(url) === null) return reply;
      if (reply.status === 200 || reply.status === 206) bucketSeen = true;
      return method === "HEAD" && needsErrorCode(reply) ? await fetchErrorCode(url, reply, signal) : reply;
    },
    async link(url, signal) {
      const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
      if (reply.kind === "failure" || ![401, 403].includes(reply.status)) return reply;
      return unknown("unexpected", `HTTP ${reply.status} to a signed link`);
    },
    range: (url, range, signal) => send("GET", url, range, MAX_ERROR_BYTES + range.last - range.first, signal),
    text: (url, maxBytes, signal) => send("GET", url, null, maxBytes, signal),
  };

  async function send(
    method: "HEAD" | "GET",
    url: URL,
    range: Range | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<HttpResponse | Failure> {
    await turn(signal);
    const headers = range === null ? {} : { range: `bytes=${range.first}-${range.last}` };
    const ours = signerFor(url);
    if (ours === null) return await wire.send({ method, url, headers, maxBytes }, signal);
    const signed = await ours.request(method, url);
    const request = { method, url: signed.url, headers: { ...signed.headers, ...headers }, maxBytes };
    const reply = await wire.send(request, signal);
    if (reply.kind === "answer" && reply.status >= 300) await readErrorCode(reply, url);
    return reply;
  }

  function signerFor(url: URL): Signer | null {
    return signs(place, url) ? signer : null;
  }

  /** A HEAD's "no" has no body (measured on Ceph's gateway): only a GET tells whether it speaks of us or of the object. */
  async function fetchErrorCode(
    url: URL,
    head: ResponseHead,
    signal: AbortSignal,
  ): Promise<ResponseHead | Failure | Final<ProbeOutcome>> {
    const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
    if (reply.kind === "failure") return reply;
    const reading = classify(reply);
    if (reading.kind === "transient" || (reading.kind === "final" && isConclusive(reading.value))) return reply;
    const code = (await readErrorCode(reply, url)) ?? "without a code";
    const detail = `HTTP ${reply.status} ${code}`;
    if (reply.status !== head.status) return unknown("unexpected", `HTTP ${head.status}, then ${detail}`);
    if (reply.status === 404 && code === "NoSuchKey") {
      bucketSeen = true;
      return reply;
    }
    if (isRedirect(reply)) return unknown("redirected", detail);
    return unknown(reply.status === 403 && code === "AccessDenied" ? "forbidden" : "unexpected", detail);
  }

  function needsErrorCode(head: ResponseHead): boolean {
    if (head.status === 404) return !bucketSeen;
    return [400, 401, 403].includes(head.status) || (isRedirect(head) && header(head, "location") === null);
  }
}

/** Whether the URL is for our credentials: only the place's own host is shown them, and not with a link of its own. */
export function signs({ bucket }: BucketLocation, url: URL): boolean {
  return url.origin === bucket.origin && !isPresigned(url);
}

/** Links of S3, of Google's storage, and S3's older ones. */
export function isPresigned(url: URL): boolean {
  return ["X-Amz-Signature", "X-Goog-Signature", "Signature"].some((name) => url.searchParams.has(name));
}

/** What needs no code to be understood. */
function isConclusive(finding: ProbeOutcome): boolean {
  return (
    finding.result === "present" || (finding.result === "unknown" && ["cached", "suspect"].includes(finding.cause))
  );
}
