import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { createHttpClient, type HttpClientOptions } from "../../src/http/client.ts";
import { readProxies } from "../../src/http/proxy.ts";
import { closedPort, listen, never, serve, serveRaw } from "../support/servers.ts";
import { hasOpenssl, selfSigned } from "../support/tls.ts";

const PROXY = "http://proxy.example:3128";

function find(env: Record<string, string>, url: string): string | null {
  return readProxies(env)(new URL(url))?.url.href ?? null;
}

describe("the proxy for a URL", () => {
  it.each<[string, Record<string, string>, string, string | null]>([
    ["is none without variables", {}, "https://a.example", null],
    [
      "is HTTPS_PROXY's for https",
      { HTTPS_PROXY: PROXY, HTTP_PROXY: "http://other" },
      "https://a.example",
      `${PROXY}/`,
    ],
    ["is HTTP_PROXY's for http", { HTTP_PROXY: PROXY, HTTPS_PROXY: "http://other" }, "http://a.example", `${PROXY}/`],
    ["is HTTP_PROXY's for https where it stands alone", { HTTP_PROXY: PROXY }, "https://a.example", `${PROXY}/`],
    ["is not HTTPS_PROXY's for http", { HTTPS_PROXY: PROXY }, "http://a.example", null],
    [
      "is the lower case variable's before the other's",
      { https_proxy: PROXY, HTTPS_PROXY: "http://x" },
      "https://a.example",
      `${PROXY}/`,
    ],
    ["is none where the variable is blank", { HTTPS_PROXY: " " }, "https://a.example", null],
    ["may be given without a scheme", { HTTPS_PROXY: "proxy.example:3128" }, "https://a.example", `${PROXY}/`],
  ])("%s", (_, env, url, expected) => {
    expect(find(env, url)).toBe(expected);
  });

  it.each([
    "http://localhost:8080",
    "https://a.localhost",
    "http://127.0.0.1",
    "http://127.9.8.7:81",
    "http://[::1]:8080",
    "http://[::ffff:127.0.0.1]",
  ])("is none on loopback: %s", (url) => {
    expect(find({ HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY }, url)).toBe(null);
  });

  it.each<[string, string, boolean]>([
    ["*", "https://a.example", true],
    ["a.example", "https://a.example:444", true],
    ["A.Example", "https://a.example", true],
    ["example", "https://a.example", true],
    [".a.example", "https://b.a.example", true],
    ["*.a.example", "https://b.a.example", true],
    ["b.example, a.example", "https://a.example", true],
    ["b.example a.example", "https://a.example", true],
    ["a.example:443", "https://a.example", true],
    ["a.example:8443", "https://a.example", false],
    ["ample", "https://a.example", false],
    ["a.example.org", "https://a.example", false],
    ["10.0.0.0/8", "https://10.9.8.7", true],
    ["10.0.0.0/8", "https://11.9.8.7", false],
    ["10.0.0.0/99", "https://10.9.8.7", false],
    ["10.0.0.1", "https://10.0.0.1", true],
    ["0.1", "https://10.0.0.1", false],
    ["[fd00::1]", "https://[fd00::1]", true],
    ["fd00::/8", "https://[fd00::1]", true],
    ["fd00::1", "https://[fd00::2]", false],
    ["", "https://a.example", false],
  ])("with NO_PROXY=%j and %s is bypassed: %s", (NO_PROXY, url, bypassed) => {
    expect(find({ HTTPS_PROXY: PROXY, NO_PROXY }, url)).toBe(bypassed ? null : `${PROXY}/`);
  });

  it("is sent the user and password of its URL", () => {
    const proxy = readProxies({ HTTPS_PROXY: "http://us%40er:p%3Ass@proxy.example" })(new URL("https://a.example"));
    expect(proxy?.authorization).toBe(`Basic ${Buffer.from("us@er:p:ss").toString("base64")}`);
  });

  it.each(["socks5://user:secret@proxy.example", "http://", "http://user:%zz@proxy.example"])(
    "is an error that shows no part of %s",
    (value) => {
      expect(() => find({ HTTPS_PROXY: value }, "https://a.example")).toThrow(
        /^HTTPS_PROXY: [^:]+; expected http:\/\/host:port or https:\/\/host:port$/,
      );
    },
  );
});

describe("a request through a proxy", () => {
  it("to a server without TLS is forwarded, with the server's host", async () => {
    const seen: IncomingMessage[] = [];
    const proxy = await serve((request, response) => {
      seen.push(request);
      response.end("through");
    });
    const env = { HTTP_PROXY: `http://me:pass@127.0.0.1:${proxy.port}` };
    const reply = await send("http://base.example:81/v0?a=b", { env });
    expect(reply).toMatchObject({ status: 200, body: Buffer.from("through") });
    expect(proxy.requests).toEqual(["GET http://base.example:81/v0?a=b"]);
    expect(seen[0]?.headers).toMatchObject({ host: "base.example:81", "proxy-authorization": "Basic bWU6cGFzcw==" });
  });

  it("is a failure that names the proxy where nobody listens there, and was not sent", async () => {
    const port = await closedPort();
    for (const scheme of ["http", "https"]) {
      const reply = await send(`${scheme}://base.example`, { env: { HTTP_PROXY: `http://127.0.0.1:${port}` } });
      expect(reply).toMatchObject({
        detail: `proxy 127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
        permanent: false,
        sent: false,
      });
    }
  });

  it.each([
    [407, /^proxy 127.0.0.1:\d+ refused the connection: HTTP 407; put user and password into the proxy's URL$/, true],
    [403, /refused the connection: HTTP 403$/, true],
    [503, /refused the connection: HTTP 503$/, false],
  ])("is a failure where the proxy answers CONNECT with %d, and was not sent", async (status, detail, permanent) => {
    const proxy = await tunnels(status);
    const reply = await send("https://base.example/x", { env: { HTTPS_PROXY: proxy.url } });
    expect(reply).toMatchObject({ detail: expect.stringMatching(detail), permanent, sent: false });
    expect(proxy.targets).toEqual(["base.example:443"]);
  });

  it("is given up where the proxy does not answer CONNECT in time", async () => {
    const proxy = await serveRaw(() => {});
    const timeouts = { connect: 60, answer: 5_000 };
    const reply = await send("https://base.example", { env: { HTTPS_PROXY: proxy.url }, timeouts });
    expect(reply).toMatchObject({ detail: "connection timed out after 60 ms", sent: false });
  });

  it("is a failure for good where the variable names no proxy", async () => {
    for (const scheme of ["http", "https"]) {
      const reply = await send(`${scheme}://base.example`, { env: { HTTP_PROXY: "socks5://proxy.example" } });
      expect(reply).toMatchObject({ permanent: true, detail: expect.stringMatching(/^HTTP_PROXY: no URL of http/) });
    }
  });

  it("goes past it to loopback", async () => {
    const proxy = await tunnels(200);
    const place = await serve((_, response) => response.end());
    expect(await send(place.url, { env: { HTTP_PROXY: proxy.url } })).toMatchObject({ status: 200 });
    expect(proxy.targets).toEqual([]);
  });

  it("to a host whose address was checked is tunnelled to that address, with the host in its header", async () => {
    const place = await serve((request, response) => response.end(request.headers.host));
    const proxy = await tunnels(200);
    const reply = await send(`http://files.example:${place.port}/a`, {
      env: { HTTP_PROXY: proxy.url },
      lookup: (_host, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
    });
    expect(reply).toMatchObject({ status: 200, body: Buffer.from(`files.example:${place.port}`) });
    expect(proxy.targets).toEqual([`127.0.0.1:${place.port}`]);
    expect(place.requests).toEqual(["GET /a"]);
  });

  it.skipIf(!hasOpenssl)("asks for the certificate of the host, not of the checked address", async () => {
    const names: (string | false | null | undefined)[] = [];
    const server = createTlsServer({
      ...selfSigned("DNS:files.example"),
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    const place = await listen(server);
    const proxy = await tunnels(200);
    const reply = await send(`https://files.example:${place.port}/a`, {
      env: { HTTPS_PROXY: proxy.url },
      lookup: (_host, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
    });
    expect(reply).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT", sent: false });
    expect(proxy.targets).toEqual([`127.0.0.1:${place.port}`]);
    expect(names).toEqual(["files.example"]);
  });

  it("tries the next of several checked addresses", async () => {
    const place = await serve((_, response) => response.end());
    const closed = "127.0.0.2";
    const proxy = await tunnels(200, closed);
    const reply = await send(`http://files.example:${place.port}/a`, {
      env: { HTTP_PROXY: proxy.url },
      lookup: (_host, _options, callback) =>
        callback(
          null,
          [closed, "127.0.0.1"].map((address) => ({ address, family: 4 })),
        ),
    });
    expect(reply).toMatchObject({ status: 200 });
    expect(proxy.targets).toEqual([`${closed}:${place.port}`, `127.0.0.1:${place.port}`]);
  });
});

function send(url: string, over: Partial<HttpClientOptions>) {
  const http = createHttpClient({ connections: 1, timeouts: { connect: 5_000, answer: 5_000 }, ...over });
  onTestFinished(() => http.close());
  return http.send({ method: "GET", url: new URL(url), headers: {}, maxBytes: 1_000 }, never());
}

/** A proxy that answers CONNECT with `status`, and tunnels where that is 200, but not to `closed`. */
async function tunnels(status: number, closed = "") {
  const targets: string[] = [];
  const server = createServer();
  server.on("connect", ({ url = "" }, socket) => {
    targets.push(url);
    socket.on("error", () => {});
    const [host = "", port] = url.split(":");
    if (status !== 200 || host === closed) {
      socket.end(`HTTP/1.1 ${host === closed ? 502 : status} No\r\n\r\n`);
      return;
    }
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
  });
  return { ...(await listen(server)), targets };
}
