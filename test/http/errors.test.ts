import dns from "node:dns";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { closedPort, listen, never, probeOf, serve, serveRaw, testClock } from "../support/servers.ts";
import { hasOpenssl, selfSigned } from "../support/tls.ts";

afterEach(() => vi.restoreAllMocks());

describe("an answer that may pass", () => {
  test.each([429, 500, 502, 503, 504])(
    "is asked for three times when it is a %d, and then unreachable",
    async (status) => {
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
    },
  );

  test("gives way to the answer that follows", async () => {
    let count = 0;
    const place = await serve((_request, response) => {
      count += 1;
      response.writeHead(count < 3 ? 503 : 404).end();
    });
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "absent" });
  });

  test("is not asked for again when one attempt is all", async () => {
    const place = await serve((_request, response) => response.writeHead(503).end());
    const probe = probeOf(place.url, { attempts: 1 });
    await probe.probe(probe.urlFor("a"), never());
    expect(place.requests).toHaveLength(1);
  });

  test.each([
    ["seconds", "7"],
    ["a date", new Date(Date.UTC(2026, 0, 2) + 7_000).toUTCString()],
  ])("is waited out as the server asks, in %s", async (_name, retryAfter) => {
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

  test("is not waited for longer than the look may take", async () => {
    const place = await serve((_request, response) => response.writeHead(429, { "retry-after": "11" }).end());
    const clock = testClock();
    const probe = probeOf(place.url, { clock });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "unreachable", detail: "HTTP 429" });
    expect(clock.slept).toEqual([]);
    expect(place.requests).toHaveLength(1);
  });

  test("is backed off from as usual when Retry-After cannot be read", async () => {
    const place = await serve((_request, response) => response.writeHead(503, { "retry-after": "later" }).end());
    const clock = testClock();
    const probe = probeOf(place.url, { clock, attempts: 2 });
    await probe.probe(probe.urlFor("a"), never());
    expect(clock.slept).toEqual([187.5]);
  });
});

describe("no answer", () => {
  test("is told as a refused connection, which is no request", async () => {
    const probe = probeOf(`http://127.0.0.1:${await closedPort()}`);
    expect(await probe.probe(probe.urlFor("a?b"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "connection refused (ECONNREFUSED)",
    });
    expect(probe.requests()).toBe(0);
  });

  test("is told as a refused connection where a name has two addresses", async () => {
    const port = await closedPort();
    answerLookups(null, [
      { address: "127.0.0.1", family: 4 },
      { address: "127.0.0.2", family: 4 },
    ]);
    const probe = probeOf(`http://two.invalid:${port}`, { attempts: 1 });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      detail: "connection refused (ECONNREFUSED)",
    });
  });

  test.each([
    ["ENOTFOUND", "host not found (ENOTFOUND)"],
    ["EAI_AGAIN", "host name could not be looked up (EAI_AGAIN)"],
  ])("is told as a name that is not found: %s", async (code, detail) => {
    const lookup = answerLookups(Object.assign(new Error("getaddrinfo"), { code }), []);
    const probe = probeOf("http://nowhere.invalid");
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "unreachable", detail });
    expect(lookup).toHaveBeenCalledTimes(3);
    expect(probe.requests()).toBe(0);
  });

  test("is told as a reset, and counted: the request had been sent", async () => {
    const place = await serveRaw((socket) => socket.resetAndDestroy());
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      cause: "unreachable",
      detail: "connection reset (ECONNRESET)",
    });
    expect(place.requests).toEqual(["HEAD /a", "HEAD /a", "HEAD /a"]);
    expect(probe.requests()).toBe(3);
  });

  test.each([
    ["hangs up without a word", ""],
    ["hangs up in the status line", "HTTP/1.1 20"],
    ["hangs up in the headers", "HTTP/1.1 404 Not Found\r\nContent-Le"],
  ])("is told as closed where the server %s", async (_name, text) => {
    const place = await serveRaw((socket) => socket.end(text));
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "connection closed before the answer was complete",
    });
    expect(place.requests).toHaveLength(3);
    expect(probe.requests()).toBe(3);
  });

  test("is told as no HTTP where the server speaks something else", async () => {
    const place = await serveRaw((socket) => socket.end("220 mail.example ESMTP\r\n"));
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "not an HTTP answer",
    });
  });

  test("gives way to the answer that follows", async () => {
    let count = 0;
    const place = await serveRaw((socket) => {
      count += 1;
      if (count === 1) socket.resetAndDestroy();
      else socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    });
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "present", output: { bytes: 5 } });
  });
});

describe("a server that hangs", () => {
  test("is given up after the time an answer may take, as often as a look is tried", async () => {
    const place = await serveRaw(() => {});
    const probe = probeOf(place.url, { timeouts: { connect: 5_000, answer: 50, total: 10_000 } });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "timed out after 50 ms",
    });
    expect(place.requests).toHaveLength(3);
    expect(probe.requests()).toBe(3);
    await probe.close();
    await vi.waitFor(() => expect(place.sockets.every((socket) => socket.destroyed)).toBe(true));
  });

  test("is given up when it sends its headers and then nothing of the body", async () => {
    const place = await serve((request, response) => {
      if (request.method === "HEAD") response.writeHead(200, { "transfer-encoding": "chunked" }).end();
      else response.writeHead(206, { "content-length": 1, "content-range": "bytes 0-0/9" }).flushHeaders();
    });
    const probe = probeOf(place.url, { attempts: 1, timeouts: { connect: 5_000, answer: 100, total: 10_000 } });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "timed out after 100 ms",
    });
  });

  test("is given up when it drips headers without end", async () => {
    const place = await serveRaw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const drip = setInterval(() => socket.write("x-a: b\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    const probe = probeOf(place.url, { attempts: 1, timeouts: { connect: 5_000, answer: 100, total: 10_000 } });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ detail: "timed out after 100 ms" });
  });

  test("is given up after the time the whole look may take, retries included", async () => {
    let count = 0;
    const place = await serve((_request, response) => {
      count += 1;
      if (count === 1) response.writeHead(503).end();
    });
    const probe = probeOf(place.url, { timeouts: { connect: 5_000, answer: 5_000, total: 200 } });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "timed out after 200 ms",
    });
    expect(place.requests).toHaveLength(2);
    expect(probe.requests()).toBe(2);
  });

  test("is given up in the TLS handshake after the time a connection may take; no request was sent", async () => {
    const place = await serveRaw(() => {});
    const probe = probeOf(`https://127.0.0.1:${place.port}`, {
      timeouts: { connect: 50, answer: 5_000, total: 10_000 },
    });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "connection timed out after 50 ms",
    });
    expect(probe.requests()).toBe(0);
    expect(place.sockets).toHaveLength(3);
    await vi.waitFor(() => expect(place.sockets.every((socket) => socket.destroyed)).toBe(true));
  });
});

describe("TLS", () => {
  test.skipIf(!hasOpenssl)("with a certificate that nobody vouches for is told and not tried again", async () => {
    const { key, cert } = selfSigned();
    const place = await listen(createTlsServer({ key, cert }));
    const probe = probeOf(`https://127.0.0.1:${place.port}`);
    const sighting = await probe.probe(probe.urlFor("a"), never());
    expect(sighting).toMatchObject({ result: "unknown", cause: "unreachable" });
    expect(sighting.detail).toMatch(/^certificate: self.signed certificate/);
    expect(place.sockets).toHaveLength(1);
    expect(probe.requests()).toBe(0);
  });

  test("spoken to a server without it is unreachable", async () => {
    const place = await serve((_request, response) => response.end());
    const probe = probeOf(`https://127.0.0.1:${place.port}`);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "unknown", cause: "unreachable" });
    expect(probe.requests()).toBe(0);
  });
});

function answerLookups(error: Error | null, addresses: { address: string; family: number }[]) {
  return vi.spyOn(dns, "lookup").mockImplementation((...args: unknown[]) => {
    const callback = args.at(-1);
    if (typeof callback === "function") callback(error, addresses);
  });
}
