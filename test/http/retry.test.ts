import { describe, expect, test } from "vitest";
import { never, probeOf, serve, testClock } from "../support/servers.ts";

describe("a probe whose answer may pass", () => {
  test.each([429, 500, 502, 503, 504])("makes three attempts at a %d, and is then unreachable", async (status) => {
    const place = await serve((_request, response) => response.writeHead(status).end("SlowDown"));
    const clock = testClock();
    const probe = probeOf(place.url, { clock });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: `HTTP ${status}`,
    });
    expect(place.requests).toHaveLength(3);
    expect(probe.requests()).toBe(3);
    expect(clock.slept).toEqual([187.5, 375]);
  });

  test("has the answer that follows", async () => {
    let count = 0;
    const place = await serve((_request, response) => {
      count += 1;
      response.writeHead(count < 3 ? 503 : 404).end();
    });
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "absent" });
  });

  test("makes no second attempt where one is all", async () => {
    const place = await serve((_request, response) => response.writeHead(503).end());
    const probe = probeOf(place.url, { attempts: 1 });
    await probe.probe(probe.urlFor("a"), never());
    expect(place.requests).toHaveLength(1);
  });

  test.each([
    ["seconds", "7"],
    ["a date", new Date(Date.UTC(2026, 0, 2) + 7_000).toUTCString()],
  ])("waits as Retry-After asks, in %s", async (_name, retryAfter) => {
    let count = 0;
    const place = await serve((_request, response) => {
      count += 1;
      if (count === 1) response.writeHead(503, { "retry-after": retryAfter }).end();
      else response.writeHead(200, { "content-length": 5 }).end();
    });
    const clock = testClock(Date.UTC(2026, 0, 2));
    const probe = probeOf(place.url, { clock });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "present" });
    expect(clock.slept).toEqual([7_000]);
  });

  test("does not wait longer than it may take", async () => {
    const place = await serve((_request, response) => response.writeHead(429, { "retry-after": "11" }).end());
    const clock = testClock();
    const probe = probeOf(place.url, { clock });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "unreachable", detail: "HTTP 429" });
    expect(clock.slept).toEqual([]);
    expect(place.requests).toHaveLength(1);
  });

  test("backs off as usual when Retry-After cannot be read", async () => {
    const place = await serve((_request, response) => response.writeHead(503, { "retry-after": "later" }).end());
    const clock = testClock();
    const probe = probeOf(place.url, { clock, attempts: 2 });
    await probe.probe(probe.urlFor("a"), never());
    expect(clock.slept).toEqual([187.5]);
  });
});
