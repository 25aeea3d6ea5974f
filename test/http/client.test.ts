import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { createHttpClient, type HttpClientOptions, type HttpRequest } from "../../src/http/client.ts";
import type { Failure } from "../../src/http/errors.ts";
import type { HttpResponse } from "../../src/http/response.ts";
import { closedPort, listen, never, serve, serveRaw } from "../support/servers.ts";
import { hasOpenssl, selfSigned } from "../support/tls.ts";

function client(over: Partial<HttpClientOptions> = {}) {
  const made = createHttpClient({ connections: 4, timeouts: { connect: 5_000, answer: 5_000 }, ...over });
  onTestFinished(() => made.close());
  return made;
}

function get(url: string, over: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url: new URL(url), headers: {}, maxBytes: 1_000, ...over };
}

function text(reply: HttpResponse | Failure): string {
  return reply.kind === "answer" ? `${reply.status} ${reply.body}` : reply.detail;
}

describe("the client sends a request once", () => {
  it.each(["POST", "PATCH", "PUT"] as const)("%s with its body, headers and query", async (method) => {
    const place = await serve(async (request, response) => {
      const body = (await request.toArray()).join("");
      response.end(`${body} ${request.headers["content-type"]} ${request.headers["content-length"]}`);
    });
    const headers = { "content-type": "application/json" };
    const reply = await client().send(get(`${place.url}/a?b=%20`, { method, headers, body: "{ü}" }), never());
    expect(text(reply)).toBe("200 {ü} application/json 4");
    expect(place.requests).toEqual([`${method} /a?b=%20`]);
  });

  it("and returns headers in lower case", async () => {
    const place = await serve((_, response) => response.writeHead(200, { "X-Two": ["a", "b"], ETag: "e" }).end());
    expect(await client().send(get(place.url), never())).toMatchObject({ headers: { "x-two": ["a", "b"], etag: "e" } });
  });

  it("and follows no redirect", async () => {
    const place = await serve((_, response) => response.writeHead(307, { location: "/b" }).end());
    expect(await client().send(get(place.url), never())).toMatchObject({ status: 307, headers: { location: "/b" } });
    expect(place.requests).toEqual(["GET /"]);
  });

  it("and does not repeat it when a kept connection ends without an answer", async () => {
    const place = await serveRaw((socket, first) => {
      if (first.startsWith("GET /1")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      else socket.destroy();
    });
    const http = client();
    expect(await http.send(get(`${place.url}/1`), never())).toMatchObject({ status: 200 });
    expect(await http.send(get(`${place.url}/2`), never())).toMatchObject({ kind: "failure", sent: true });
    expect(place.requests).toEqual(["GET /1", "GET /2"]);
  });
});

describe("the client reports whether a request may have arrived", () => {
  it("as sent before the server has answered", async () => {
    const seen: string[] = [];
    const place = await serve((_, response) => {
      seen.push("arrived");
      response.end();
    });
    await client().send(get(place.url, { onSent: () => seen.push("sent") }), never());
    expect(seen).toEqual(["sent", "arrived"]);
  });

  it("as sent where the connection broke off afterwards", async () => {
    const place = await serveRaw((socket) => socket.resetAndDestroy());
    const reply = await client().send(get(place.url), never());
    expect(reply).toEqual({
      kind: "failure",
      detail: "connection reset (ECONNRESET)",
      code: "ECONNRESET",
      permanent: false,
      sent: true,
    });
  });

  it("as sent where no answer came in time", async () => {
    const place = await serveRaw(() => {});
    const reply = await client({ timeouts: { connect: 5_000, answer: 30 } }).send(get(place.url), never());
    expect(reply).toMatchObject({ detail: "timed out after 30 ms", code: "ETIMEDOUT", sent: true });
  });

  it.each([
    ["is refused", async () => `http://127.0.0.1:${await closedPort()}`, "ECONNREFUSED"],
    [
      "does not get through its TLS handshake",
      async () => `https://127.0.0.1:${(await serveRaw(() => {})).port}`,
      "ETIMEDOUT",
    ],
  ])("as not sent where the connection %s", async (_, urlOf, code) => {
    const http = client({ timeouts: { connect: 100, answer: 5_000 } });
    const onSent = () => expect.unreachable();
    expect(await http.send(get(await urlOf(), { onSent }), never())).toMatchObject({ code, sent: false });
    expect(http.sent()).toBe(0);
  });

  it("as not sent, for good, where a header cannot be sent", async () => {
    const place = await serve((_, response) => response.end());
    const reply = await client().send(get(place.url, { headers: { "x-key": "a\nb" } }), never());
    expect(reply).toMatchObject({ detail: expect.stringMatching(/^request that cannot be sent: /), permanent: true });
    expect(reply).toMatchObject({ sent: false });
    expect(place.requests).toEqual([]);
  });

  it("as not sent after it was closed", async () => {
    const place = await serve((_, response) => response.end());
    const http = client();
    await http.close();
    expect(await http.send(get(place.url), never())).toMatchObject({
      detail: "the connections were closed",
      sent: false,
    });
    expect(place.sockets).toEqual([]);
  });
});

describe("the client reads a body", () => {
  it("up to its bound, and says that it is not complete", async () => {
    const place = await serve((_, response) => response.end("x".repeat(5_000_000)));
    const reply = await client().send(get(place.url), never());
    expect(reply).toMatchObject({ kind: "answer", status: 200, complete: false });
    expect(reply.kind === "answer" && reply.body.length).toBeLessThan(1_000_000);
  });

  it("of exactly its bound to the end", async () => {
    const place = await serve((_, response) => response.end("x".repeat(1_000)));
    expect(await client().send(get(place.url), never())).toMatchObject({ complete: true });
  });

  it("that never ends no further than its bound", async () => {
    const place = await serve((_, response) => {
      const write = () => {
        while (!response.destroyed && response.write("x".repeat(10_000)));
      };
      response.on("drain", write);
      write();
    });
    expect(await client().send(get(place.url), never())).toMatchObject({ complete: false });
  });

  it("no longer than the answer may take", async () => {
    const place = await serve((_, response) => {
      const drip = setInterval(() => response.write("x"), 5);
      response.on("close", () => clearInterval(drip));
    });
    const reply = await client({ timeouts: { connect: 5_000, answer: 60 } }).send(get(place.url), never());
    expect(reply).toMatchObject({ detail: "timed out after 60 ms", sent: true });
  });

  it("that ends early as a failure", async () => {
    const place = await serveRaw((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"));
    const reply = await client().send(get(place.url), never());
    expect(reply).toMatchObject({ detail: "connection closed before the answer was complete", sent: true });
  });
});

describe("the client stops with the signal's reason", () => {
  it("before anything is sent", async () => {
    const place = await serve((_, response) => response.end());
    await expect(client().send(get(place.url), AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
    expect(place.sockets).toEqual([]);
  });

  it("while the server is thinking", async () => {
    const stop = new AbortController();
    const place = await serve(() => stop.abort(new Error("stop")));
    await expect(client().send(get(place.url), stop.signal)).rejects.toThrow("stop");
  });
});

describe.skipIf(!hasOpenssl)("the client on a TLS server of one's own authority", () => {
  it("names NODE_EXTRA_CA_CERTS where it does not know the authority, and does not ask again", async () => {
    const place = await listen(createServer(selfSigned(), (_, response) => response.end()));
    const reply = await client().send(get(`https://127.0.0.1:${place.port}`), never());
    expect(reply).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT", permanent: true, sent: false });
    expect(text(reply)).toMatch(/^certificate: self.signed certificate; set NODE_EXTRA_CA_CERTS to a file /);
  });

  it("does not name it where the certificate is another host's", async () => {
    const certificate = selfSigned("DNS:other.example");
    const place = await listen(createServer(certificate, (_, response) => response.end()));
    const reply = await sendInChild(`https://127.0.0.1:${place.port}`, { NODE_EXTRA_CA_CERTS: certificate.file });
    expect(reply).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID", permanent: true });
    expect(reply.detail).not.toContain("NODE_EXTRA_CA_CERTS");
  });

  test("NODE_EXTRA_CA_CERTS makes it trusted", async () => {
    const certificate = selfSigned();
    const place = await listen(createServer(certificate, (_, response) => response.end()));
    const reply = await sendInChild(`https://127.0.0.1:${place.port}`, { NODE_EXTRA_CA_CERTS: certificate.file });
    expect(reply).toMatchObject({ kind: "answer", status: 200 });
  });
});

/** Sends a GET from another process: Node reads NODE_EXTRA_CA_CERTS only when it starts. */
async function sendInChild(url: string, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "stuck-jobs-client-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const outfile = join(folder, "send.mjs");
  const contents = `
    import { createHttpClient } from "./src/http/client.ts";
    const http = createHttpClient({ connections: 1, timeouts: { connect: 20_000, answer: 20_000 }, env: process.env });
    const request = { method: "GET", url: new URL(process.argv[2]), headers: {}, maxBytes: 1000 };
    const { kind, status, code, permanent, detail } = await http.send(request, new AbortController().signal);
    console.log(JSON.stringify({ kind, status, code, permanent, detail }));
    await http.close();`;
  await build({
    stdin: { contents, resolveDir: process.cwd() },
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "warning",
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  const { stdout } = await promisify(execFile)(process.execPath, [outfile, url], { env: { ...env } });
  return JSON.parse(stdout);
}
