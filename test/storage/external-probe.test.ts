import { describe, expect, it, onTestFinished } from "vitest";
import { type Address, createHostAllowList } from "../../src/storage/allowed-hosts.ts";
import { createExternalProbe, type ExternalProbeOptions } from "../../src/storage/external-probe.ts";
import { means } from "../providers/support.ts";
import { closedPort, never, serve } from "../support/servers.ts";

/** A resolver of the test's own; names that it does not know do not exist. */
function names(table: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = [];
  const resolve = async (host: string): Promise<readonly Address[]> => {
    asked.push(host);
    const found = table[host];
    if (found === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
    return found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  };
  return { resolve, asked };
}

const FILES = names({ "files.example": ["127.0.0.1"] }).resolve;

function probe(over: Partial<ExternalProbeOptions> = {}) {
  const options = { outputHosts: ["files.example"], allowPrivate: true, resolve: FILES };
  const made = createExternalProbe({ ...means(), ...options, ...over });
  onTestFinished(() => made.close());
  return made;
}

function guard(over: Partial<Parameters<typeof createHostAllowList>[0]> = {}) {
  const { resolve } = names({
    "theapi.app": ["93.184.216.34"],
    "storage.theapi.app": ["93.184.216.34", "2606:4700::1111"],
    "storage.theapi.app.": ["93.184.216.34"],
    "inner.theapi.app": ["10.0.0.7"],
    "mixed.theapi.app": ["93.184.216.34", "127.0.0.1"],
    "mapped.theapi.app": ["::ffff:169.254.169.254"],
    "empty.theapi.app": [],
  });
  return createHostAllowList({ outputHosts: ["theapi.app"], allowPrivate: false, resolve, ...over });
}

function refusal(url: string, over: Partial<Parameters<typeof createHostAllowList>[0]> = {}): Promise<string | null> {
  return guard(over).check(new URL(url));
}

describe("a URL that a provider names may be looked at", () => {
  it.each([
    "https://theapi.app/a.mp4",
    "https://storage.theapi.app/a.mp4",
    "https://STORAGE.theapi.app./a.mp4",
    "http://storage.theapi.app:8080/a.mp4",
  ])("on its outputHosts: %s", async (url) => {
    expect(await refusal(url)).toBe(null);
  });
  it("at a private address where that is allowed", async () => {
    expect(await refusal("https://inner.theapi.app/a.mp4", { allowPrivate: true })).toBe(null);
    expect(await refusal("http://[::1]/a.mp4", { allowPrivate: true, outputHosts: ["[::1]"] })).toBe(null);
  });
});

describe("a URL that a provider names is refused", () => {
  it.each<[string, string, RegExp]>([
    ["on another host", "https://evil.example/a", /^evil.example is not one of/],
    ["on a host that ends alike", "https://eviltheapi.app/a", /not one of/],
    ["on a host that begins alike", "https://theapi.app.evil.example/a", /not one of/],
    ["with a password", "https://a:b@theapi.app/a", /with user or password/],
    ["with an allowed host as its user", "https://theapi.app@evil.example/a", /with user or password/],
    ["of another scheme", "file:///etc/passwd", /not a URL of http or https/],
    ["of another scheme on an allowed host", "ftp://theapi.app/a", /not a URL of http or https/],
    ["at an address", "http://127.0.0.1/a", /not one of/],
    ["at an address in another form", "http://0x7f.1/a", /^127.0.0.1 is not one of/],
    [
      "where the name leads into a private network",
      "https://inner.theapi.app/a",
      /leads to 10.0.0.7, which is no public/,
    ],
    ["where one of several addresses is private", "https://mixed.theapi.app/a", /leads to 127.0.0.1/],
    ["where an IPv6 address hides a private one", "https://mapped.theapi.app/a", /leads to ::ffff:169.254.169.254/],
    ["where the name leads nowhere", "https://empty.theapi.app/a", /has no address/],
  ])("%s", async (_, url, expected) => {
    expect(await refusal(url)).toMatch(expected);
  });
  it.each(["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])(
    "at %s though it is listed",
    async (host) => {
      const outputHosts = [new URL(`http://${host}`).hostname];
      expect(await refusal(`http://${host}/a`, { outputHosts })).toMatch(/which is no public address/);
    },
  );
});

describe("a look abroad", () => {
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
    const look = await probe().probe(`http://files.example:${server.port}/a.mp4`, never());
    expect(look).toMatchObject({ result: "present", output: { bytes: 1234 } });
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
    const look = await probe().probe(`http://files.example:${server.port}/a`, never());
    expect(look).toMatchObject({ result: "unknown", cause });
  });

  it("is unknown where nobody answers, and where the host is not known", async () => {
    const port = await closedPort();
    expect(await probe().probe(`http://files.example:${port}/a`, never())).toMatchObject({ cause: "unreachable" });
    const gone = await probe().probe("http://gone.files.example/a", never());
    expect(gone).toMatchObject({ cause: "unreachable", detail: "host not found (ENOTFOUND)" });
  });

  it("is unknown after the time that it is given", async () => {
    const server = await serve(() => {});
    const timeouts = { connect: 5_000, answer: 50, total: 5_000 };
    const look = await probe({ timeouts }).probe(`http://files.example:${server.port}/a`, never());
    expect(look).toMatchObject({ result: "unknown", cause: "unreachable", detail: "timed out after 50 ms" });
  });

  it("sends nothing to a place that is refused", async () => {
    const server = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const strict = probe({ allowPrivate: false });
    for (const host of ["files.example", "127.0.0.1", "localhost"]) {
      const look = await strict.probe(`http://${host}:${server.port}/a`, never());
      expect(look).toMatchObject({ result: "unknown", cause: "unexpected" });
    }
    expect([server.requests, server.sockets.length, strict.requests()]).toEqual([[], 0, 0]);
  });

  it("goes to the address that was checked, when the name means another by the time of the connection", async () => {
    const checked = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return (answers.shift() ?? ["127.0.0.2"]).map((address) => ({ address, family: 4 }));
    };
    const look = await probe({ resolve }).probe(`http://files.example:${checked.port}/a`, never());
    expect(look).toMatchObject({ result: "present" });
    expect(asked).toEqual(["files.example"]);
    expect(checked.sockets[0]?.localAddress).toBe("127.0.0.1");
  });

  it("does not follow a redirect out of the host", async () => {
    const inner = await serve((_request, response) => response.writeHead(200, { "content-length": 7 }).end());
    const server = await serve((_request, response) => {
      response.writeHead(302, { location: `${inner.url}/latest/meta-data?token=x` }).end();
    });
    const look = await probe().probe(`http://files.example:${server.port}/a`, never());
    expect(look).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: `HTTP 302 to 127.0.0.1:${inner.port}`,
    });
    expect(inner.requests).toEqual([]);
  });

  it("takes a text that is no URL for what it is", async () => {
    expect(await probe().probe("not a url", never())).toMatchObject({ result: "unknown", detail: "not a URL" });
  });

  it("ends with the signal's reason when it is told to stop", async () => {
    const stop = new AbortController();
    const server = await serve(() => stop.abort(new Error("stop")));
    await expect(probe().probe(`http://files.example:${server.port}/a`, stop.signal)).rejects.toThrow("stop");
  });
});
