import type { Output } from "../core/domain/evidence.ts";
import type { MediaCheck } from "../core/ports/ports.ts";
import { type HttpResponse, header } from "../http/response.ts";
import type { Final, Transient } from "../http/retry.ts";
import { sendAlong } from "./redirects.ts";
import type { BucketRequests, Range } from "./requests.ts";

/** A file has about five; only a fragmented one, which can be played wherever it is cut off, has more than these. */
const MAX_BOXES = 64;

/** A box header: its size in 32 bits, and its type. */
const SHORT_HEADER = 8;
/** With the size in 64 bits behind them. */
const LONG_HEADER = 16;

type Attempt = Final<MediaCheck> | Transient<MediaCheck>;

/** Bytes of the object, or what ends the check. */
type RangeResult = { readonly kind: "part"; readonly bytes: Buffer } | Attempt;

/**
 * Walks the boxes at the top of an MP4 file with a request of a few bytes for each: it is whole if the last one ends
 * within the object, and `ftyp` and `moov` were among them. A worker that died leaves no `moov`, or an `mdat` without
 * its end.
 */
export async function checkMp4(
  requests: BucketRequests,
  url: URL,
  output: Output,
  signal: AbortSignal,
): Promise<Attempt> {
  const types: string[] = [];
  for (let at = 0; at < output.bytes; ) {
    if (types.length === MAX_BOXES) return unknown(`more than ${MAX_BOXES} boxes: a fragmented file`);
    const range = { first: at, last: Math.min(at + LONG_HEADER, output.bytes) - 1 };
    const part = await readRange(requests, url, range, output, signal);
    if (part.kind !== "part") return part;
    const box = parseBox(part.bytes, at, output.bytes);
    if (box.kind === "broken") return broken(box.detail);
    if (box.kind === "padding") break;
    types.push(box.type);
    at = box.end;
  }
  if (!types.includes("ftyp")) return broken("no ftyp: not an MP4 file");
  if (!types.includes("moov")) return broken("no moov: not finished");
  return { kind: "final", value: { kind: "sound" } };
}

async function readRange(
  requests: BucketRequests,
  url: URL,
  range: Range,
  output: Output,
  signal: AbortSignal,
): Promise<RangeResult> {
  const arrived = await sendAlong(url, (at) => requests.range(at, range, signal));
  if (arrived.kind === "final") return unknown(arrived.value.detail);
  const { reply } = arrived;
  if (reply.kind === "failure") return reply.permanent ? unknown(reply.detail) : transient(reply.detail, null);
  return readPart(reply, range, output);
}

function readPart(reply: HttpResponse, range: Range, output: Output): RangeResult {
  const detail = `HTTP ${reply.status}`;
  if ([429, 500, 502, 503, 504].includes(reply.status)) return transient(detail, header(reply, "retry-after"));
  if (reply.status === 200) return unknown("the server does not read in parts");
  if (reply.status !== 206) return unknown(detail);
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header(reply, "content-range") ?? "") ?? [];
  if (Number(total) !== output.bytes || !isSameEtag(header(reply, "etag"), output.etag)) {
    return unknown("changed meanwhile");
  }
  const isAsked = Number(first) === range.first && Number(last) === range.last;
  const isWhole = reply.body.length === range.last - range.first + 1;
  return isAsked && isWhole
    ? { kind: "part", bytes: reply.body }
    : unknown(`${detail}, another part than was asked for`);
}

/** Where either is missing, nothing speaks against it. */
function isSameEtag(etag: string | null, before: string | null): boolean {
  return etag === null || before === null || etag.replace(/^W\//, "") === before.replace(/^W\//, "");
}

/** A box at the top of a file; `end` is the position of the byte after it. */
type Box =
  | { readonly kind: "box"; readonly type: string; readonly end: number }
  | { readonly kind: "broken"; readonly detail: string }
  | { readonly kind: "padding" };

/**
 * Parses the header of the box at `at` of a file of `length` bytes (ISO/IEC 14496-12, 4.2). `bytes` holds the first 16
 * bytes of the box, or what the file has. Fewer than 8 bytes behind the last box are padding.
 */
function parseBox(bytes: Buffer, at: number, length: number): Box {
  if (bytes.length < SHORT_HEADER) return at === 0 ? brokenBox("too short") : { kind: "padding" };
  const short = bytes.readUInt32BE(0);
  const type = bytes.toString("latin1", 4, SHORT_HEADER);
  const name = `${type.replace(/[^A-Za-z0-9 ]/g, "?")} at byte ${at}`;
  // Size 0: to the end of the file.
  if (short === 0) return { kind: "box", type, end: length };
  if (short === 1 && bytes.length < LONG_HEADER) return brokenBox(`${name} is cut off`);
  const size = short === 1 ? Number(bytes.readBigUInt64BE(SHORT_HEADER)) : short;
  if (size < (short === 1 ? LONG_HEADER : SHORT_HEADER)) return brokenBox(`${name} has an impossible size`);
  if (size > length - at) return brokenBox(`${name} needs ${size} bytes, ${length - at} are there`);
  return { kind: "box", type, end: at + size };
}

function brokenBox(detail: string): Box {
  return { kind: "broken", detail };
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
