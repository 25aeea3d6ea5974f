import type { Output, ProbeResult, UnknownCause } from "../core/domain/evidence.ts";
import type { Failure } from "../http/errors.ts";
import { header, isRedirect, mediaType, type ResponseHead } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";

/** What an answer says, apart from the URL that was asked for. */
export type ProbeOutcome =
  | { readonly result: "present"; readonly detail: string; readonly output: Omit<Output, "url"> }
  | { readonly result: "absent"; readonly detail: string }
  | { readonly result: "unknown"; readonly detail: string; readonly cause: UnknownCause };

export type Classification =
  | Final<ProbeOutcome>
  | Transient<ProbeOutcome>
  | { readonly kind: "redirect" }
  /** There, but how large was not told: a ranged GET may tell. */
  | { readonly kind: "sizeless" };

/** Reads the answer to a HEAD. Only a 404 that no cache gave is absence. */
export function classify(answer: ResponseHead): Classification {
  if (isRedirect(answer)) return { kind: "redirect" };
  const detail = `HTTP ${answer.status}`;
  switch (answer.status) {
    case 200:
    case 206:
      return readObject(answer);
    case 404:
      return isFromCache(answer)
        ? unknown("cached", `${detail} from a cache`)
        : { kind: "final", value: { result: "absent", detail } };
    case 401:
    case 403:
      // Calibration may turn a 403 into absence, so a cached one is as little to be trusted as a cached 404.
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

/** Reads what came back of `GET bytes=0-0` after `head` had told no size. */
export function readMeasured(
  head: ResponseHead,
  reply: ResponseHead | Failure | Final<ProbeOutcome>,
): Final<ProbeOutcome> | Transient<ProbeOutcome> {
  if (reply.kind === "final") return reply;
  if (reply.kind === "failure") return readFailure(reply);
  const reading = classify(reply);
  if (reading.kind === "transient") return reading;
  const bytes = measured(reply);
  return bytes === null ? unknown("suspect", `HTTP ${head.status}, size not told`) : object(head, bytes);
}

/** After a redirect a "no" speaks of another place (S3: a wrong region): it says nothing of the one that was asked. */
export function afterRedirect({ value: finding }: Final<ProbeOutcome>, host: string): Final<ProbeOutcome> {
  const isNo = finding.result === "absent" || (finding.result === "unknown" && finding.cause === "forbidden");
  return isNo
    ? unknown("redirected", `${finding.detail} after a redirect to ${host}`)
    : { kind: "final", value: finding };
}

export function unknown(cause: UnknownCause, detail: string): Final<ProbeOutcome> {
  return { kind: "final", value: { result: "unknown", cause, detail } };
}

/**
 * What was found, with where. Written out, since a sweep may hold 50,000 of these: V8 gives each object that is spread
 * into another a shape of its own, which takes more than what is in it.
 */
export function toProbeResult(url: string, finding: ProbeOutcome, detail = finding.detail): ProbeResult {
  switch (finding.result) {
    case "present": {
      const { bytes, contentType, etag, lastModified } = finding.output;
      return { result: "present", url, detail, output: { url, bytes, contentType, etag, lastModified } };
    }
    case "absent":
      return { result: "absent", url, detail };
    case "unknown":
      return { result: "unknown", url, detail, cause: finding.cause };
  }
}

function readObject(answer: ResponseHead): Classification {
  const bytes = answer.status === 206 ? rangeTotal(answer) : contentLength(answer);
  if (isMarkup(mediaType(answer)) || bytes !== null) return object(answer, bytes ?? 0);
  return { kind: "sizeless" };
}

/** What is there: an output, or something that cannot be one. NCA sets no content type, so none is demanded. */
function object(answer: ResponseHead, bytes: number): Final<ProbeOutcome> {
  const detail = `HTTP ${answer.status}`;
  const type = mediaType(answer);
  if (isMarkup(type)) return unknown("suspect", `${detail}, ${type}`);
  if (bytes === 0) return unknown("suspect", `${detail}, 0 bytes`);
  const output = {
    bytes,
    contentType: header(answer, "content-type"),
    etag: header(answer, "etag"),
    lastModified: isoTime(header(answer, "last-modified")),
  };
  return { kind: "final", value: { result: "present", detail, output } };
}

/** Pages, listings and error bodies that a server or a proxy gives with status 200. */
function isMarkup(type: string): boolean {
  return /^(text\/html|application\/xhtml\+xml|application\/xml|text\/xml|application\/json)$/.test(type);
}

/** A CDN keeps a 404 for minutes; Cloudflare, CloudFront and Varnish each tell in their own header. */
function isFromCache(answer: ResponseHead): boolean {
  const age = header(answer, "age");
  return (
    (age !== null && Number(age) !== 0) ||
    /^(hit|stale|updating)$/i.test(header(answer, "cf-cache-status") ?? "") ||
    /hit/i.test(header(answer, "x-cache") ?? "")
  );
}

/** The whole size as a ranged GET tells it; a server that ignores ranges answers 200 with the whole length. */
function measured(answer: ResponseHead): number | null {
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
  return size(/^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(header(answer, "content-range") ?? "")?.[1] ?? null);
}

function contentLength(answer: ResponseHead): number | null {
  return size(header(answer, "content-length"));
}

function size(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

function isoTime(text: string | null): string | null {
  const at = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
