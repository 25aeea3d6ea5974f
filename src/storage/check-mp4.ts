import type { Output } from "../core/domain/evidence.ts";
import type { MediaCheck } from "../core/ports/ports.ts";
import { type HttpResponse, header, isRedirect } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";
import { type Box, readBox } from "./mp4.ts";
import { follow } from "./redirects.ts";
import type { BucketRequests, Range } from "./requests.ts";

/** A file has about five; only one that is fragmented, which is made to be cut off anywhere, has more than these. */
const MAX_BOXES = 64;

/** The longest head of a box: its 64-bit size included. */
const HEAD_BYTES = 16;

type Attempt = Final<MediaCheck> | Transient<MediaCheck>;

/** Bytes of the object, or what ends the check. */
type RangeResult = { readonly kind: "part"; readonly bytes: Buffer } | Attempt;

/**
 * Walks the boxes at the top of an MP4 file with a request of a few bytes for each: whole if the last one ends within
 * the object, and `ftyp` and `moov` were among them. A worker that died leaves no `moov`, or an `mdat` without its end.
 */
export async function checkMp4(ask: BucketRequests, url: URL, output: Output, signal: AbortSignal): Promise<Attempt> {
  const boxes: Box[] = [];
  for (let at = 0; at < output.bytes; ) {
    if (boxes.length === MAX_BOXES) return unknown(`more than ${MAX_BOXES} boxes: a fragmented file`);
    const range = { first: at, last: Math.min(at + HEAD_BYTES, output.bytes) - 1 };
    const part = await read(ask, url, range, output, signal);
    if (part.kind !== "part") return part;
    const box = readBox(part.bytes, at, output.bytes);
    if (box.kind === "broken") return broken(box.detail);
    if (box.kind === "padding") break;
    boxes.push(box);
    at = box.end;
  }
  const types = boxes.map(({ type }) => type);
  if (!types.includes("ftyp")) return broken("no ftyp: not an MP4 file");
  if (!types.includes("moov")) return broken("no moov: not finished");
  return { kind: "final", value: { kind: "sound" } };
}

async function read(
  ask: BucketRequests,
  url: URL,
  range: Range,
  output: Output,
  signal: AbortSignal,
): Promise<RangeResult> {
  let at = url;
  for (let followed = 0; ; followed += 1) {
    const reply = await ask.range(at, range, signal);
    if (reply.kind === "failure") return reply.permanent ? unknown(reply.detail) : transient(reply.detail, null);
    if (!isRedirect(reply)) return readPart(reply, range, output);
    const next = follow(at, reply, followed);
    if (next.kind === "final") return unknown(next.value.detail);
    at = next.to;
  }
}

function readPart(reply: HttpResponse, range: Range, output: Output): RangeResult {
  const detail = `HTTP ${reply.status}`;
  if ([429, 500, 502, 503, 504].includes(reply.status)) return transient(detail, header(reply, "retry-after"));
  if (reply.status === 200) return unknown("the server does not read in parts");
  if (reply.status !== 206) return unknown(detail);
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(reply, "content-range") ?? "") ?? [];
  if (Number(total) !== output.bytes || !isSame(header(reply, "etag"), output.etag))
    return unknown("changed meanwhile");
  const isAsked = Number(first) === range.first && Number(last) === range.last;
  const isWhole = reply.body.length === range.last - range.first + 1;
  return isAsked && isWhole
    ? { kind: "part", bytes: reply.body }
    : unknown(`${detail}, another part than was asked for`);
}

/** Where either does not tell, nothing speaks against it. */
function isSame(etag: string | null, before: string | null): boolean {
  return etag === null || before === null || etag.replace(/^W\//, "") === before.replace(/^W\//, "");
}

function broken(detail: string): Attempt {
  return { kind: "final", value: { kind: "broken", detail } };
}

function unknown(detail: string): Attempt {
  return { kind: "final", value: { kind: "unknown", detail } };
}

function transient(detail: string, retryAfter: string | null): Attempt {
  return { kind: "transient", value: { kind: "unknown", detail }, retryAfter };
}
