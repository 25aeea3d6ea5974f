import type { HttpClient, HttpRequest } from "../http/client.ts";
import type { Failure } from "../http/errors.ts";
import type { WaitForSlot } from "../http/rate-limit.ts";
import { type HttpResponse, header, isRedirect, type ResponseHead } from "../http/response.ts";
import type { Final } from "../http/retry.ts";
import type { BucketLocation } from "./bucket-url.ts";
import { classify, type ProbeOutcome, unknown } from "./classify-response.ts";
import { readErrorCode } from "./s3-errors.ts";
import type { Signer } from "./signer.ts";

/** The most that is read of an error's body. */
const MAX_ERROR_BYTES = 4096;

/** Both ends are included, as in the header. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

type ObjectReply = ResponseHead | Failure | Final<ProbeOutcome>;

/**
 * Single requests to the storage, signed where there are credentials. They throw the signal's reason and
 * `StorageConfigError`.
 */
export interface BucketRequests {
  /** Asks for the headers of an object, or for its first byte. Returns an outcome where the status alone says too much. */
  object(method: "HEAD" | "GET", url: URL, signal: AbortSignal): Promise<ObjectReply>;
  /** Asks for what a signed link leads to. It is signed for GET and refuses HEAD; its 403 may mean that it expired. */
  link(url: URL, signal: AbortSignal): Promise<ObjectReply>;
  /** Reads a part of an object. */
  range(url: URL, range: Range, signal: AbortSignal): Promise<HttpResponse | Failure>;
  /** Reads a text of at most `maxBytes`. */
  text(url: URL, maxBytes: number, signal: AbortSignal): Promise<HttpResponse | Failure>;
}

const NO_HEADERS = {};
const FIRST_BYTE: Range = { first: 0, last: 0 };

/** `waitForSlot` waits until a request may go. `signer` is null where nothing is signed. */
export function createBucketRequests(
  client: HttpClient,
  waitForSlot: WaitForSlot,
  location: BucketLocation,
  signer: Signer | null,
): BucketRequests {
  /** Whether the bucket is known to exist: then a 404 is about the key, and not about the bucket. */
  let bucketExists = false;

  return {
    object(method, url, signal) {
      const sending = send(method, url, method === "GET" ? FIRST_BYTE : null, MAX_ERROR_BYTES, signal);
      return signerFor(url) === null ? sending : sending.then((reply) => explain(reply, method, url, signal));
    },
    async link(url, signal) {
      const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
      if (reply.kind === "failure" || ![401, 403].includes(reply.status)) return reply;
      return unknown("unexpected", `HTTP ${reply.status} to a signed link`);
    },
    range: (url, range, signal) => send("GET", url, range, MAX_ERROR_BYTES + range.last - range.first, signal),
    text: (url, maxBytes, signal) => send("GET", url, null, maxBytes, signal),
  };

  function send(
    method: "HEAD" | "GET",
    url: URL,
    range: Range | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<HttpResponse | Failure> {
    const headers = range === null ? NO_HEADERS : { range: `bytes=${range.first}-${range.last}` };
    const urlSigner = signerFor(url);
    const sendNow = () =>
      urlSigner === null
        ? client.send({ method, url, headers, maxBytes }, signal)
        : sendSigned(urlSigner, { method, url, headers, maxBytes }, signal);
    const waiting = waitForSlot(signal);
    return waiting === null ? sendNow() : waiting.then(sendNow);
  }

  async function sendSigned(
    urlSigner: Signer,
    request: HttpRequest & { readonly method: "HEAD" | "GET" },
    signal: AbortSignal,
  ): Promise<HttpResponse | Failure> {
    const { method, url, headers } = request;
    const signed = await urlSigner.request(method, url);
    const reply = await client.send(
      { ...request, url: signed.url, headers: { ...signed.headers, ...headers } },
      signal,
    );
    if (reply.kind === "answer" && reply.status >= 300) readErrorCode(reply, url);
    return reply;
  }

  /** Learns from the answer to a signed request, and finds out what a refusal is about. */
  async function explain(
    reply: HttpResponse | Failure,
    method: "HEAD" | "GET",
    url: URL,
    signal: AbortSignal,
  ): Promise<ObjectReply> {
    if (reply.kind === "failure") return reply;
    if (reply.status === 200 || reply.status === 206) bucketExists = true;
    return method === "HEAD" && needsErrorCode(reply) ? await fetchErrorCode(url, reply, signal) : reply;
  }

  function signerFor(url: URL): Signer | null {
    return signer !== null && isSignable(location, url) ? signer : null;
  }

  /** The refusal of a HEAD has no body (measured on Ceph's gateway): only a GET says whether it is about us or the object. */
  async function fetchErrorCode(url: URL, head: ResponseHead, signal: AbortSignal): Promise<ObjectReply> {
    const reply = await send("GET", url, FIRST_BYTE, MAX_ERROR_BYTES, signal);
    if (reply.kind === "failure") return reply;
    const classified = classify(reply, url);
    if (classified.kind === "transient" || (classified.kind === "final" && isConclusive(classified.value)))
      return reply;
    const code = readErrorCode(reply, url) ?? "without a code";
    const detail = `HTTP ${reply.status} ${code}`;
    if (reply.status !== head.status) return unknown("unexpected", `HTTP ${head.status}, then ${detail}`);
    if (reply.status === 404 && code === "NoSuchKey") {
      bucketExists = true;
      return reply;
    }
    if (isRedirect(reply)) return unknown("redirected", detail);
    return unknown(reply.status === 403 && code === "AccessDenied" ? "forbidden" : "unexpected", detail);
  }

  function needsErrorCode(head: ResponseHead): boolean {
    if (head.status === 404) return !bucketExists;
    return [400, 401, 403].includes(head.status) || (isRedirect(head) && header(head, "location") === null);
  }
}

/** Returns whether a request may carry our signature: only in the configured bucket, and not for a link with its own. */
export function isSignable({ bucket }: BucketLocation, url: URL): boolean {
  return url.origin === bucket.origin && url.pathname.startsWith(bucket.pathname) && !isPresigned(url);
}

/** Returns whether a URL is signed itself, as links of S3, of Google's storage, and S3's older ones are. */
export function isPresigned(url: URL): boolean {
  return (
    url.search !== "" && ["X-Amz-Signature", "X-Goog-Signature", "Signature"].some((name) => url.searchParams.has(name))
  );
}

/** Returns whether an outcome needs no error code to be understood. */
function isConclusive(outcome: ProbeOutcome): boolean {
  return (
    outcome.result === "present" || (outcome.result === "unknown" && ["cached", "suspect"].includes(outcome.cause))
  );
}
