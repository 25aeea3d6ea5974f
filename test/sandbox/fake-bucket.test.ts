import { describe, expect, it } from "vitest";
import { createBucket } from "../../src/sandbox/fake-bucket.ts";
import type { Request } from "../../src/sandbox/http.ts";
import { classify } from "../../src/storage/classify-response.ts";
import { NOW } from "../support/builders.ts";

const CLIP = { bytes: 8_412_377, contentType: "binary/octet-stream", lastModified: NOW - 60_000 };
const NOTE = { bytes: 3, contentType: "binary/octet-stream", lastModified: NOW - 60_000 };

function request(method: string, target: string, headers: Readonly<Record<string, string>> = {}): Request {
  const [path = "", query = ""] = target.split("?", 2);
  return { method, path, query: new URLSearchParams(query), headers, body: "" };
}

function bucketOf(visibility: "open" | "restricted") {
  const bucket = createBucket({ name: "clips", visibility });
  bucket.put("clip.mp4", CLIP);
  bucket.put("note", NOTE);
  bucket.put("empty", { ...NOTE, bytes: 0 });
  const ask = (method: string, target: string, headers?: Readonly<Record<string, string>>) =>
    bucket.handle(request(method, target, headers), NOW);
  return { bucket, ask };
}

describe("an object in the bucket", () => {
  it("is described to a HEAD, without a body", () => {
    const { status, headers, body } = bucketOf("restricted").ask("HEAD", "/clips/clip.mp4");
    expect([status, body]).toEqual([200, ""]);
    expect(headers).toEqual({
      "content-length": "8412377",
      "accept-ranges": "bytes",
      "last-modified": "Sun, 01 Mar 2026 11:59:00 GMT",
      etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      "content-type": "binary/octet-stream",
      "x-amz-request-id": expect.stringMatching(/^tx[0-9a-f]{21}-[0-9a-f]{10}-/),
      date: "Sun, 01 Mar 2026 12:00:00 GMT",
    });
  });

  it("is given whole when it is small, and not at all when it is large", () => {
    const { ask } = bucketOf("restricted");
    expect(ask("GET", "/clips/note")).toMatchObject({ status: 200, body: "\0\0\0" });
    expect(ask("GET", "/clips/clip.mp4").status).toBe(501);
  });

  it("answers a request for its first byte with its size", () => {
    const reply = bucketOf("restricted").ask("GET", "/clips/clip.mp4", { range: "bytes=0-0" });
    expect(reply).toMatchObject({ status: 206, body: "\0" });
    expect(reply.headers).toMatchObject({ "content-range": "bytes 0-0/8412377", "content-length": "1" });
  });

  it("has no first byte when it is empty", () => {
    const reply = bucketOf("restricted").ask("GET", "/clips/empty", { range: "bytes=0-0" });
    expect([reply.status, reply.headers["content-range"]]).toEqual([416, "bytes */0"]);
  });

  it("changes its etag with its size", () => {
    const { bucket, ask } = bucketOf("restricted");
    const before = ask("HEAD", "/clips/note").headers.etag;
    bucket.put("note", { ...NOTE, bytes: 4 });
    expect(ask("HEAD", "/clips/note").headers.etag).not.toBe(before);
  });

  it("is found under its decoded key, and another slash is another key", () => {
    const { bucket, ask } = bucketOf("open");
    bucket.put("a b/ü.mp4", NOTE);
    expect(ask("HEAD", "/clips/a%20b/%C3%BC.mp4").status).toBe(200);
    expect(ask("HEAD", "/clips//note").status).toBe(404);
    expect(ask("HEAD", "/clips/%E0%A4%A").status).toBe(400);
  });
});

describe("what is not in the bucket", () => {
  it.each([
    ["open", 404, "NoSuchKey"],
    ["restricted", 403, "AccessDenied"],
  ] as const)("is answered by the visibility of the bucket: %s, %i", (listing, status, code) => {
    const { ask } = bucketOf(listing);
    const get = ask("GET", "/clips/missing.mp4");
    expect([get.status, get.headers["content-type"]]).toEqual([status, "application/xml"]);
    expect(get.body).toContain(`<Code>${code}</Code><BucketName>clips</BucketName>`);
    const head = ask("HEAD", "/clips/missing.mp4");
    expect([head.status, head.body]).toEqual([status, ""]);
    expect(head.headers["content-length"]).toBe(String(Buffer.byteLength(get.body)));
  });

  it("answers 404 as soon as the listing is open", () => {
    const { bucket, ask } = bucketOf("restricted");
    bucket.visibility = "open";
    expect(ask("HEAD", "/clips/missing.mp4").status).toBe(404);
  });

  it("includes what was removed", () => {
    const { bucket, ask } = bucketOf("open");
    bucket.remove("note");
    expect([ask("HEAD", "/clips/note").status, bucket.get("note")]).toEqual([404, undefined]);
  });

  it("includes other buckets", () => {
    const reply = bucketOf("restricted").ask("GET", "/elsewhere/clip.mp4");
    expect(reply.status).toBe(404);
    expect(reply.body).toContain("<Code>NoSuchBucket</Code>");
  });
});

describe("the bucket itself", () => {
  it("lists its keys only when that is open", () => {
    expect(bucketOf("restricted").ask("GET", "/clips").status).toBe(403);
    const { bucket, ask } = bucketOf("open");
    bucket.put("a&b", NOTE);
    const { status, body } = ask("GET", "/clips/?list-type=2");
    expect(status).toBe(200);
    expect([...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key)).toEqual([
      "a&amp;b",
      "clip.mp4",
      "empty",
      "note",
    ]);
    expect(bucket.keys()).toEqual(["a&b", "clip.mp4", "empty", "note"]);
  });

  it("lists what begins with a prefix, a page at a time", () => {
    const { ask } = bucketOf("open");
    const text = (name: string, body: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];
    const first = ask("GET", "/clips/?list-type=2&max-keys=2").body;
    expect(["KeyCount", "IsTruncated", "NextContinuationToken"].map((name) => text(name, first))).toEqual([
      "2",
      "true",
      "empty",
    ]);
    const second = ask("GET", "/clips/?list-type=2&max-keys=2&continuation-token=empty").body;
    expect(["Key", "KeyCount", "IsTruncated"].map((name) => text(name, second))).toEqual(["note", "1", "false"]);
    expect(text("Key", ask("GET", "/clips/?list-type=2&prefix=no").body)).toBe("note");
    expect(text("KeyCount", ask("GET", "/clips/?list-type=2&prefix=zz").body)).toBe("0");
    expect(ask("GET", "/clips/?list-type=2&max-keys=many").status).toBe(400);
  });

  it("takes no writes, and counts every request", () => {
    const { bucket, ask } = bucketOf("open");
    for (const method of ["PUT", "POST", "DELETE", "OPTIONS"]) expect(ask(method, "/clips/note").status).toBe(405);
    ask("HEAD", "/clips/note");
    expect(bucket.requestCount()).toBe(5);
    expect(bucket.get("note")).toEqual(NOTE);
  });

  it("is read by the probe's own reader as the real gateway is", () => {
    const { ask } = bucketOf("restricted");
    const finding = (key: string) => {
      const { status, headers } = ask("HEAD", `/clips/${key}`);
      const reading = classify({ kind: "answer", status, headers }, new URL(`https://storage.example/clips/${key}`));
      return reading.kind === "final" ? reading.value : reading.kind;
    };
    expect(finding("clip.mp4")).toMatchObject({ result: "present", output: { bytes: 8_412_377 } });
    expect(finding("empty")).toMatchObject({ result: "unknown", cause: "suspect" });
    expect(finding("missing")).toMatchObject({ result: "unknown", cause: "forbidden" });
  });
});
