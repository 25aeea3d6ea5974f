import dns from "node:dns";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createRedactor } from "../../src/cli/terminal/redact.ts";
import { fileNameOf } from "../../src/core/domain/evidence.ts";
import { parseBucketUrl } from "../../src/storage/bucket-url.ts";
import type { ProbeOptions } from "../../src/storage/probe.ts";
import { createSigner } from "../../src/storage/signer.ts";
import { HOUR, MINUTE, NOW } from "../support/builders.ts";
import { CREDENTIALS, KEY, type S3Options, serveS3 } from "../support/s3.ts";
import { never, probeOf, serve, testClock } from "../support/servers.ts";
import { judge } from "../support/sigv4.ts";

afterEach(() => vi.restoreAllMocks());

/** A probe that signs with the bucket's key, or as the test needs it. */
function signing(url: string, options: Partial<ProbeOptions> = {}) {
  return probeOf(url, { credentials: CREDENTIALS, clock: testClock(NOW), ...options });
}

/** A private bucket with one file, and a probe of it. */
async function bucket(options: S3Options = {}, over: Partial<ProbeOptions> = {}) {
  const s3 = await serveS3(options);
  s3.objects.set("a.mp4", Buffer.from("hello"));
  return { s3, probe: signing(`${s3.url}/clips`, over) };
}

/** The published examples of the Amazon S3 API reference: what both signer and verifier have to agree with. */
describe("Amazon's own example", () => {
  const credentials = {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    sessionToken: null,
    region: "us-east-1",
  };
  const place = parseBucketUrl("https://examplebucket.s3.amazonaws.com", null);
  const at = Date.UTC(2013, 4, 24);
  const key = { id: credentials.accessKeyId, secret: credentials.secretAccessKey, sessionToken: null };
  const link =
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

  test("of a link is what the signer makes", async () => {
    const signer = createSigner(credentials, place, testClock(at));
    const made = await signer.presign(new URL("https://examplebucket.s3.amazonaws.com/test.txt"), 24 * HOUR);
    expect(new URL(made).searchParams.get("X-Amz-Signature")).toBe(
      "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    );
  });

  test("of a link is right to the tests' verifier, and wrong with another method, path or host", () => {
    const headers = { host: "examplebucket.s3.amazonaws.com" };
    const verified = (method: string, target: string, host = headers.host) =>
      judge({ method, target, headers: { host } }, [key], at, "us-east-1");
    expect(verified("GET", link)).toBe("right");
    for (const other of [
      verified("HEAD", link),
      verified("GET", link.replace("test", "text")),
      verified("GET", link, "other"),
    ]) {
      expect(other).toEqual({ status: 403, code: "SignatureDoesNotMatch" });
    }
  });

  test("of a listing is right to the tests' verifier", () => {
    const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const headers = {
      host: "examplebucket.s3.amazonaws.com",
      "x-amz-date": "20130524T000000Z",
      "x-amz-content-sha256": empty,
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    };
    expect(judge({ method: "GET", target: "/?max-keys=2&prefix=J", headers }, [key], at, "us-east-1")).toBe("right");
  });
});

describe("a signed probe", () => {
  test("sees what only the key's owner may see, with one HEAD", async () => {
    const { s3, probe } = await bucket();
    const url = `${s3.url}/clips/a.mp4`;
    expect(probe.signed).toBe(true);
    expect(await probe.probe(url, never())).toMatchObject({ result: "present", url, output: { url, bytes: 5 } });
    expect(s3.judgements).toEqual(["right"]);
    expect(s3.served).toEqual(["HEAD a.mp4"]);
  });

  test("is not made without credentials: then a private bucket answers 403", async () => {
    const s3 = await serveS3();
    const probe = probeOf(`${s3.url}/clips`);
    expect(probe.signed).toBe(false);
    expect(await probe.probe(probe.urlFor("a.mp4"), never())).toMatchObject({ cause: "forbidden", detail: "HTTP 403" });
    expect(s3.judgements).toEqual(["anonymous"]);
  });

  test.each(["ä b+c?d#e%.mp4", "a'(b)!*~.mp4", "日本/x.mp4", "a&b=c.mp4", "..x", "%41"])(
    "signs the name %j as the server reads it",
    async (name) => {
      const { s3, probe } = await bucket();
      s3.objects.set(name, Buffer.from("hello"));
      expect(await probe.probe(probe.urlFor(name), never())).toMatchObject({ result: "present" });
      expect(s3.judgements).toEqual(["right"]);
    },
  );

  test.each(["/clips/a b", "/clips/a+b", "/clips/a%20b/", "/clips/ä'(x)", "/clips//"])(
    "signs below the folder %s",
    async (folder) => {
      const { s3 } = await bucket();
      const probe = signing(`${s3.url}${folder}`);
      const key = decodeURIComponent(new URL(probe.urlFor("c d.mp4")).pathname).replace("/clips/", "");
      s3.objects.set(key, Buffer.from("hello"));
      expect(await probe.probe(probe.urlFor("c d.mp4"), never())).toMatchObject({ result: "present" });
      expect(await probe.list("c ", never())).toEqual({ kind: "listed", names: ["c d.mp4"], complete: true });
      expect(s3.judgements).toEqual(["right", "right"]);
    },
  );

  test("escapes what gateways read differently: a plus, a quote, a bracket", async () => {
    const { s3 } = await bucket();
    const probe = signing(`${s3.url}/clips/a+b`);
    s3.objects.set("a+b/c'(d)!*.mp4", Buffer.from("hello"));
    const url = probe.urlFor("c'(d)!*.mp4");
    await probe.probe(url, never());
    expect(s3.requests).toEqual(["HEAD /clips/a%2Bb/c%27%28d%29%21%2A.mp4"]);
    const link = await probe.attachmentUrl(url);
    expect(link).toContain("/clips/a%2Bb/c%27%28d%29%21%2A.mp4?");
    expect((await fetch(link)).status).toBe(200);
  });

  test("sends the token of temporary credentials, and signs it", async () => {
    const sessionToken = "FwoGZXIvYXdzEB4aD+/token==";
    const { s3, probe } = await bucket(
      { keys: [{ ...KEY, sessionToken }] },
      { credentials: { ...CREDENTIALS, sessionToken } },
    );
    expect(await probe.probe(probe.urlFor("a.mp4"), never())).toMatchObject({ result: "present" });
    expect(s3.judgements).toEqual(["right"]);
  });

  test("names the region that is configured, and us-east-1 where none is", async () => {
    const { probe: own } = await bucket(
      { region: "eu-test-1" },
      { credentials: { ...CREDENTIALS, region: "eu-test-1" } },
    );
    expect((await own.probe(own.urlFor("a.mp4"), never())).result).toBe("present");
    const { probe: none } = await bucket({ region: "us-east-1" });
    expect((await none.probe(none.urlFor("a.mp4"), never())).result).toBe("present");
  });

  test("reaches a bucket that is named in the host", async () => {
    const s3 = await serveS3({ host: "clips.s3.test" });
    vi.spyOn(dns, "lookup").mockImplementation((...args: unknown[]) => {
      const callback = args.at(-1);
      if (args[0] === "clips.s3.test" && typeof callback === "function") {
        callback(null, [{ address: "127.0.0.1", family: 4 }]);
      }
    });
    s3.objects.set("x/a.mp4", Buffer.from("hello"));
    const probe = signing(`http://clips.s3.test:${s3.port}/x`, { addressing: "virtual" });
    expect(await probe.probe(probe.urlFor("a.mp4"), never())).toMatchObject({ result: "present" });
    expect(await probe.list("a", never())).toEqual({ kind: "listed", names: ["a.mp4"], complete: true });
    expect(s3.judgements).toEqual(["right", "right"]);
  });

  test("signs each attempt by itself: a wait does not make it stale", async () => {
    const clock = testClock(NOW);
    const dates: (string | undefined)[] = [];
    const place = await serve((request, response) => {
      dates.push(request.headers["x-amz-date"]?.toString());
      response.writeHead(503, { "retry-after": "5" }).end();
    });
    const probe = signing(`${place.url}/clips`, { clock, attempts: 2 });
    await probe.probe(probe.urlFor("a.mp4"), never());
    expect(dates).toEqual(["20260301T120000Z", "20260301T120005Z"]);
  });

  test("shows the credentials to no other host", async () => {
    const { probe } = await bucket();
    const seen: unknown[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers.authorization, request.headers["x-amz-date"], request.headers["x-amz-security-token"]);
      response.writeHead(404).end();
    });
    expect(await probe.probe(`${other.url}/clips/a.mp4`, never())).toMatchObject({ result: "absent" });
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});

describe("a link that is signed already", () => {
  test("is probed with a GET of its first byte, without a signature of ours", async () => {
    const { s3, probe } = await bucket();
    const link = await probe.attachmentUrl(probe.urlFor("a.mp4"));
    expect(await probe.probe(link, never())).toMatchObject({ result: "present", output: { url: link, bytes: 5 } });
    expect(s3.served).toEqual(["GET a.mp4 bytes=0-0"]);
    expect(await probeOf(s3.url).probe(link, never())).toMatchObject({ result: "present" });
  });

  test("is unknown when it has expired: its 403 is none that calibration may use", async () => {
    const { probe } = await bucket({ now: () => NOW + 25 * HOUR });
    const link = await probe.attachmentUrl(probe.urlFor("a.mp4"));
    expect(await probe.probe(link, never())).toMatchObject({
      result: "unknown",
      cause: "unexpected",
      detail: "HTTP 403 to a signed link",
    });
  });
});

describe("what lies elsewhere on the storage's host", () => {
  test.each(["/other-bucket/x.pdf", "/clips2/x.pdf", "/", "/clips"])(
    "is neither probed with a signature nor given a link: %s",
    async (path) => {
      const { s3, probe } = await bucket();
      const url = `${s3.url}${path}`;
      await probe.probe(url, never());
      expect(s3.judgements).toEqual(["anonymous"]);
      expect(await probe.attachmentUrl(url)).toBe(url);
    },
  );

  test.each(["/clips/..%2Fother-bucket/x.pdf", "/clips/a%2f%2e%2e%2f..%2fother-bucket/x.pdf", "/clips/..%5Cother/x"])(
    "is not asked for at all where an escape hides it: %s",
    async (path) => {
      const { s3, probe } = await bucket();
      const url = `${s3.url}${path}`;
      expect(await probe.probe(url, never())).toMatchObject({ result: "unknown", cause: "unexpected" });
      expect(s3.requests).toEqual([]);
      expect(await probe.attachmentUrl(url)).toBe(url);
    },
  );

  test("is given no link in the same bucket outside of the configured folder, but is probed", async () => {
    const { s3 } = await bucket();
    s3.objects.set("invoices/x.pdf", Buffer.from("hello"));
    const probe = signing(`${s3.url}/clips/outputs`);
    const url = `${s3.url}/clips/invoices/x.pdf`;
    expect(await probe.probe(url, never())).toMatchObject({ result: "present" });
    expect(s3.judgements).toEqual(["right"]);
    expect(await probe.attachmentUrl(url)).toBe(url);
    expect(await probe.attachmentUrl(probe.urlFor("x.pdf"))).toContain("X-Amz-Signature");
  });
});

describe("the link for an attachment", () => {
  test("lets someone without credentials GET the file, and nothing else", async () => {
    const { s3, probe } = await bucket();
    const link = await probe.attachmentUrl(probe.urlFor("a.mp4"));
    const fetched = await fetch(link);
    expect([fetched.status, await fetched.text()]).toEqual([200, "hello"]);
    expect((await fetch(link, { method: "HEAD" })).status).toBe(403);
    expect((await fetch(link.replace("a.mp4", "b.mp4"))).status).toBe(403);
    expect(s3.judgements).toEqual(["right", "SignatureDoesNotMatch", "SignatureDoesNotMatch"]);
  });

  test.each([
    [24 * HOUR - MINUTE, undefined, 200],
    [24 * HOUR + MINUTE, undefined, 403],
    [HOUR - MINUTE, HOUR, 200],
    [HOUR + MINUTE, HOUR, 403],
    [7 * 24 * HOUR - MINUTE, 7 * 24 * HOUR, 200],
  ])("after %d ms of %s answers %d", async (later, attachmentUrlTtl, status) => {
    let now = NOW;
    const { probe } = await bucket({ now: () => now }, attachmentUrlTtl === undefined ? {} : { attachmentUrlTtl });
    const link = await probe.attachmentUrl(probe.urlFor("a.mp4"));
    now += later;
    expect((await fetch(link)).status).toBe(status);
  });

  test.each(["ä b+c?d#e%.mp4", "a'(b)!*~.mp4"])("keeps the name %j, by which Airtable files it", async (name) => {
    const { s3, probe } = await bucket();
    s3.objects.set(name, Buffer.from("hello"));
    const link = await probe.attachmentUrl(probe.urlFor(name));
    expect(fileNameOf(link)).toBe(name);
    expect((await fetch(link)).status).toBe(200);
  });

  test("carries the token of temporary credentials", async () => {
    const sessionToken = "FwoGZXIvYXdzEB4aD+/token==";
    const { probe } = await bucket(
      { keys: [{ ...KEY, sessionToken }] },
      { credentials: { ...CREDENTIALS, sessionToken } },
    );
    expect((await fetch(await probe.attachmentUrl(probe.urlFor("a.mp4")))).status).toBe(200);
  });

  test("is of the origin where outputs are named at a CDN", async () => {
    const probe = signing("https://clips.nyc3.cdn.digitaloceanspaces.com");
    const link = new URL(await probe.attachmentUrl(probe.urlFor("a.mp4")));
    expect(link.host).toBe("clips.nyc3.digitaloceanspaces.com");
    expect(link.searchParams.get("X-Amz-Credential")).toMatch(/\/20260301\/nyc3\/s3\/aws4_request$/);
  });

  test("is the URL itself without credentials, at another host, and where it is signed already", async () => {
    const { s3, probe } = await bucket();
    const open = probeOf(`${s3.url}/clips`);
    for (const url of ["https://elsewhere.example/a.mp4", "not a URL", `${s3.url}/clips/a.mp4?X-Amz-Signature=1`]) {
      expect(await probe.attachmentUrl(url)).toBe(url);
    }
    expect(await open.attachmentUrl(open.urlFor("a.mp4"))).toBe(open.urlFor("a.mp4"));
  });

  test("leaves no part of itself in what is printed", async () => {
    const sessionToken = "FwoGZXIvYXdzEB4aD+/token==";
    const { probe } = await bucket({}, { credentials: { ...CREDENTIALS, sessionToken } });
    const link = await probe.attachmentUrl(probe.urlFor("a.mp4"));
    const query = new URL(link).searchParams;
    const texts = [
      link,
      JSON.stringify({ link }),
      link.replaceAll("&", "&amp;"),
      `https://x/?u=${encodeURIComponent(link)}`,
    ];
    for (const text of texts) {
      const shown = createRedactor().redact(text);
      for (const part of ["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"]) {
        const value = query.get(part) ?? "";
        expect(value).not.toBe("");
        expect(shown).not.toContain(value);
        expect(shown).not.toContain(encodeURIComponent(value));
        expect(shown).not.toContain(encodeURIComponent(encodeURIComponent(value)));
      }
      expect(shown).toContain("a.mp4");
    }
  });
});
