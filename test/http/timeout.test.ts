import { describe, expect, test, vi } from "vitest";
import { never, probeOf, serve, serveRaw } from "../support/servers.ts";

describe("a probe of a server that hangs", () => {
  test("ends each attempt after the time an answer may take", async () => {
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

  test("ends when the headers come and then nothing of the body", async () => {
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

  test("ends when headers drip in without end", async () => {
    const place = await serveRaw((socket) => {
      socket.write("HTTP/1.1 200 OK\r\n");
      const drip = setInterval(() => socket.write("x-a: b\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    const probe = probeOf(place.url, { attempts: 1, timeouts: { connect: 5_000, answer: 100, total: 10_000 } });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ detail: "timed out after 100 ms" });
  });

  test("ends after the time that all attempts may take together", async () => {
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

  test("ends in the TLS handshake after the time a connection may take, and has sent no request", async () => {
    const place = await serveRaw(() => {});
    const probe = probeOf(`https://127.0.0.1:${place.port}`, {
      timeouts: { connect: 200, answer: 5_000, total: 10_000 },
    });
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      result: "unknown",
      cause: "unreachable",
      detail: "connection timed out after 200 ms",
    });
    expect(probe.requests()).toBe(0);
    await vi.waitFor(() => expect(place.sockets).toHaveLength(3));
    await vi.waitFor(() => expect(place.sockets.every((socket) => socket.destroyed)).toBe(true));
  });
});
