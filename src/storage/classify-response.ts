import type { Output, ProbeResult, UnknownCause } from "../core/domain/evidence.ts";
import type { Failure } from "../http/errors.ts";
import { header, mediaType, type ResponseHead } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";
import { isFromCache } from "./cache-headers.ts";

/** What an answer says of an object, apart from its URL. */
export type ProbeOutcome =
  | { readonly result: "present"; readonly detail: string; readonly output: Omit<Output, "url"> }
  | { readonly result: "absent"; readonly detail: string }
  | { readonly result: "unknown"; readonly detail: string; readonly cause: UnknownCause };

export type Classification =
  | Final<ProbeOutcome>
  | Transient<ProbeOutcome>
  /** The object is there, but the answer gives no size: a ranged GET may. */
  | { readonly kind: "size-unknown"; readonly head: ResponseHead };

/** Classifies the answer to a HEAD of `url`, which is no redirect. Only a 404 that no cache gave is absence. */
export function classify(answer: ResponseHead, url: URL): Classification {
  const detail = `HTTP ${answer.status}`;
  switch (answer.status) {
    case 200:
    case 206:
      return classifyObject(answer, url);
    case 404:
      if (isFromCache(answer)) return unknown("cached", `${detail} from a cache`);
      return { kind: "final", value: { result: "absent", detail: `${detail}${deleteMarker(answer)}` } };
    case 401:
    case 403:
      // The sweep may find out that a 403 means "missing" (core/sweep/probe/calibrate-missing.ts): a cached one is no better
      // than a cached 404.
      return isFromCache(answer) ? unknown("cached", `${detail} from a cache`) : unknown("forbidden", detail);
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return {
        kind: "transient",
        value: { result: "unknown", cause: "unreachable", detail },
        retryAfter: header(answer, "retry-after"),
      };
    default:
      return unknown("unexpected", detail);
  }
}

export function readFailure({ detail, permanent }: Failure): Final<ProbeOutcome> | Transient<ProbeOutcome> {
  const final = unknown("unreachable", detail);
  return permanent ? final : { kind: "transient", value: final.value, retryAfter: null };
}

/** Classifies the answer to `GET bytes=0-0` of `url`, after the answer `head` gave no size. */
export function classifyRange(
  head: ResponseHead,
  reply: ResponseHead | Failure | Final<ProbeOutcome>,
  url: URL,
): Final<ProbeOutcome> | Transient<ProbeOutcome> {
  if (reply.kind === "final") return reply;
  if (reply.kind === "failure") return readFailure(reply);
  const classified = classify(reply, url);
  if (classified.kind === "transient") return classified;
  const bytes = sizeFromRange(reply);
  return bytes === null ? unknown("suspect", `HTTP ${head.status}, no size given`) : describeObject(head, bytes, url);
}

/** After a redirect a "no" is about another place (S3: a wrong region): it says nothing of the one that was asked. */
export function afterRedirect({ value }: Final<ProbeOutcome>, host: string): Final<ProbeOutcome> {
  const isNo = value.result === "absent" || (value.result === "unknown" && value.cause === "forbidden");
  return isNo ? unknown("redirected", `${value.detail} after a redirect to ${host}`) : { kind: "final", value };
}

export function unknown(cause: UnknownCause, detail: string): Final<ProbeOutcome> {
  return { kind: "final", value: { result: "unknown", cause, detail } };
}

/** Adds the URL to a probe outcome. Built field by field (not by spread) to keep one hidden class for 50,000 of them. */
export function toProbeResult(url: string, outcome: ProbeOutcome, detail = outcome.detail): ProbeResult {
  switch (outcome.result) {
    case "present": {
      const { bytes, contentType, etag, lastModified } = outcome.output;
      return { result: "present", url, detail, output: { url, bytes, contentType, etag, lastModified } };
    }
    case "absent":
      return { result: "absent", url, detail };
    case "unknown":
      return { result: "unknown", url, detail, cause: outcome.cause };
  }
}

function classifyObject(answer: ResponseHead, url: URL): Classification {
  const bytes = answer.status === 206 ? rangeTotal(answer) : contentLength(answer);
  if (bytes !== null || isSuspectType(mediaType(answer), url)) return describeObject(answer, bytes ?? 0, url);
  return { kind: "size-unknown", head: answer };
}

/** Returns an output, or "suspect" for something that cannot be one. NCA sets no content type, so none is required. */
function describeObject(answer: ResponseHead, bytes: number, url: URL): Final<ProbeOutcome> {
  const detail = `HTTP ${answer.status}`;
  const type = mediaType(answer);
  if (isSuspectType(type, url)) return unknown("suspect", `${detail}, ${type}`);
  if (bytes === 0) return unknown("suspect", `${detail}, 0 bytes`);
  const output = {
    bytes,
    contentType: header(answer, "content-type"),
    etag: header(answer, "etag"),
    lastModified: isoTime(header(answer, "last-modified")),
  };
  return { kind: "final", value: { result: "present", detail, output } };
}

const HTML = ["text/html", "application/xhtml+xml"];
const XML = ["application/xml", "text/xml"];
const JSON_TYPE = ["application/json"];

/** Types of the pages, listings and error bodies that servers and proxies give with status 200. */
const SUSPECT_TYPES: readonly string[] = [...HTML, ...XML, ...JSON_TYPE];

/** Of these, the types that are right for a name that ends so. */
const EXPECTED_TYPES: ReadonlyMap<string, readonly string[]> = new Map([
  ...["html", "htm", "xhtml"].map((extension) => [extension, [...HTML, ...XML]] as const),
  ...["xml", "ttml", "dfxp", "mpd", "smil", "rss", "atom", "svg", "kml", "gpx", "plist"].map(
    (extension) => [extension, XML] as const,
  ),
  ...["json", "jsonl", "ndjson", "geojson", "map"].map((extension) => [extension, JSON_TYPE] as const),
]);

function isSuspectType(type: string, url: URL): boolean {
  return SUSPECT_TYPES.includes(type) && !(EXPECTED_TYPES.get(extension(url)) ?? []).includes(type);
}

function extension({ pathname }: URL): string {
  return pathname.slice(pathname.lastIndexOf(".") + 1).toLowerCase();
}

/** In a bucket with versions the newest version of a deleted object is a delete marker: it was there once. */
function deleteMarker(answer: ResponseHead): string {
  return header(answer, "x-amz-delete-marker") === "true" ? ", delete marker" : "";
}

/** The whole size by a ranged GET; a server that ignores ranges answers 200 with the whole length. */
function sizeFromRange(answer: ResponseHead): number | null {
  switch (answer.status) {
    case 206:
    case 416: // An empty object has no first byte: `bytes */0`.
      return rangeTotal(answer);
    case 200:
      return contentLength(answer);
    default:
      return null;
  }
}

function rangeTotal(answer: ResponseHead): number | null {
  return parseSize(/^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(header(answer, "content-range") ?? "")?.[1] ?? null);
}

function contentLength(answer: ResponseHead): number | null {
  return parseSize(header(answer, "content-length"));
}

function parseSize(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

function isoTime(text: string | null): string | null {
  const at = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
