import type { Listing } from "../core/ports/ports.ts";
import { type HttpResponse, header, isRedirect } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";
import type { BucketLocation } from "./bucket-url.ts";
import { follow } from "./redirects.ts";
import type { BucketRequests } from "./requests.ts";
import { hasRoot, parseError, parseListing } from "./s3-xml.ts";

/** ListObjectsV2's own most. A prefix is an external id: there are a few files of it. */
const MAX_KEYS = "1000";

/** A thousand of the longest keys, with all that is told of each, stay below. */
const MAX_LISTING_BYTES = 4 * 2 ** 20;

type Attempt = Final<Listing> | Transient<Listing>;

/** One request for the names that begin with `prefix`, with the redirects that it leads through. */
export async function listObjects(
  ask: BucketRequests,
  place: BucketLocation,
  prefix: string,
  signal: AbortSignal,
): Promise<Attempt> {
  let at = listingUrl(place, prefix);
  for (let followed = 0; ; followed += 1) {
    const reply = await ask.text(at, MAX_LISTING_BYTES, signal);
    if (reply.kind === "failure") return reply.permanent ? unknown(reply.detail) : transient(reply.detail, null);
    if (!isRedirect(reply)) return await readListing(reply, place, prefix);
    const next = follow(at, reply, followed);
    if (next.kind === "final") return unknown(next.value.detail);
    at = next.to;
  }
}

/** Encoded by hand: URLSearchParams writes a space as `+`, which not every gateway reads as one. */
function listingUrl({ bucket, keyPrefix }: BucketLocation, prefix: string): URL {
  const query = { "list-type": "2", "max-keys": MAX_KEYS, prefix: keyPrefix + prefix };
  const url = new URL(bucket);
  url.search = Object.entries(query)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
  return url;
}

async function readListing(reply: HttpResponse, place: BucketLocation, prefix: string): Promise<Attempt> {
  const detail = `HTTP ${reply.status}`;
  switch (reply.status) {
    case 200:
      return await readNames(reply, place, prefix);
    // To a request that is well-formed in S3's protocol: a place that speaks another, or R2, to someone without a key.
    case 400:
    case 401:
    case 403:
    case 404:
    case 405:
    case 501:
      return await classifyRefusal(detail, reply);
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return transient(await withCode(detail, reply), header(reply, "retry-after"));
    default:
      return unknown(await withCode(detail, reply));
  }
}

/** A 200 that begins as no listing comes from a place that knows none; one that begins so and does not end was cut off. */
async function readNames(reply: HttpResponse, { keyPrefix }: BucketLocation, prefix: string): Promise<Attempt> {
  if (!reply.complete) return unknown(`HTTP 200, more than ${MAX_LISTING_BYTES} bytes`);
  const text = reply.body.toString("utf8");
  if (hasRoot("Error", text)) return transient(await withCode("HTTP 200", reply), null);
  if (!hasRoot("ListBucketResult", text)) return refused("HTTP 200, not a bucket's listing");
  const listing = await parseListing(text);
  if (listing === null) return transient("HTTP 200, a listing that cannot be read", null);
  // A server that does not know prefixes lists all that it has.
  const keys = listing.keys.filter((key) => key.startsWith(keyPrefix + prefix));
  const names = keys.map((key) => key.slice(keyPrefix.length));
  return { kind: "final", value: { kind: "listed", names, complete: listing.whole } };
}

/** S3's codes for a bucket that does not exist; a HEAD's 404 has no body to tell it from a missing key. */
const NO_BUCKET = ["NoSuchBucket", "InvalidBucketName"];

async function classifyRefusal(detail: string, reply: HttpResponse): Promise<Attempt> {
  const refusal = await parseError(reply.body.toString("utf8"));
  const told = await withCode(detail, reply);
  if (refusal === null || !NO_BUCKET.includes(refusal.code)) return refused(told);
  return { kind: "final", value: { kind: "nowhere", detail: told } };
}

async function withCode(detail: string, { body }: HttpResponse): Promise<string> {
  const refusal = await parseError(body.toString("utf8"));
  return refusal === null ? detail : `${detail} ${refusal.code}`;
}

function refused(detail: string): Attempt {
  return { kind: "final", value: { kind: "refused", detail } };
}

function unknown(detail: string): Attempt {
  return { kind: "final", value: { kind: "unknown", detail } };
}

function transient(detail: string, retryAfter: string | null): Attempt {
  return { kind: "transient", value: { kind: "unknown", detail }, retryAfter };
}
