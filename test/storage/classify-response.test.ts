import { describe, expect, test } from "vitest";
import { never, probeOf, serve } from "../support/servers.ts";

type Headers = Record<string, string | number>;

/** Returns what a probe sees of `/a.mp4` when every request is answered so; `requests` is what the server counted. */
async function probeWhen(status: number, headers: Headers = {}) {
  const place = await serve((_request, response) => response.writeHead(status, headers).end());
  const probe = probeOf(place.url);
  const result = await probe.probe(probe.urlFor("a.mp4"), never());
  expect(probe.requests()).toBe(place.requests.length);
  return { result, requests: place.requests, url: `${place.url}/a.mp4` };
}

describe("an object that is there", () => {
  test("is present with all that the storage says of it", async () => {
    const { result, requests, url } = await probeWhen(200, {
      "content-length": 1234,
      "content-type": "video/mp4",
      etag: '"abc"',
      "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    });
    expect(result).toEqual({
      result: "present",
      url,
      detail: "HTTP 200",
      output: { url, bytes: 1234, contentType: "video/mp4", etag: '"abc"', lastModified: "2026-01-02T03:04:05.000Z" },
    });
    expect(requests).toEqual(["HEAD /a.mp4"]);
  });

  test("is present without content type, ETag and date, as NCA uploads it", async () => {
    const { result } = await probeWhen(200, { "content-length": 5 });
    expect(result).toMatchObject({
      result: "present",
      output: { bytes: 5, contentType: null, etag: null, lastModified: null },
    });
  });

  test.each([
    "binary/octet-stream",
    "application/octet-stream",
    "audio/mpeg",
    "image/png",
    "image/svg+xml",
    "text/plain",
  ])("is present as %s", async (type) => {
    const { result } = await probeWhen(200, { "content-length": 5, "content-type": type });
    expect(result).toMatchObject({ result: "present", output: { contentType: type } });
  });

  test("has no date when the server's cannot be read", async () => {
    const { result } = await probeWhen(200, { "content-length": 5, "last-modified": "yesterday" });
    expect(result).toMatchObject({ result: "present", output: { lastModified: null } });
  });

  test("is present with its whole size when the server answers with a part of it", async () => {
    const { result } = await probeWhen(206, { "content-length": 1, "content-range": "bytes 0-0/900" });
    expect(result).toMatchObject({ result: "present", detail: "HTTP 206", output: { bytes: 900 } });
  });
});

describe("something that cannot be the output", () => {
  test("is suspect when it is empty", async () => {
    const { result } = await probeWhen(200, { "content-length": 0, "content-type": "video/mp4" });
    expect(result).toMatchObject({ result: "unknown", cause: "suspect", detail: "HTTP 200, 0 bytes" });
  });

  test.each(["text/html", "application/xhtml+xml", "application/xml", "text/xml", "application/json"])(
    "is suspect as %s",
    async (type) => {
      const { result } = await probeWhen(200, {
        "content-length": 5,
        "content-type": `${type.toUpperCase()}; charset=x`,
      });
      expect(result).toMatchObject({ result: "unknown", cause: "suspect", detail: `HTTP 200, ${type}` });
    },
  );

  test("is suspect as an HTML page without a size, without a second request", async () => {
    const { result, requests } = await probeWhen(200, { "transfer-encoding": "chunked", "content-type": "text/html" });
    expect(result).toMatchObject({ result: "unknown", cause: "suspect", detail: "HTTP 200, text/html" });
    expect(requests).toHaveLength(1);
  });
});

describe("the type of an object, by the name that was asked for", () => {
  async function typed(name: string, type: string) {
    const headers = { "content-length": 5, "content-type": type };
    const place = await serve((_request, response) => response.writeHead(200, headers).end());
    const probe = probeOf(place.url);
    return await probe.probe(probe.urlFor(name), never());
  }

  test.each([
    ["a.json", "application/json"],
    ["a.JSON", "application/json; charset=utf-8"],
    ["a.b.xml", "application/xml"],
    ["a.xml", "text/xml"],
    ["a.html", "text/html"],
    ["a.htm", "text/html; charset=utf-8"],
    ["a.txt", "text/plain"],
    ["a.srt", "application/x-subrip"],
    ["a.vtt", "text/vtt"],
    ["a.ttml", "application/xml"],
  ])("may be that of a page where the name ends so: %s as %s", async (name, type) => {
    expect(await typed(name, type)).toMatchObject({ result: "present", output: { contentType: type } });
  });

  test.each([
    ["a.json", "text/html"],
    ["a.json", "application/xml"],
    ["a.txt", "text/html"],
    ["a.srt", "application/json"],
    ["a.vtt", "application/xml"],
    ["a.html", "application/json"],
    ["a.xml", "text/html"],
    ["a.json.mp4", "application/json"],
    ["json", "application/json"],
    ["a", "text/html"],
    ["constructor", "text/html"],
  ])("is suspect where the name ends otherwise: %s as %s", async (name, type) => {
    expect(await typed(name, type)).toMatchObject({ result: "unknown", cause: "suspect", detail: `HTTP 200, ${type}` });
  });
});

describe("an object whose HEAD gives no size", () => {
  /** HEAD is answered in chunks, GET as `status` and `headers` say. */
  async function probeWhenGetAnswers(status: number, headers: Headers, body = "") {
    const ranges: (string | undefined)[] = [];
    const place = await serve((request, response) => {
      if (request.method === "HEAD") {
        response.writeHead(200, { "transfer-encoding": "chunked", "content-type": "video/mp4", etag: '"e"' }).end();
        return;
      }
      ranges.push(request.headers.range);
      response.writeHead(status, headers).end(body);
    });
    const probe = probeOf(place.url, { attempts: 2 });
    const result = await probe.probe(probe.urlFor("a.mp4"), never());
    expect(probe.requests()).toBe(place.requests.length);
    return { result, ranges, requests: place.requests };
  }

  test("is present when a ranged GET gives one", async () => {
    const { result, ranges } = await probeWhenGetAnswers(
      206,
      { "content-range": "bytes 0-0/777", "content-length": 1 },
      "x",
    );
    expect(result).toMatchObject({ result: "present", detail: "HTTP 200", output: { bytes: 777, etag: '"e"' } });
    expect(ranges).toEqual(["bytes=0-0"]);
  });

  test("is present when the server ignores the range and gives the length, whose body is not waited for", async () => {
    const place = await serve((request, response) => {
      if (request.method === "HEAD") response.writeHead(200, { "transfer-encoding": "chunked" }).end();
      else response.writeHead(200, { "content-length": 1_000_000 }).write(Buffer.alloc(10_000));
    });
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a.mp4"), never())).toMatchObject({
      result: "present",
      output: { bytes: 1_000_000 },
    });
  });

  test("is suspect when it turns out to be empty", async () => {
    const { result } = await probeWhenGetAnswers(416, { "content-range": "bytes */0" });
    expect(result).toMatchObject({ result: "unknown", cause: "suspect", detail: "HTTP 200, 0 bytes" });
  });

  test.each([
    [206, { "content-range": "bytes 0-0/*" }],
    [200, { "transfer-encoding": "chunked" }],
    [403, {}],
    [404, {}],
    [302, { location: "/b" }],
  ])("is suspect when the GET answers %d and gives none either", async (status, headers) => {
    const { result } = await probeWhenGetAnswers(status, headers);
    expect(result).toMatchObject({ result: "unknown", cause: "suspect", detail: "HTTP 200, no size given" });
  });

  test("is unreachable when the GET stays refused for load", async () => {
    const { result, requests } = await probeWhenGetAnswers(503, {});
    expect(result).toMatchObject({ result: "unknown", cause: "unreachable", detail: "HTTP 503" });
    expect(requests).toEqual(["HEAD /a.mp4", "GET /a.mp4", "HEAD /a.mp4", "GET /a.mp4"]);
  });
});

describe("a missing object", () => {
  test("is absence as a 404, with the body length and type that Ceph gives it", async () => {
    const { result, url } = await probeWhen(404, { "content-length": 236, "content-type": "application/xml" });
    expect(result).toEqual({ result: "absent", url, detail: "HTTP 404" });
  });

  test("is absence as a delete marker, and says so", async () => {
    expect((await probeWhen(404, { "x-amz-delete-marker": "true" })).result).toMatchObject({
      result: "absent",
      detail: "HTTP 404, delete marker",
    });
    expect((await probeWhen(404, { "x-amz-delete-marker": "true", age: 4 })).result).toMatchObject({ cause: "cached" });
  });

  test.each<Headers>([
    { age: 0 },
    { "cf-cache-status": "MISS" },
    { "cf-cache-status": "DYNAMIC" },
    { "x-cache": "MISS from proxy" },
  ])("is absence as a 404 that came fresh through a cache: %j", async (headers) => {
    expect((await probeWhen(404, headers)).result).toMatchObject({ result: "absent" });
  });

  test.each<Headers>([
    { age: 17 },
    { age: "soon" },
    { "cf-cache-status": "HIT" },
    { "cf-cache-status": "STALE" },
    { "x-cache": "Hit from cloudfront" },
    { "x-cache": "MISS, HIT" },
    { "x-cache-status": "HIT" },
    { "cache-status": "edge; hit" },
    { "cdn-cache": "HIT" },
  ])("is unknown as a 404 that a cache kept: %j", async (headers) => {
    expect((await probeWhen(404, headers)).result).toMatchObject({
      result: "unknown",
      cause: "cached",
      detail: "HTTP 404 from a cache",
    });
  });

  test.each([401, 403])("is unknown as a %d: forbidden", async (status) => {
    expect((await probeWhen(status)).result).toMatchObject({
      result: "unknown",
      cause: "forbidden",
      detail: `HTTP ${status}`,
    });
  });

  test("is unknown as a 403 that a cache kept: calibration must not take it for absence", async () => {
    expect((await probeWhen(403, { age: 3 })).result).toMatchObject({ result: "unknown", cause: "cached" });
  });
});

test.each([201, 204, 304, 400, 405, 409, 410, 412, 416, 418, 501, 520])(
  "a %d is unexpected and is not asked for again",
  async (status) => {
    const { result, requests } = await probeWhen(status);
    expect(result).toMatchObject({ result: "unknown", cause: "unexpected", detail: `HTTP ${status}` });
    expect(requests).toHaveLength(1);
  },
);
