import type { IncomingMessage, ServerResponse } from "node:http";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Output } from "../../src/core/domain/evidence.ts";
import { StorageConfigError } from "../../src/core/ports/errors.ts";
import { NOW } from "../support/builders.ts";
import { CREDENTIALS, serveS3 } from "../support/s3.ts";
import { closedPort, never, probeOf, serve, testClock } from "../support/servers.ts";

/** A box with its size in 32 bits. */
function box(type: string, content: Buffer | number = 0): Buffer {
  const body = typeof content === "number" ? Buffer.alloc(content, 0x2a) : content;
  return Buffer.concat([uint32(body.length + 8), Buffer.from(type, "latin1"), body]);
}

/** A box with its size in 64 bits, as mdat has it beyond 4 GB. */
function longBox(type: string, content: number, size = BigInt(content + 16)): Buffer {
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(size);
  return Buffer.concat([uint32(1), Buffer.from(type, "latin1"), long, Buffer.alloc(content, 0x2a)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** As ffmpeg writes it: isom, with its compatible brands. */
const FTYP = box("ftyp", Buffer.from("isom\0\0\x02\0isomiso2avc1mp41", "latin1"));
const MOOV = box("moov", box("mvhd", 100));

/** Answers as a storage that serves parts of one file. */
function part(request: IncomingMessage, response: ServerResponse, file: Buffer, headers: Record<string, string> = {}) {
  const [, first = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number);
  const body = file.subarray(first, last + 1);
  const range = `bytes ${first}-${first + body.length - 1}/${file.length}`;
  response.writeHead(206, { "content-range": range, "content-length": body.length, ...headers }).end(body);
}

function output(url: string, bytes: number, etag: string | null = null): Output {
  return { url, bytes, contentType: "binary/octet-stream", etag, lastModified: null };
}

/** What the check says of a file, and which parts it read. */
async function check(file: Buffer) {
  const ranges: string[] = [];
  const place = await serve((request, response) => {
    ranges.push(request.headers.range ?? "");
    part(request, response, file);
  });
  const probe = probeOf(place.url);
  const found = await probe.checkMedia(output(`${place.url}/a.mp4`, file.length), never());
  expect(probe.requests()).toBe(place.requests.length);
  return { found, ranges };
}

describe("checkMp4 calls a file sound", () => {
  test.each<[string, Buffer[]]>([
    ["with moov last, as ffmpeg writes it", [FTYP, box("free"), box("mdat", 5000), MOOV]],
    ["with moov first, for streaming", [FTYP, MOOV, box("free"), box("mdat", 5000)]],
    ["with a 64-bit mdat", [FTYP, longBox("mdat", 5000), MOOV]],
    ["with a last box that reaches to the end", [FTYP, MOOV, uint32(0), Buffer.from("mdat"), Buffer.alloc(5000)]],
    ["with a moov that reaches to the end", [FTYP, box("mdat", 9), uint32(0), Buffer.from("moov"), Buffer.alloc(99)]],
    ["in fragments", [FTYP, MOOV, box("moof", 20), box("mdat", 50), box("moof", 20), box("mdat", 50), box("mfra", 8)]],
    ["with a box before ftyp", [box("wide"), FTYP, MOOV, box("mdat", 10)]],
    ["with a few bytes of padding", [FTYP, MOOV, box("mdat", 10), Buffer.alloc(7)]],
    ["with boxes that nobody knows", [FTYP, box("uuid", 30), box("©xyz", 3), MOOV, box("mdat", 10)]],
  ])("%s", async (_, boxes) => {
    expect((await check(Buffer.concat(boxes))).found).toEqual({ kind: "sound" });
  });

  test("after reading no more of it than the headers of its boxes", async () => {
    const { ranges } = await check(Buffer.concat([FTYP, box("mdat", 5000), MOOV]));
    expect(ranges).toEqual(["bytes=0-15", "bytes=32-47", "bytes=5040-5055"]);
  });
});

describe("checkMp4 calls a file broken", () => {
  const whole = Buffer.concat([FTYP, box("mdat", 5000), MOOV]);

  test.each<[string, Buffer, string]>([
    [
      "without moov, as a killed ffmpeg leaves it",
      Buffer.concat([FTYP, box("free"), box("mdat", 50)]),
      "no moov: not finished",
    ],
    [
      "with the mdat of 0 bytes that ffmpeg begins with",
      Buffer.concat([FTYP, uint32(0), Buffer.from("mdat"), Buffer.alloc(500)]),
      "no moov: not finished",
    ],
    ["cut off in its mdat", whole.subarray(0, 1000), "mdat at byte 32 needs 5008 bytes, 968 are there"],
    ["cut off in its moov", whole.subarray(0, 5100), "moov at byte 5040 needs 116 bytes, 60 are there"],
    ["cut off by its last byte", whole.subarray(0, -1), "moov at byte 5040 needs 116 bytes, 115 are there"],
    ["without ftyp", Buffer.concat([box("free"), MOOV, box("mdat", 10)]), "no ftyp: not an MP4 file"],
    [
      "as a page of HTML",
      Buffer.from(`<!DOCTYPE html>${" ".repeat(500)}`),
      "CTYP at byte 0 needs 1008813135 bytes, 515 are there",
    ],
    ["as text", Buffer.from("job failed: no space left on device"), "fail at byte 0 needs"],
    ["as zeros", Buffer.alloc(5000), "no ftyp: not an MP4 file"],
    ["as a few bytes", Buffer.from("abc"), "too short"],
    [
      "with a box that ends before its head",
      Buffer.concat([FTYP, uint32(7), Buffer.from("mdat"), MOOV]),
      "mdat at byte 32 has an impossible size",
    ],
    [
      "with a 64-bit size below its head",
      Buffer.concat([FTYP, longBox("mdat", 50, 15n), MOOV]),
      "mdat at byte 32 has an impossible size",
    ],
    [
      "with a 64-bit size beyond all bounds",
      Buffer.concat([FTYP, longBox("mdat", 50, 2n ** 64n - 1n), MOOV]),
      "mdat at byte 32 needs 18446744073709552000 bytes, 182 are there",
    ],
    [
      "cut off in a 64-bit size",
      Buffer.concat([FTYP, MOOV, longBox("mdat", 50).subarray(0, 12)]),
      "mdat at byte 148 is cut off",
    ],
  ])("%s", async (_, file, detail) => {
    const { found } = await check(file);
    expect(found).toEqual({ kind: "broken", detail: expect.stringContaining(detail) });
  });

  test("wherever it is cut", async () => {
    const place = await serve((request, response) =>
      part(request, response, whole.subarray(0, Number(request.url?.slice(1)))),
    );
    const probe = probeOf(place.url);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: whole.length - 1 }), async (length) => {
        const found = await probe.checkMedia(output(`${place.url}/${length}`, length), never());
        expect(found.kind).toBe("broken");
      }),
      { numRuns: 100 },
    );
  });
});

describe("checkMp4 says unknown", () => {
  const file = Buffer.concat([FTYP, box("mdat", 5000), MOOV]);

  /** The check of a file of that size where every request is answered so. */
  async function checkWhen(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    etag: string | null = null,
  ) {
    const place = await serve(answer);
    const probe = probeOf(place.url);
    const found = await probe.checkMedia(output(`${place.url}/a.mp4`, file.length, etag), never());
    return { found, place };
  }

  test.each([401, 403, 404, 416, 500, 503, 429, 410])("when a part is answered with %d", async (status) => {
    const { found } = await checkWhen((_request, response) => response.writeHead(status).end());
    expect(found).toEqual({ kind: "unknown", detail: `HTTP ${status}` });
  });

  test("when the server does not read in parts, without waiting for the rest", async () => {
    const { found, place } = await checkWhen((_request, response) => {
      response.writeHead(200, { "content-length": 1_000_000_000 }).write(Buffer.alloc(100_000));
    });
    expect(found).toEqual({ kind: "unknown", detail: "the server does not read in parts" });
    expect(place.requests).toHaveLength(1);
  });

  test.each<[string, Record<string, string>]>([
    ["another size", { "content-range": "bytes 0-15/900" }],
    ["no size", { "content-range": "bytes 0-15/*" }],
    ["another ETag", { etag: '"new"' }],
  ])("when the object has %s now", async (_, headers) => {
    const { found } = await checkWhen((request, response) => part(request, response, file, headers), '"old"');
    expect(found).toEqual({ kind: "unknown", detail: "changed meanwhile" });
  });

  test("but not for the same ETag in its weak form", async () => {
    const { found } = await checkWhen((request, response) => part(request, response, file, { etag: 'W/"e"' }), '"e"');
    expect(found).toEqual({ kind: "sound" });
  });

  test("when the server sends another part", async () => {
    const { found } = await checkWhen((_request, response) =>
      response.writeHead(206, { "content-range": `bytes 16-31/${file.length}` }).end(file.subarray(0, 16)),
    );
    expect(found).toEqual({ kind: "unknown", detail: "HTTP 206, another part than was asked for" });
  });

  test("when the server sends less than it says", async () => {
    const { found } = await checkWhen((request, response) => {
      const [, first = 0, last = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number);
      const headers = { "content-range": `bytes ${first}-${last}/${file.length}` };
      response.writeHead(206, headers).end(file.subarray(first, first + 9));
    });
    expect(found).toEqual({ kind: "unknown", detail: "HTTP 206, another part than was asked for" });
  });

  test("when it hangs, is not there, or is aborted", async () => {
    const hanging = await serve(() => {});
    const limits = { attempts: 1, timeouts: { connect: 5_000, answer: 50, total: 10_000 } };
    const slow = probeOf(hanging.url, limits);
    expect(await slow.checkMedia(output(`${hanging.url}/a`, 100), never())).toEqual({
      kind: "unknown",
      detail: "timed out after 50 ms",
    });
    const nowhere = `http://127.0.0.1:${await closedPort()}/a`;
    expect(await slow.checkMedia(output(nowhere, 100), never())).toMatchObject({ kind: "unknown" });
    expect(await slow.checkMedia(output("ftp://x/a", 100), never())).toMatchObject({ kind: "unknown" });
    await expect(slow.checkMedia(output(nowhere, 100), AbortSignal.abort("stop"))).rejects.toBe("stop");
  });

  test("when it has more boxes than are asked for", async () => {
    const fragments = Array.from({ length: 40 }, () => Buffer.concat([box("moof", 8), box("mdat", 8)]));
    const { found, ranges } = await check(Buffer.concat([FTYP, MOOV, ...fragments]));
    expect(found).toEqual({ kind: "unknown", detail: "more than 64 boxes: a fragmented file" });
    expect(ranges).toHaveLength(64);
  });

  test("at the first fault: it is tried again", async () => {
    let count = 0;
    const { found, place } = await checkWhen((request, response) => {
      count += 1;
      if (count === 2) response.writeHead(503).end();
      else part(request, response, file);
    });
    expect(found).toEqual({ kind: "sound" });
    expect(place.requests).toHaveLength(5);
  });
});

describe("checkMp4 reads a file", () => {
  const file = Buffer.concat([FTYP, box("mdat", 50), MOOV]);

  test("behind a redirect inside the host, and not outside", async () => {
    const place = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "/b" }).end();
      else if (request.url === "/c") response.writeHead(302, { location: "http://elsewhere.example/" }).end();
      else part(request, response, file);
    });
    const probe = probeOf(place.url);
    expect(await probe.checkMedia(output(`${place.url}/a`, file.length), never())).toEqual({ kind: "sound" });
    expect(await probe.checkMedia(output(`${place.url}/c`, file.length), never())).toEqual({
      kind: "unknown",
      detail: "HTTP 302 to elsewhere.example",
    });
  });

  test("in a private bucket", async () => {
    const s3 = await serveS3();
    s3.objects.set("a.mp4", file);
    const probe = probeOf(`${s3.url}/clips`, { credentials: CREDENTIALS, clock: testClock(NOW) });
    const seen = await probe.probe(probe.urlFor("a.mp4"), never());
    if (seen.result !== "present") throw new Error(seen.detail);
    expect(await probe.checkMedia(seen.output, never())).toEqual({ kind: "sound" });
    expect(new Set(s3.judgements)).toEqual(new Set(["right"]));
    const other = probeOf(`${s3.url}/clips`, {
      credentials: { ...CREDENTIALS, secretAccessKey: "other" },
      clock: testClock(NOW),
    });
    await expect(other.checkMedia(seen.output, never())).rejects.toThrow(StorageConfigError);
  });
});
