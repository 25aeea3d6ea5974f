import { describe, expect, it, onTestFinished } from "vitest";
import { createExternalProbe, type ExternalProbeOptions } from "../../src/storage/external-probe.ts";
import { means } from "../providers/support.ts";
import { closedPort, never, serve } from "../support/servers.ts";
import { names } from "./names.ts";

const FILES = names({ "files.example": ["127.0.0.1"] }).resolve;

function probe(over: Partial<ExternalProbeOptions> = {}) {
  const options = { outputHosts: ["files.example"], allowPrivate: true, resolve: FILES };
  const made = createExternalProbe({ ...means(), ...options, ...over });
  onTestFinished(() => made.close());
  return made;
}

describe("a probe of an output that a provider names", () => {
  it("sees what is there, with its size and type", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 7, "content-type": "video/mp4", etag: '"e"' }).end();
    });
    const url = `http://files.example:${server.port}/a.mp4?v=1`;
    expect(await probe().probe(url, never())).toMatchObject({
      result: "present",
      url,
      output: { url, bytes: 7, contentType: "video/mp4", etag: '"e"' },
    });
    expect(server.requests).toEqual(["HEAD /a.mp4?v=1"]);
  });

  it.each([400, 401, 403, 405, 501])("asks for the first byte where HEAD is refused with %i", async (status) => {
    const server = await serve((request, response) => {
      if (request.method === "HEAD") response.writeHead(status).end();
      else response.writeHead(206, { "content-range": "bytes 0-0/1234", "content-length": 1 }).end("x");
    });
    const result = await probe().probe(`http://files.example:${server.port}/a.mp4`, never());
    expect(result).toMatchObject({ result: "present", output: { bytes: 1234 } });
  });

  it("asks a signed link for the first byte at once", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(206, { "content-range": "bytes 0-0/9", "content-length": 1 }).end("x");
    });
    const url = `http://files.example:${server.port}/a.mp4?X-Amz-Signature=abc`;
    expect(await probe().probe(url, never())).toMatchObject({ result: "present" });
    expect(server.requests).toEqual(["GET /a.mp4?X-Amz-Signature=abc"]);
  });

  it("says absent only for a plain 404", async () => {
    const server = await serve((_request, response) => response.writeHead(404).end());
    expect(await probe().probe(`http://files.example:${server.port}/a`, never())).toMatchObject({ result: "absent" });
  });

  it.each<[string, number, Record<string, string>, string]>([
    ["a 403 to both", 403, {}, "forbidden"],
    ["a 404 that a CDN kept", 404, { "cf-cache-status": "HIT" }, "cached"],
    ["a page", 200, { "content-type": "text/html", "content-length": "99" }, "suspect"],
    ["an empty file", 200, { "content-length": "0" }, "suspect"],
    ["a server in trouble", 503, {}, "unreachable"],
    ["a rate limit", 429, {}, "unreachable"],
  ])("is unknown for %s", async (_, status, headers, cause) => {
    const server = await serve((_request, response) => response.writeHead(status, headers).end());
    const result = await probe().probe(`http://files.example:${server.port}/a`, never());
    expect(result).toMatchObject({ result: "unknown", cause });
  });

  it("is unknown where nobody answers, and where the host is not known", async () => {
    const port = await closedPort();
    expect(await probe().probe(`http://files.example:${port}/a`, never())).toMatchObject({ cause: "unreachable" });
    const gone = await probe().probe("http://gone.files.example/a", never());
    expect(gone).toMatchObject({ cause: "unreachable", detail: "host not found (ENOTFOUND)" });
  });

  it("is unknown after its time limit", async () => {
    const server = await serve(() => {});
    const timeouts = { connect: 5_000, answer: 50, total: 5_000 };
    const result = await probe({ timeouts }).probe(`http://files.example:${server.port}/a`, never());
    expect(result).toMatchObject({ result: "unknown", cause: "unreachable", detail: "timed out after 50 ms" });
  });

  it("sends nothing to a host that is refused", async () => {
    const server = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const strict = probe({ allowPrivate: false });
    for (const host of ["files.example", "127.0.0.1", "localhost"]) {
      const result = await strict.probe(`http://${host}:${server.port}/a`, never());
      expect(result).toMatchObject({ result: "unknown", cause: "unexpected" });
    }
    expect([server.requests, server.sockets.length, strict.requests()]).toEqual([[], 0, 0]);
  });

  it("goes to the address that was checked, though the name has another by the time of the connection", async () => {
    const checked = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return (answers.shift() ?? ["127.0.0.2"]).map((address) => ({ address, family: 4 }));
    };
    const result = await probe({ resolve }).probe(`http://files.example:${checked.port}/a`, never());
    expect(result).toMatchObject({ result: "present" });
    expect(asked).toEqual(["files.example"]);
    expect(checked.sockets[0]?.localAddress).toBe("127.0.0.1");
  });

  it("does not follow a redirect out of the host", async () => {
    const inner = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: `${inner.url}/latest/meta-data?token=x` }).end();
    });
    const result = await probe().probe(`http://files.example:${server.port}/a`, never());
    expect(result).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: `HTTP 302 to 127.0.0.1:${inner.port}`,
    });
    expect(inner.requests).toEqual([]);
  });

  it("is unknown for a text that is no URL", async () => {
    expect(await probe().probe("not a url", never())).toMatchObject({ result: "unknown", detail: "not a URL" });
  });

  it("ends with the signal's reason when it is aborted", async () => {
    const stop = new AbortController();
    const server = await serve(() => stop.abort(new Error("stop")));
    await expect(probe().probe(`http://files.example:${server.port}/a`, stop.signal)).rejects.toThrow("stop");
  });
});
