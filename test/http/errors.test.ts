import dns from "node:dns";
import { createServer as createTlsServer } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { closedPort, listen, never, probeOf, serve, serveRaw } from "../support/servers.ts";
import { hasOpenssl, selfSigned } from "../support/tls.ts";

afterEach(() => vi.restoreAllMocks());

describe("a probe without an answer", () => {
  test("is a refused connection, which counts as no request", async () => {
    const probe = probeOf(`http://127.0.0.1:${await closedPort()}`);
    expect(await probe.probe(probe.urlFor("a?b"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "connection refused (ECONNREFUSED)",
    });
    expect(probe.requests()).toBe(0);
  });

  test("is a refused connection where a name has two addresses", async () => {
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
  ])("is a name that is not found: %s", async (code, detail) => {
    const lookup = answerLookups(Object.assign(new Error("getaddrinfo"), { code }), []);
    const probe = probeOf("http://nowhere.invalid");
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "unreachable", detail });
    expect(lookup).toHaveBeenCalledTimes(3);
    expect(probe.requests()).toBe(0);
  });

  test("is a reset, and counts: the request had been sent", async () => {
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
  ])("is a closed connection where the server %s", async (_name, text) => {
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

  test("is no HTTP where the server speaks something else", async () => {
    const place = await serveRaw((socket) => socket.end("220 mail.example ESMTP\r\n"));
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "not an HTTP answer",
    });
  });

  test("has the answer that follows", async () => {
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

describe("a probe over TLS", () => {
  test.skipIf(!hasOpenssl)(
    "of a certificate that no authority has signed says so, and makes no second attempt",
    async () => {
      const { key, cert } = selfSigned();
      const place = await listen(createTlsServer({ key, cert }));
      const probe = probeOf(`https://127.0.0.1:${place.port}`);
      const result = await probe.probe(probe.urlFor("a"), never());
      expect(result).toMatchObject({ result: "unknown", cause: "unreachable" });
      expect(result.detail).toMatch(/^certificate: self.signed certificate/);
      expect(place.sockets).toHaveLength(1);
      expect(probe.requests()).toBe(0);
    },
  );

  test("of a server without TLS is unreachable", async () => {
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
