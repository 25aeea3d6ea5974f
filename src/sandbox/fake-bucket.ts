import { createHash } from "node:crypto";
import type { Reply, Request } from "./http.ts";

/** What the bucket knows of an object: it keeps no content. */
export interface StoredObject {
  readonly bytes: number;
  readonly contentType: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** A bucket behind Ceph's gateway, which is what Spaces runs, as someone without a key sees it. */
export interface Bucket {
  /** `now` is in milliseconds since 1970. */
  handle(request: Request, now: number): Reply;
  /** Requests that were answered so far, of any kind. */
  requestCount(): number;
  put(key: string, object: StoredObject): void;
  remove(key: string): void;
  get(key: string): StoredObject | undefined;
  /** In the order in which a listing names them. */
  keys(): readonly string[];
  /** Who may not list is told 403 for what is missing; Spaces' default is "restricted". */
  visibility: "open" | "restricted";
}

/** Content is zeros, and no more of them are made than this. */
const MAX_BODY_BYTES = 65_536;

/** What one request is answered from. */
interface BucketRequest {
  readonly request: Request;
  readonly bucketName: string;
  /** Sent with every answer. */
  readonly common: { readonly "x-amz-request-id": string; readonly date: string };
}

/** An empty bucket that answers under `/{name}/{key}`. */
export function createBucket({ name, visibility }: { name: string; visibility: "open" | "restricted" }): Bucket {
  const objects = new Map<string, StoredObject>();
  let count = 0;
  const bucket: Bucket = {
    visibility,
    handle(request, now) {
      count += 1;
      const common = { "x-amz-request-id": requestId(count, now), date: new Date(now).toUTCString() };
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

function answer(bucket: Bucket, visit: BucketRequest): Reply {
  const { method, path } = visit.request;
  if (method !== "HEAD" && method !== "GET") return refusal(405, "MethodNotAllowed", visit);
  const place = locate(path);
  if (place === null) return refusal(400, "InvalidURI", visit);
  if (place.bucket === "") return refusal(403, "AccessDenied", visit);
  if (place.bucket !== visit.bucketName) return refusal(404, "NoSuchBucket", visit);
  if (place.key === "") return list(bucket, visit);
  const object = bucket.get(place.key);
  if (object !== undefined) return download(place.key, object, visit);
  return bucket.visibility === "open" ? refusal(404, "NoSuchKey", visit) : refusal(403, "AccessDenied", visit);
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

function download(key: string, object: StoredObject, visit: BucketRequest): Reply {
  const range = rangeOf(visit.request.headers.range, object.bytes);
  if (range === "unsatisfiable") {
    return withHeaders(refusal(416, "InvalidRange", visit), { "content-range": `bytes */${object.bytes}` });
  }
  const length = range === null ? object.bytes : range.last - range.first + 1;
  const isGet = visit.request.method === "GET";
  if (isGet && length > MAX_BODY_BYTES) return refusal(501, "NotImplemented", visit);
  const headers = {
    "content-length": String(length),
    "accept-ranges": "bytes",
    "last-modified": new Date(object.lastModified).toUTCString(),
    etag: etagOf(key, object.bytes),
    "content-type": object.contentType,
    ...visit.common,
  };
  const reply = { status: range === null ? 200 : 206, headers, body: isGet ? "\0".repeat(length) : "" };
  if (range === null) return reply;
  return withHeaders(reply, { "content-range": `bytes ${range.first}-${range.last}/${object.bytes}` });
}

type Range = { readonly first: number; readonly last: number };

/** The one range that was asked for; null for none, and for the forms that no probe sends (several, a suffix). */
function rangeOf(header: string | undefined, bytes: number): Range | "unsatisfiable" | null {
  const [whole, from = "", to = ""] = /^bytes=(\d+)-(\d*)$/.exec(header ?? "") ?? [];
  if (whole === undefined) return null;
  const first = Number(from);
  const last = to === "" ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (first >= bytes) return "unsatisfiable";
  return last < first ? null : { first, last };
}

/** The most keys that one page names, as everywhere. */
const MAX_KEYS = 1000;

/** ListObjectsV2, which the gateway speaks beside the first version. The token is the last key of the page before. */
function list(bucket: Bucket, visit: BucketRequest): Reply {
  if (bucket.visibility === "restricted") return refusal(403, "AccessDenied", visit);
  const { query } = visit.request;
  const wanted = query.get("max-keys") ?? String(MAX_KEYS);
  if (!/^\d+$/.test(wanted)) return refusal(400, "InvalidArgument", visit);
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? query.get("start-after") ?? "";
  const left = bucket.keys().filter((key) => key.startsWith(prefix) && key > after);
  const page = left.slice(0, Math.min(Number(wanted), MAX_KEYS));
  const last = page.length < left.length ? (page.at(-1) ?? null) : null;
  const about = [
    element("Name", visit.bucketName),
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
    visit,
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
  return `<${name}>${escaped(text)}</${name}>`;
}

function refusal(status: number, code: string, visit: BucketRequest): Reply {
  const where = `<BucketName>${escaped(visit.bucketName)}</BucketName>`;
  const id = visit.common["x-amz-request-id"];
  return xml(status, `<Error><Code>${code}</Code>${where}<RequestId>${id}</RequestId></Error>`, visit);
}

/** To a HEAD the gateway tells length and type of the text that it leaves out (measured on RGW 16.2). */
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

/** In the gateway's form: a running number, and the second. */
function requestId(count: number, now: number): string {
  const second = Math.floor(now / 1000);
  return `tx${count.toString(16).padStart(21, "0")}-00${second.toString(16)}-5a9db0-nyc3d`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
