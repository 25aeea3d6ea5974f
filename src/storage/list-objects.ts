import type { ObjectListing } from "../core/ports/ports.ts";
import { type HttpResponse, header } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";
import type { BucketLocation } from "./bucket-url.ts";
import { sendAlong } from "./redirects.ts";
import type { BucketRequests } from "./requests.ts";
import { hasRoot, parseError, parseListing } from "./s3-xml.ts";

/** The most that ListObjectsV2 returns. A prefix is an external id: it has a few files. */
const MAX_KEYS = "1000";

/** A thousand of the longest keys, with all that a listing says of each, are shorter. */
const MAX_LISTING_BYTES = 4 * 2 ** 20;

type Attempt = Final<ObjectListing> | Transient<ObjectListing>;

/** Lists the names that begin with `prefix`, by one request and the redirects that it leads through. */
export async function listObjects(
  requests: BucketRequests,
  location: BucketLocation,
  prefix: string,
  signal: AbortSignal,
): Promise<Attempt> {
  const arrived = await sendAlong(listingUrl(location, prefix), (at) => requests.text(at, MAX_LISTING_BYTES, signal));
  if (arrived.kind === "final") return unknown(arrived.value.detail);
  const { reply } = arrived;
  if (reply.kind === "failure") return reply.permanent ? unknown(reply.detail) : transient(reply.detail, null);
  return readListing(reply, location, prefix);
}

/** Encoded without URLSearchParams, which writes a space as `+`: not every gateway reads that as a space. */
function listingUrl({ bucket, keyPrefix }: BucketLocation, prefix: string): URL {
  const query = { "list-type": "2", "max-keys": MAX_KEYS, prefix: keyPrefix + prefix };
  const url = new URL(bucket);
  url.search = Object.entries(query)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join("&");
  return url;
}

function readListing(reply: HttpResponse, location: BucketLocation, prefix: string): Attempt {
  switch (reply.status) {
    case 200:
      return readNames(reply, location, prefix);
    // To a request that is well-formed in S3's protocol: a server of another protocol, or R2, to someone without a key.
    case 400:
    case 401:
    case 403:
    case 404:
    case 405:
    case 501:
      return classifyRefusal(reply);
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return transient(describe(reply), header(reply, "retry-after"));
    default:
      return unknown(describe(reply));
  }
}

/** A 200 that does not begin as a listing comes from a server that has none; one that begins so and does not end was cut off. */
function readNames(reply: HttpResponse, { keyPrefix }: BucketLocation, prefix: string): Attempt {
  if (!reply.complete) return unknown(`HTTP 200, a listing of more than ${MAX_LISTING_BYTES / 2 ** 20} MiB`);
  const text = reply.body.toString("utf8");
  if (hasRoot("Error", text)) return transient(describe(reply), null);
  if (!hasRoot("ListBucketResult", text)) return refused("HTTP 200, not a bucket's listing");
  const listing = parseListing(text);
  if (listing === null) return transient("HTTP 200, a listing that cannot be read", null);
  // A server that ignores the prefix lists all that it has.
  const keys = listing.keys.filter((key) => key.startsWith(keyPrefix + prefix));
  const names = keys.map((key) => key.slice(keyPrefix.length));
  return { kind: "final", value: { kind: "listed", names, complete: listing.complete } };
}

/** S3's codes for a bucket that does not exist; the 404 of a HEAD has no body that distinguishes it from a missing key. */
const NO_BUCKET = ["NoSuchBucket", "InvalidBucketName"];

function classifyRefusal(reply: HttpResponse): Attempt {
  const refusal = parseError(reply.body.toString("utf8"));
  const detail = describe(reply);
  if (refusal === null || !NO_BUCKET.includes(refusal.code)) return refused(detail);
  return { kind: "final", value: { kind: "no-bucket", detail } };
}

/** Returns the status, and the code of an S3 error. */
function describe({ status, body }: HttpResponse): string {
  const refusal = parseError(body.toString("utf8"));
  return refusal === null ? `HTTP ${status}` : `HTTP ${status} ${refusal.code}`;
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
