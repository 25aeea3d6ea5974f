import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { StorageConfigError } from "../../src/core/ports/errors.ts";
import type { ProbeOptions } from "../../src/storage/probe.ts";
import { CONFIG_ERROR_CODES } from "../../src/storage/s3-errors.ts";
import { MINUTE, NOW } from "../support/builders.ts";
import { CREDENTIALS, KEY, type S3Options, serveS3 } from "../support/s3.ts";
import { never, probeOf, serve, testClock } from "../support/servers.ts";

function signing(url: string, options: Partial<ProbeOptions> = {}) {
  return probeOf(url, { credentials: CREDENTIALS, clock: testClock(NOW), ...options });
}

async function bucket(options: S3Options = {}, over: Partial<ProbeOptions> = {}) {
  const s3 = await serveS3(options);
  s3.objects.set("a.mp4", Buffer.from("hello"));
  return { s3, probe: signing(`${s3.url}/clips`, over) };
}

function error(code: string, more = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>m</Message>${more}</Error>`;
}

/** What a signed look sees where a HEAD is answered with `head` alone, and a GET with `status` and `body`. */
async function lookWhen(head: number, status: number, body: string, headers: Record<string, string> = {}) {
  const place = await serve((request, response) => {
    if (request.method === "HEAD") response.writeHead(head).end();
    else response.writeHead(status, headers).end(body);
  });
  const probe = signing(`${place.url}/clips`);
  const look = probe.probe(probe.urlFor("a.mp4"), never());
  return { look, place, probe };
}

async function faultOf(work: Promise<unknown>): Promise<StorageConfigError> {
  const thrown: unknown = await work.then(
    (value) => value,
    (reason: unknown) => reason,
  );
  if (thrown instanceof StorageConfigError) return thrown;
  throw new Error(`no StorageConfigError: ${JSON.stringify(thrown)}`);
}

describe("a signed 404", () => {
  test("is absence once a GET has shown that the key is missing, and not the bucket", async () => {
    const { s3, probe } = await bucket();
    const url = probe.urlFor("b.mp4");
    expect(await probe.probe(url, never())).toEqual({ result: "absent", url, detail: "HTTP 404" });
    expect(await probe.probe(probe.urlFor("c.mp4"), never())).toMatchObject({ result: "absent" });
    expect(s3.served).toEqual(["HEAD b.mp4", "GET b.mp4 bytes=0-0", "HEAD c.mp4"]);
  });

  test("is absence at once where an object of the bucket was seen", async () => {
    const { s3, probe } = await bucket();
    await probe.probe(probe.urlFor("a.mp4"), never());
    expect(await probe.probe(probe.urlFor("b.mp4"), never())).toMatchObject({ result: "absent" });
    expect(s3.served).toEqual(["HEAD a.mp4", "HEAD b.mp4"]);
  });

  test("of a bucket that is not there is a wrong configuration", async () => {
    const s3 = await serveS3();
    const probe = signing(`${s3.url}/clisp`);
    const fault = await faultOf(probe.probe(probe.urlFor("a.mp4"), never()));
    expect(fault.code).toBe("NoSuchBucket");
    expect(fault.message).toBe(`127.0.0.1:${s3.port} refused a signed request: HTTP 404 NoSuchBucket`);
    expect(fault.hint).toMatch(/storage\.baseUrl/);
  });

  test.each([
    ["HTML", "<html>not here</html>", "HTTP 404 without a code"],
    ["nothing", "", "HTTP 404 without a code"],
    ["a code of its own", error("NotHere"), "HTTP 404 NotHere"],
    ["a text that is cut off", error("NoSuchKey").slice(0, -5), "HTTP 404 without a code"],
    ["a text without end", `${error("NoSuchKey")}${" ".repeat(10_000)}`, "HTTP 404 without a code"],
  ])("of something that is no S3 is no absence: %s", async (_, body, detail) => {
    const { look } = await lookWhen(404, 404, body);
    expect(await look).toMatchObject({ result: "unknown", cause: "unexpected", detail });
  });

  test("is unreachable where the GET gets no answer", async () => {
    const { look, place } = await lookWhen(404, 503, error("SlowDown"));
    expect(await look).toMatchObject({ result: "unknown", cause: "unreachable", detail: "HTTP 503" });
    expect(place.requests).toHaveLength(6);
  });

  test("is an object that was stored meanwhile", async () => {
    const { look } = await lookWhen(404, 206, "h", { "content-range": "bytes 0-0/5" });
    expect(await look).toMatchObject({ result: "present", output: { bytes: 5 } });
  });

  test("is no absence where the GET gets another answer", async () => {
    const { look } = await lookWhen(404, 403, error("AccessDenied"));
    expect(await look).toMatchObject({ cause: "unexpected", detail: "HTTP 404, then HTTP 403 AccessDenied" });
  });

  test("that a cache kept is no absence", async () => {
    const { look } = await lookWhen(404, 404, error("NoSuchKey"), { age: "5" });
    expect(await look).toMatchObject({ result: "unknown", cause: "cached" });
  });
});

describe("a signed 403", () => {
  test("is forbidden, not absence, where the key may not list", async () => {
    const { s3, probe } = await bucket({ mayList: false });
    expect(await probe.probe(probe.urlFor("b.mp4"), never())).toMatchObject({
      result: "unknown",
      cause: "forbidden",
      detail: "HTTP 403 AccessDenied",
    });
    expect(s3.served).toEqual(["HEAD b.mp4", "GET b.mp4 bytes=0-0"]);
  });

  test("is asked for its reason every time: what was allowed a moment ago may have run out", async () => {
    let skew = 0;
    const { probe } = await bucket({ mayList: false, now: () => NOW + skew });
    await probe.probe(probe.urlFor("b.mp4"), never());
    skew = 16 * MINUTE;
    expect((await faultOf(probe.probe(probe.urlFor("c.mp4"), never()))).code).toBe("RequestTimeTooSkewed");
  });

  test.each([
    ["an unknown key", { ...CREDENTIALS, accessKeyId: "OTHER" }, "InvalidAccessKeyId"],
    ["a wrong secret", { ...CREDENTIALS, secretAccessKey: "wrong" }, "SignatureDoesNotMatch"],
    ["a token that is none", { ...CREDENTIALS, sessionToken: "stale" }, "InvalidToken"],
  ])("for %s is a wrong configuration, though the object is there", async (_, credentials, code) => {
    const { probe } = await bucket({}, { credentials });
    const fault = await faultOf(probe.probe(probe.urlFor("a.mp4"), never()));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(`HTTP 403 ${code}`);
    expect(`${fault.message} ${fault.hint}`).not.toContain(credentials.secretAccessKey);
  });

  test.each([-16 * MINUTE, 16 * MINUTE])("for a clock that is %d ms off is a wrong configuration", async (skew) => {
    const { probe } = await bucket({ now: () => NOW + skew });
    const fault = await faultOf(probe.probe(probe.urlFor("a.mp4"), never()));
    expect([fault.code, fault.hint]).toEqual(["RequestTimeTooSkewed", expect.stringContaining("clock")]);
  });

  test.each([
    ["a code that nobody explained", error("QuotaSomething"), "HTTP 403 QuotaSomething"],
    ["no code", "", "HTTP 403 without a code"],
    ["an HTML page", "<html>blocked</html>", "HTTP 403 without a code"],
  ])("with %s is none that calibration may use", async (_, body, detail) => {
    const { look } = await lookWhen(403, 403, body);
    expect(await look).toMatchObject({ result: "unknown", cause: "unexpected", detail });
  });

  test("that a GET contradicts is no absence", async () => {
    const { look } = await lookWhen(403, 404, error("NoSuchKey"));
    expect(await look).toMatchObject({ cause: "unexpected", detail: "HTTP 403, then HTTP 404 NoSuchKey" });
  });

  test("is the object where a GET is allowed", async () => {
    const { look } = await lookWhen(403, 206, "h", { "content-range": "bytes 0-0/5" });
    expect(await look).toMatchObject({ result: "present", output: { bytes: 5 } });
  });
});

describe("an error about the request and not about the object", () => {
  test.each([
    [400, "ExpiredToken"],
    [400, "InvalidToken"],
    [400, "AuthorizationHeaderMalformed"],
    [400, "InvalidBucketName"],
    [400, "InvalidRegionName"],
    [401, "Unauthorized"],
    [403, "ExpiredToken"],
    [403, "UserSuspended"],
    [301, "PermanentRedirect"],
  ])("is a wrong configuration: %d %s", async (status, code) => {
    const { look } = await lookWhen(status, status, error(code));
    expect((await faultOf(look)).code).toBe(code);
  });

  test("is in the documentation, whatever its code", () => {
    const documented = readFileSync("docs/storage.md", "utf8");
    expect(Object.keys(CONFIG_ERROR_CODES).filter((code) => !documented.includes(`\`${code}\``))).toEqual([]);
  });

  test.each([
    ["in the text", error("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), {}],
    ["in a header", error("AuthorizationHeaderMalformed"), { "x-amz-bucket-region": "eu-west-1" }],
  ])("shows the region that the storage names %s", async (_, body, headers) => {
    const { look } = await lookWhen(400, 400, body, headers);
    const fault = await faultOf(look);
    expect(fault.hint).toMatch(/The storage names eu-west-1\.$/);
  });

  test("shows no region that is none", async () => {
    const { look } = await lookWhen(400, 400, error("PermanentRedirect", "<Region>&lt;b&gt; x</Region>"));
    expect((await faultOf(look)).hint).not.toContain("names");
  });

  test("is unknown where the code is of another kind", async () => {
    const { look } = await lookWhen(400, 400, error("InvalidRequest"));
    expect(await look).toMatchObject({ result: "unknown", cause: "unexpected", detail: "HTTP 400 InvalidRequest" });
  });

  test("is a redirect without a location where no code explains it", async () => {
    const { look } = await lookWhen(301, 301, "");
    expect(await look).toMatchObject({ cause: "redirected", detail: "HTTP 301 without a code" });
  });

  test("is not asked for without credentials: there it stays a 403", async () => {
    const place = await serve((_request, response) => response.writeHead(403).end(error("InvalidAccessKeyId")));
    const probe = probeOf(`${place.url}/clips`);
    expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({ cause: "forbidden", detail: "HTTP 403" });
    expect(await probe.list("a", never())).toEqual({ kind: "refused", detail: "HTTP 403 InvalidAccessKeyId" });
  });
});

describe("a signed listing", () => {
  test("names what the key's owner may see", async () => {
    const { s3, probe } = await bucket();
    expect(await probe.list("a", never())).toEqual({ kind: "listed", names: ["a.mp4"], complete: true });
    expect(s3.judgements).toEqual(["right"]);
  });

  test("is refused where the key may not list", async () => {
    const { probe } = await bucket({ mayList: false });
    expect(await probe.list("a", never())).toEqual({ kind: "refused", detail: "HTTP 403 AccessDenied" });
  });

  test.each([
    ["a wrong secret", { keys: [{ ...KEY, secret: "other" }] }, "SignatureDoesNotMatch"],
    ["an unknown key", { keys: [] }, "InvalidAccessKeyId"],
    ["a clock that is off", { now: () => NOW + 16 * MINUTE }, "RequestTimeTooSkewed"],
    ["a wrong region", { region: "eu-test-1" }, "AuthorizationHeaderMalformed"],
  ])("with %s is a wrong configuration", async (_, options, code) => {
    const { probe } = await bucket(options);
    expect((await faultOf(probe.list("a", never()))).code).toBe(code);
  });

  test("of a bucket that is not there is a wrong configuration", async () => {
    const s3 = await serveS3();
    expect((await faultOf(signing(`${s3.url}/clisp`).list("a", never()))).code).toBe("NoSuchBucket");
  });

  test("is repeated where the answer may pass", async () => {
    const place = await serve((_request, response) => response.writeHead(503).end(error("SlowDown")));
    expect(await signing(`${place.url}/clips`).list("a", never())).toEqual({
      kind: "unknown",
      detail: "HTTP 503 SlowDown",
    });
    expect(place.requests).toHaveLength(3);
  });
});
