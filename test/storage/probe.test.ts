import type { ServerResponse } from "node:http";
import { describe, expect, test, vi } from "vitest";
import type { Clock } from "../../src/core/ports/ports.ts";
import { never, probeOf, serve, serveRaw, testClock } from "../support/servers.ts";

const present = (response: ServerResponse) => response.writeHead(200, { "content-length": 5 }).end();

/** A clock on which sleep lasts until it is aborted. */
function stoppedClock(): Clock {
  return {
    now: () => 0,
    sleep: (_ms, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true })),
  };
}

/** Ends a fake wait only after everything else that is due has run. */
function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("urlFor", () => {
  test.each([
    ["https://h/b", "x.mp4", "https://h/b/x.mp4"],
    ["https://h/b/", "x.mp4", "https://h/b/x.mp4"],
    ["https://h/b//", "x.mp4", "https://h/b//x.mp4"],
    ["https://h", "ä b+c?d#e%.mp4", "https://h/%C3%A4%20b%2Bc%3Fd%23e%25.mp4"],
    ["https://h/b", "a b/c/x.mp4", "https://h/b/a%20b/c/x.mp4"],
    ["https://h/b", "a%2Fb.mp4", "https://h/b/a%252Fb.mp4"],
  ])("is below %s for %j", (baseUrl, name, url) => {
    expect(probeOf(baseUrl).urlFor(name)).toBe(url);
  });

  test("is asked for as located: a doubled slash is another key", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(`${place.url}//`);
    await probe.probe(probe.urlFor("ä b.mp4"), never());
    expect(place.requests).toEqual(["HEAD //%C3%A4%20b.mp4"]);
  });
});

test("a name that would lead out of the bucket is unknown without a request", async () => {
  const probe = probeOf("http://127.0.0.1:1/b");
  expect(await probe.probe(probe.urlFor("a/../../x"), never())).toMatchObject({ result: "unknown" });
  expect(probe.requests()).toBe(0);
});

describe("a URL that cannot be probed", () => {
  test.each([
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "data:,x",
    "x.mp4",
    "",
    "http://",
    "http://h/b/..",
    "http://h/%2e%2E/x",
    "http://h/.\\x",
  ])("is unknown without a request: %j", async (url) => {
    const probe = probeOf("http://127.0.0.1:1");
    expect(await probe.probe(url, never())).toEqual({
      result: "unknown",
      url,
      cause: "unexpected",
      detail: "not an http or https URL that names a key",
    });
    expect(probe.requests()).toBe(0);
  });

  test("does not take in a query that looks like a path", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    expect(await probe.probe(`${place.url}/x?from=/../y`, never())).toMatchObject({ result: "present" });
    expect(place.requests).toEqual(["HEAD /x?from=/../y"]);
  });
});

test("a user and a password in the URL are neither sent nor shown", async () => {
  const sent: (string | undefined)[] = [];
  const place = await serve((request, response) => {
    sent.push(request.headers.authorization);
    response.writeHead(403).end();
  });
  const probe = probeOf(place.url);
  const sighting = await probe.probe(`http://user:password@127.0.0.1:${place.port}/x?token=secret`, never());
  expect(sighting.detail).toBe("HTTP 403");
  expect(sent).toEqual([undefined]);
});

describe("the connections of a probe", () => {
  test("are used again for the next probe", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    for (let n = 0; n < 20; n += 1) await probe.probe(probe.urlFor(`${n}`), never());
    expect(place.requests).toHaveLength(20);
    // Two: undici takes a connection for busy until the turn after its answer.
    expect(place.sockets.length).toBeLessThanOrEqual(2);
  });

  test("are used again after a 404 that announces a body, as Ceph answers a HEAD", async () => {
    const place = await serve((_request, response) => response.writeHead(404, { "content-length": 236 }).end());
    const probe = probeOf(place.url);
    for (let n = 0; n < 5; n += 1) expect((await probe.probe(probe.urlFor(`${n}`), never())).result).toBe("absent");
    expect(place.sockets.length).toBeLessThanOrEqual(2);
  });

  test("are no more than the concurrency, however many probes there are", async () => {
    const held: ServerResponse[] = [];
    let most = 0;
    const place = await serve(async (_request, response) => {
      held.push(response);
      if (held.length !== 4) return;
      await tick();
      most = Math.max(most, held.length);
      for (const waiting of held.splice(0)) present(waiting);
    });
    const probe = probeOf(place.url, { concurrency: 4 });
    const signal = never();
    const probes = await Promise.all(Array.from({ length: 200 }, (_, n) => probe.probe(probe.urlFor(`${n}`), signal)));
    expect(probes.every(({ result }) => result === "present")).toBe(true);
    expect(most).toBe(4);
    expect(place.sockets).toHaveLength(4);
    expect(probe.requests()).toBe(200);
    expect(place.requests).toHaveLength(200);
  });

  test("survive a server that sends a body with its answer to a HEAD", async () => {
    const place = await serveRaw((socket) => socket.write("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"));
    const probe = probeOf(place.url);
    for (let n = 0; n < 5; n += 1) expect((await probe.probe(probe.urlFor(`${n}`), never())).result).toBe("absent");
  });

  test("that the server closed while idle cost no probe", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    await probe.probe(probe.urlFor("a"), never());
    for (const socket of place.sockets) socket.destroy();
    expect(await probe.probe(probe.urlFor("b"), never())).toMatchObject({ result: "present" });
  });

  test("pass over the early hints that come before an answer", async () => {
    const place = await serveRaw((socket) =>
      socket.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
    );
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ result: "present", output: { bytes: 7 } });
  });
});

describe("the rate limit of a probe", () => {
  test("spaces requests evenly, retries too", async () => {
    const place = await serve((_request, response) => response.writeHead(503).end());
    const clock = testClock();
    const probe = probeOf(place.url, { clock, requestsPerSecond: 2, random: () => 0 });
    await probe.probe(probe.urlFor("a"), never());
    // 125 ms and 250 ms of backoff, each filled up to the 500 ms between two requests.
    expect(clock.slept).toEqual([125, 375, 250, 250]);
  });

  test("lets a request go at once after a pause", async () => {
    const place = await serve((_request, response) => present(response));
    const clock = testClock();
    const probe = probeOf(place.url, { clock, requestsPerSecond: 2 });
    await probe.probe(probe.urlFor("a"), never());
    await clock.sleep(10_000);
    await probe.probe(probe.urlFor("b"), never());
    expect(clock.slept).toEqual([10_000]);
  });

  test("is not stopped by a clock that is set back", async () => {
    const place = await serve((_request, response) => present(response));
    let now = 1_000_000_000;
    const slept: number[] = [];
    const clock: Clock = {
      now: () => now,
      async sleep(ms) {
        slept.push(ms);
      },
    };
    const probe = probeOf(place.url, { clock, requestsPerSecond: 10, concurrency: 2 });
    await probe.probe(probe.urlFor("a"), never());
    now -= 3_600_000;
    await probe.probe(probe.urlFor("b"), never());
    expect(slept).toEqual([200]);
  });
});

describe("an aborted probe", () => {
  test("does not begin when the signal was aborted before", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    await expect(probe.probe(probe.urlFor("a"), AbortSignal.abort("stop"))).rejects.toBe("stop");
    expect(place.requests).toEqual([]);
  });

  test("rejects with the reason while the server hangs, and its connection is gone", async () => {
    const abort = new AbortController();
    const place = await serveRaw(() => abort.abort(reason));
    const reason = new Error("deadline");
    const probe = probeOf(place.url);
    await expect(probe.probe(probe.urlFor("a"), abort.signal)).rejects.toBe(reason);
    await vi.waitFor(() => expect(place.sockets[0]?.destroyed).toBe(true));
    expect(place.requests).toHaveLength(1);
    expect(probe.requests()).toBe(1);
  });

  test("rejects while it waits to try again", async () => {
    const abort = new AbortController();
    const place = await serve((_request, response) => {
      response.writeHead(503).end();
      setImmediate(() => abort.abort("stop"));
    });
    const probe = probeOf(place.url, { clock: stoppedClock() });
    await expect(probe.probe(probe.urlFor("a"), abort.signal)).rejects.toBe("stop");
    expect(place.requests).toHaveLength(1);
  });

  test("rejects while others have its slot; they go on", async () => {
    const held: ServerResponse[] = [];
    const place = await serve((_request, response) => held.push(response));
    const probe = probeOf(place.url, { concurrency: 1 });
    const abort = new AbortController();
    const first = probe.probe(probe.urlFor("first"), never());
    const second = probe.probe(probe.urlFor("second"), abort.signal);
    const third = probe.probe(probe.urlFor("third"), never());
    abort.abort("stop");
    await expect(second).rejects.toBe("stop");
    for (const _ of [1, 2]) {
      await vi.waitFor(() => expect(held).toHaveLength(1));
      for (const response of held.splice(0)) present(response);
    }
    expect([(await first).result, (await third).result]).toEqual(["present", "present"]);
    expect(place.requests).toEqual(["HEAD /first", "HEAD /third"]);
  });

  test("rejects while it connects, and close ends the connection that was opening", async () => {
    const abort = new AbortController();
    const place = await serveRaw(() => abort.abort("stop"));
    const probe = probeOf(`https://127.0.0.1:${place.port}`);
    await expect(probe.probe(probe.urlFor("a"), abort.signal)).rejects.toBe("stop");
    await probe.close();
    await vi.waitFor(() => expect(place.sockets.map((socket) => socket.destroyed)).toEqual([true]));
    expect(probe.requests()).toBe(0);
  });

  test("adds one listener, and leaves no warning behind, when one signal serves many", async () => {
    const warnings = vi.fn();
    process.on("warning", warnings);
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    const signal = never();
    const added = vi.spyOn(signal, "addEventListener");
    await Promise.all(Array.from({ length: 50 }, (_, n) => probe.probe(probe.urlFor(`${n}`), signal)));
    await tick();
    process.off("warning", warnings);
    expect(warnings).not.toHaveBeenCalled();
    expect(added).toHaveBeenCalledTimes(1);
  });
});

describe("close of a probe", () => {
  test("ends idle connections", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    await probe.probe(probe.urlFor("a"), never());
    await probe.close();
    await vi.waitFor(() => expect(place.sockets.map((socket) => socket.destroyed)).toEqual([true]));
  });

  test("ends a request under way, as unreachable", async () => {
    const place = await serveRaw(() => void probe.close());
    const probe = probeOf(place.url);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
      cause: "unreachable",
      detail: "the connections were closed",
    });
    expect(place.requests).toHaveLength(1);
  });

  test("may come twice, and before any request; a probe after it sends nothing", async () => {
    const place = await serve((_request, response) => present(response));
    const probe = probeOf(place.url);
    await probe.close();
    await probe.close();
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "unreachable" });
    expect(place.requests).toEqual([]);
  });
});
