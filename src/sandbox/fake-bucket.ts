import { createHash } from "node:crypto";
import type { Reply, Request } from "./http.ts";

/** An object of the bucket, which keeps no content. */
export interface StoredObject {
  readonly bytes: number;
  readonly contentType: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** A bucket behind Ceph's gateway, which is what Spaces runs, for anonymous requests. */
export interface Bucket {
  /** Answers a request. `now` is in milliseconds since 1970. */
  handle(request: Request, now: number): Reply;
  /** Returns how many requests were answered, of any kind. */
  requestCount(): number;
  put(key: string, object: StoredObject): void;
  remove(key: string): void;
  get(key: string): StoredObject | undefined;
  /** Returns the keys in the order of a listing. */
  keys(): readonly string[];
  /** Where listing is restricted, which is Spaces' default, a missing key answers 403. */
  visibility: "open" | "restricted";
}

/** Content is zeros; larger bodies are not served. */
const MAX_BODY_BYTES = 65_536;

/** A request with what its answer needs. */
interface BucketRequest {
  readonly request: Request;
  readonly bucketName: string;
  /** Headers of every answer. */
  readonly common: { readonly "x-amz-request-id": string; readonly date: string };
}

/** Creates an empty bucket that answers under `/{name}/{key}`. */
export function createBucket({ name, visibility }: { name: string; visibility: "open" | "restricted" }): Bucket {
  const objects = new Map<string, StoredObject>();
  let count = 0;
  const bucket: Bucket = {
    visibility,
    handle(request, now) {
      count += 1;
      const common = { "x-amz-request-id": createRequestId(count, now), date: new Date(now).toUTCString() };
      return answer(bucket, { request, bucketName: name, common });
    },
    requestCount: () => count,
    put: (key, object) => void objects.set(key, object),
    remove: (key) => void objects.delete(key),
    get: (key) => objects.get(key),
    keys: () => [...objects.keys()].sort(),
  };
  return bucket;
}

function answer(bucket: Bucket, bucketRequest: BucketRequest): Reply {
  const { method, path } = bucketRequest.request;
  if (method !== "HEAD" && method !== "GET") return refusal(405, "MethodNotAllowed", bucketRequest);
  const place = locate(path);
  if (place === null) return refusal(400, "InvalidURI", bucketRequest);
  if (place.bucket === "") return refusal(403, "AccessDenied", bucketRequest);
  if (place.bucket !== bucketRequest.bucketName) return refusal(404, "NoSuchBucket", bucketRequest);
  if (place.key === "") return list(bucket, bucketRequest);
  const object = bucket.get(place.key);
  if (object !== undefined) return download(place.key, object, bucketRequest);
  return bucket.visibility === "open"
    ? refusal(404, "NoSuchKey", bucketRequest)
    : refusal(403, "AccessDenied", bucketRequest);
}

/** Splits at the first slash after the bucket only: `/x` and `//x` are different keys. Null for a bad escape. */
function locate(path: string): { readonly bucket: string; readonly key: string } | null {
  const [, bucket = "", key = ""] = /^\/([^/]*)(?:\/(.*))?$/s.exec(path) ?? [];
  try {
    return { bucket: decodeURIComponent(bucket), key: decodeURIComponent(key) };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

function download(key: string, object: StoredObject, bucketRequest: BucketRequest): Reply {
  const range = parseRange(bucketRequest.request.headers.range, object.bytes);
  if (range === "unsatisfiable") {
    return withHeaders(refusal(416, "InvalidRange", bucketRequest), { "content-range": `bytes */${object.bytes}` });
  }
  const length = range === null ? object.bytes : range.last - range.first + 1;
  const isGet = bucketRequest.request.method === "GET";
  if (isGet && length > MAX_BODY_BYTES) return refusal(501, "NotImplemented", bucketRequest);
  const headers = {
    "content-length": String(length),
    "accept-ranges": "bytes",
    "last-modified": new Date(object.lastModified).toUTCString(),
    etag: etagOf(key, object.bytes),
    "content-type": object.contentType,
    ...bucketRequest.common,
  };
  const reply = { status: range === null ? 200 : 206, headers, body: isGet ? "\0".repeat(length) : "" };
  if (range === null) return reply;
  return withHeaders(reply, { "content-range": `bytes ${range.first}-${range.last}/${object.bytes}` });
}

type Range = { readonly first: number; readonly last: number };

/** Returns the requested range; null where there is none, and for the forms that no probe sends (several, a suffix). */
function parseRange(header: string | undefined, bytes: number): Range | "unsatisfiable" | null {
  const [whole, from = "", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(header ?? "") ?? [];
  if (whole === undefined) return null;
  const first = Number(from);
  const last = to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (first >= bytes) return "unsatisfiable";
  return last < first ? null : { first, last };
}

/** The most keys in one page, as on S3. */
const MAX_KEYS = 1000;

/** Answers ListObjectsV2. The continuation token is the last key of the page before. */
function list(bucket: Bucket, bucketRequest: BucketRequest): Reply {
  if (bucket.visibility === "restricted") return refusal(403, "AccessDenied", bucketRequest);
  const { query } = bucketRequest.request;
  const wanted = query.get("max-keys") ?? String(MAX_KEYS);
  if (!/^\d+$/.test(wanted)) return refusal(400, "InvalidArgument", bucketRequest);
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const left = bucket.keys().filter((key) => key.startsWith(prefix) && key > after);
  const page = left.slice(0, Math.min(Number(wanted), MAX_KEYS));
  const last = page.length < left.length ? (page.at(-1) ?? null) : null;
  const about = [
    element("Name", bucketRequest.bucketName),
    element("Prefix", prefix),
    element("KeyCount", String(page.length)),
    element("MaxKeys", wanted),
    element("IsTruncated", String(page.length < left.length)),
    last === null ? "" : element("NextContinuationToken", last),
  ];
  const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
  const contents = page.map((key) => entry(bucket, key));
  return xml(
    200,
    `<ListBucketResult xmlns="${namespace}">${[...about, ...contents].join("")}</ListBucketResult>`,
    bucketRequest,
  );
}

function entry(bucket: Bucket, key: string): string {
  const { bytes, lastModified } = bucket.get(key) ?? { bytes: 0, lastModified: 0 };
  const modified = new Date(lastModified).toISOString();
  const parts = [
    element("Key", key),
    element("LastModified", modified),
    element("ETag", etagOf(key, bytes)),
    element("Size", String(bytes)),
    element("StorageClass", "STANDARD"),
  ];
  return `<Contents>${parts.join("")}</Contents>`;
}

function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}

function refusal(status: number, code: string, bucketRequest: BucketRequest): Reply {
  const where = `<BucketName>${escapeXml(bucketRequest.bucketName)}</BucketName>`;
  const id = bucketRequest.common["x-amz-request-id"];
  return xml(status, `<Error><Code>${code}</Code>${where}<RequestId>${id}</RequestId></Error>`, bucketRequest);
}

/** For a HEAD the gateway sends the length and type of the body that it leaves out (measured on RGW 16.2). */
function xml(status: number, content: string, { request, common }: BucketRequest): Reply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>${content}`;
  const headers = {
    "content-length": String(Buffer.byteLength(body)),
    "accept-ranges": "bytes",
    "content-type": "application/xml",
    ...common,
  };
  return { status, headers, body: request.method === "HEAD" ? "" : body };
}

function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

function etagOf(key: string, bytes: number): string {
  return `"${createHash("md5").update(`${key}\n${bytes}`).digest("hex")}"`;
}

/** Creates an id in the gateway's form: a running number, and the second. */
function createRequestId(count: number, now: number): string {
  const second = Math.floor(now / 1000);
  return `tx${count.toString(16).padStart(21, "0")}-00${second.toString(16)}-5a9db0-nyc3d`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
