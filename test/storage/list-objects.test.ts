import { describe, expect, onTestFinished, test } from "vitest";
import { createBucket } from "../../src/sandbox/fake-bucket.ts";
import { listen as listenSandbox } from "../../src/sandbox/loopback-server.ts";
import { NOW } from "../support/builders.ts";
import { closedPort, never, probeOf, serve, serveRaw, testClock } from "../support/servers.ts";

const XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

function listing(keys: readonly string[], truncated: string | null = "false"): string {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><ETag>&quot;e&quot;</ETag></Contents>`).join("");
  const about = truncated === null ? "" : `<IsTruncated>${truncated}</IsTruncated>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult ${XMLNS}>${about}${contents}</ListBucketResult>`;
}

function refusal(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><RequestId>tx</RequestId></Error>`;
}

/** What `list("id")` says of the bucket `/b` when every request is answered so. */
async function listWhen(status: number, body: string, headers: Record<string, string> = {}, path = "/b") {
  const place = await serve((_request, response) => response.writeHead(status, headers).end(body));
  const clock = testClock();
  const probe = probeOf(`${place.url}${path}`, { clock });
  const found = await probe.list("id", never());
  expect(probe.requests()).toBe(place.requests.length);
  return { found, requests: place.requests, clock };
}

describe("a listing", () => {
  test("names the files that begin with the prefix, in one request", async () => {
    const { found, requests } = await listWhen(200, listing(["id.mp4", "id_output_0.mp4"]));
    expect(found).toEqual({ kind: "listed", names: ["id.mp4", "id_output_0.mp4"], complete: true });
    expect(requests).toEqual(["GET /b/?list-type=2&max-keys=1000&prefix=id"]);
  });

  test("of nothing is empty and complete", async () => {
    expect((await listWhen(200, listing([]))).found).toEqual({ kind: "listed", names: [], complete: true });
  });

  test.each([["true"], ["maybe"], [null]])(
    "is not complete when the server says of truncation: %s",
    async (truncated) => {
      expect((await listWhen(200, listing(["id"], truncated))).found).toMatchObject({
        kind: "listed",
        complete: false,
      });
    },
  );

  test("names files as `urlFor` takes them: without the configured folder", async () => {
    const body = listing(["c/d/id.mp4", "c/d/id/x", "id.mp4"]);
    const { found, requests } = await listWhen(200, body, {}, "/b/c/d");
    expect(found).toEqual({ kind: "listed", names: ["id.mp4", "id/x"], complete: true });
    expect(requests).toEqual(["GET /b/?list-type=2&max-keys=1000&prefix=c%2Fd%2Fid"]);
  });

  test("leaves out other names, which a server that ignores prefixes lists", async () => {
    const { found } = await listWhen(200, listing(["another.mp4", "id.mp4"]));
    expect(found).toEqual({ kind: "listed", names: ["id.mp4"], complete: true });
  });

  test("reads names with XML escapes", async () => {
    const { found } = await listWhen(200, listing(["id a&amp;b &#38; &lt;ü&gt; 1.mp4", "id&amp;lt;"]));
    expect(found).toMatchObject({ names: ["id a&b & <ü> 1.mp4", "id&lt;"] });
  });

  test("keeps a name that is a number, and the spaces around one", async () => {
    expect((await listWhen(200, listing(["id ", "id1e5"]))).found).toMatchObject({ names: ["id ", "id1e5"] });
  });

  test("of a thousand long names is read", async () => {
    const keys = Array.from({ length: 1000 }, (_, n) => `id${n}${"&amp;".repeat(250)}`);
    const { found } = await listWhen(200, listing(keys, "true"));
    expect(found).toMatchObject({ kind: "listed", complete: false });
    expect(found.kind === "listed" && found.names).toHaveLength(1000);
  });

  test("is requested in a form that the sandbox's bucket understands", async () => {
    const bucket = createBucket({ name: "clips", visibility: "open" });
    for (const key of ["x/id.mp4", "x/id_captioned.mp4", "id.mp4"]) {
      bucket.put(key, { bytes: 1, contentType: "binary/octet-stream", lastModified: NOW });
    }
    const sandbox = await listenSandbox(0, async (request) => bucket.handle(request, NOW));
    onTestFinished(() => sandbox.close());
    const probe = probeOf(`${sandbox.url}/clips/x`);
    expect(await probe.list("id", never())).toEqual({
      kind: "listed",
      names: ["id.mp4", "id_captioned.mp4"],
      complete: true,
    });
    bucket.visibility = "restricted";
    expect(await probe.list("id", never())).toEqual({ kind: "refused", detail: "HTTP 403 AccessDenied" });
  });
});

describe("a listing of a bucket that does not exist", () => {
  test.each([
    [404, "NoSuchBucket"],
    [400, "InvalidBucketName"],
  ])("is recognized by HTTP %i %s", async (status, code) => {
    const place = await serve((_, response) => response.writeHead(status).end(refusal(code)));
    const found = await probeOf(place.url).list("id", never());
    expect(found).toEqual({ kind: "no-bucket", detail: `HTTP ${status} ${code}` });
  });
});

describe("a listing of a server that does not list", () => {
  test.each([
    [403, refusal("AccessDenied"), "HTTP 403 AccessDenied"],
    [401, "", "HTTP 401"],
    [400, refusal("InvalidArgument"), "HTTP 400 InvalidArgument"],
    [400, '{ "code": "bad_request" }', "HTTP 400"],
    [404, "<html>not found</html>", "HTTP 404"],
    [405, refusal("MethodNotAllowed"), "HTTP 405 MethodNotAllowed"],
    [501, refusal("NotImplemented"), "HTTP 501 NotImplemented"],
    [403, "<Error><Code>a b<script></Code></Error>", "HTTP 403"],
  ])("is refused by one request: %d %s", async (status, body, detail) => {
    const { found, requests } = await listWhen(status, body);
    expect(found).toEqual({ kind: "refused", detail });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ["an HTML page", "<!DOCTYPE html><html><ListBucketResult></ListBucketResult></html>"],
    ["nothing", ""],
    ["JSON", '{"ListBucketResult":{}}'],
    ["other XML", '<?xml version="1.0"?><feed/>'],
    ["XML with definitions of its own", '<!DOCTYPE a [<!ENTITY x "y">]><ListBucketResult/>'],
  ])("is refused when it answers 200 with %s", async (_, body) => {
    const { found, requests } = await listWhen(200, body);
    expect(found).toEqual({ kind: "refused", detail: "HTTP 200, not a bucket's listing" });
    expect(requests).toHaveLength(1);
  });
});

describe("a listing that says nothing", () => {
  test.each([429, 500, 502, 503, 504])("is unknown after three attempts: %d", async (status) => {
    const { found, requests, clock } = await listWhen(status, refusal("SlowDown"));
    expect(found).toEqual({ kind: "unknown", detail: `HTTP ${status} SlowDown` });
    expect(requests).toHaveLength(3);
    expect(clock.slept).toEqual([187.5, 375]);
  });

  test.each([204, 409, 410, 520])("is unknown after one request: %d", async (status) => {
    const { found, requests } = await listWhen(status, "");
    expect(found).toEqual({ kind: "unknown", detail: `HTTP ${status}` });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ["in the middle", listing(["id.mp4", "id_2.mp4"]).slice(0, -40)],
    ["before its last tag", listing(["id.mp4"]).replace("</ListBucketResult>", "")],
    ["after its first tag", `<ListBucketResult ${XMLNS}>`],
  ])("is one that ends %s, though the connection was closed in order", async (_, body) => {
    const place = await serveRaw((socket) => socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`));
    const probe = probeOf(`${place.url}/b`);
    expect(await probe.list("id", never())).toEqual({
      kind: "unknown",
      detail: "HTTP 200, a listing that cannot be read",
    });
    expect(place.requests).toHaveLength(3);
  });

  test("is a body that is shorter than was announced", async () => {
    const place = await serveRaw((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${listing(["id.mp4"])}`),
    );
    expect(await probeOf(`${place.url}/b`).list("id", never())).toEqual({
      kind: "unknown",
      detail: "connection closed before the answer was complete",
    });
  });

  test("is an error that comes with status 200", async () => {
    const { found, requests } = await listWhen(200, refusal("InternalError"));
    expect(found).toEqual({ kind: "unknown", detail: "HTTP 200 InternalError" });
    expect(requests).toHaveLength(3);
  });

  test("is a body without end, of which 4 MiB are read", async () => {
    const place = await serve((_request, response) => {
      response.writeHead(200);
      const pour = () => {
        while (response.write("x".repeat(65_536)));
      };
      response.on("drain", pour);
      pour();
    });
    expect(await probeOf(`${place.url}/b`).list("id", never())).toEqual({
      kind: "unknown",
      detail: "HTTP 200, a listing of more than 4 MiB",
    });
    expect(place.requests).toHaveLength(1);
  });

  test("is one of a server that does not answer in time", async () => {
    const place = await serve(() => {});
    const probe = probeOf(`${place.url}/b`, { attempts: 1, timeouts: { connect: 5_000, answer: 50, total: 10_000 } });
    expect(await probe.list("id", never())).toEqual({ kind: "unknown", detail: "timed out after 50 ms" });
  });

  test("is a refused connection", async () => {
    const probe = probeOf(`http://127.0.0.1:${await closedPort()}/b`);
    expect(await probe.list("id", never())).toEqual({
      kind: "unknown",
      detail: "connection refused (ECONNREFUSED)",
    });
    expect(probe.requests()).toBe(0);
  });

  test("is replaced by the answer that follows", async () => {
    let count = 0;
    const place = await serve((_request, response) => {
      count += 1;
      if (count === 1) response.writeHead(503).end();
      else response.end(listing(["id.mp4"]));
    });
    expect(await probeOf(`${place.url}/b`).list("id", never())).toMatchObject({ names: ["id.mp4"] });
  });
});

describe("a listing's redirect", () => {
  test("inside the host is followed", async () => {
    const place = await serve((request, response) => {
      if (request.url?.startsWith("/b/")) response.writeHead(307, { location: "/c/?prefix=id" }).end();
      else response.end(listing(["id.mp4"]));
    });
    expect(await probeOf(`${place.url}/b`).list("id", never())).toMatchObject({ names: ["id.mp4"] });
    expect(place.requests).toHaveLength(2);
  });

  test("out of it is unknown", async () => {
    const { found } = await listWhen(302, "", { location: "https://login.example.com/?token=secret" });
    expect(found).toEqual({ kind: "unknown", detail: "HTTP 302 to login.example.com" });
  });
});

test("a listing that is aborted rejects with the reason", async () => {
  const abort = new AbortController();
  const place = await serve(() => abort.abort("stop"));
  await expect(probeOf(`${place.url}/b`).list("id", abort.signal)).rejects.toBe("stop");
});
