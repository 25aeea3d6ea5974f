import { describe, expect, test } from "vitest";
import { follow } from "../../src/storage/redirects.ts";
import { never, probeOf, serve } from "../support/servers.ts";

/** A bucket where `/a` leads on as `routes` says; other paths answer their own number, or 200 with five bytes. */
async function probeAlong(routes: Record<string, string>, status = 302) {
  const place = await serve((request, response) => {
    const path = request.url ?? "";
    const location = routes[path];
    if (location !== undefined) response.writeHead(status, { location }).end();
    else if (/^\/\d+/.test(path)) response.writeHead(Number.parseInt(path.slice(1), 10)).end();
    else response.writeHead(200, { "content-length": 5 }).end();
  });
  const probe = probeOf(place.url);
  const result = await probe.probe(probe.urlFor("a"), never());
  expect(probe.requests()).toBe(place.requests.length);
  return { result, place };
}

describe("a redirect inside the host", () => {
  test.each([301, 302, 303, 307, 308])("is followed with a HEAD when it is a %d", async (status) => {
    const { result, place } = await probeAlong({ "/a": "/b?X-Amz-Signature=s" }, status);
    const url = `${place.url}/a`;
    expect(result).toMatchObject({ result: "present", url, detail: "HTTP 200", output: { url } });
    expect(place.requests).toEqual(["HEAD /a", "HEAD /b?X-Amz-Signature=s"]);
  });

  test("is followed three times", async () => {
    const { result } = await probeAlong({ "/a": "/b", "/b": "/c", "/c": "/d" });
    expect(result.result).toBe("present");
  });

  test("is not followed a fourth time", async () => {
    const { result, place } = await probeAlong({ "/a": "/b", "/b": "/c", "/c": "/d", "/d": "/e" });
    expect(result).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: `HTTP 302 after 3 redirects, to 127.0.0.1:${place.port}`,
    });
    expect(place.requests).toHaveLength(4);
  });

  test.each([404, 403, 401])("to a %d says nothing of the object that was asked for", async (status) => {
    const { result, place } = await probeAlong({ "/a": `/${status}?token=secret` });
    expect(result).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: `HTTP ${status} after a redirect to 127.0.0.1:${place.port}`,
    });
  });

  test("to a refusal for load is tried again from the start", async () => {
    const { result, place } = await probeAlong({ "/a": "/503" });
    expect(result).toMatchObject({ result: "unknown", cause: "unreachable", detail: "HTTP 503" });
    expect(place.requests).toHaveLength(6);
  });
});

describe("a redirect elsewhere", () => {
  test("is not followed to another port of the same address", async () => {
    const other = await serve((_request, response) => response.writeHead(200, { "content-length": 5 }).end());
    const { result } = await probeAlong({ "/a": `${other.url}/a?token=secret` });
    expect(result).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: `HTTP 302 to 127.0.0.1:${other.port}`,
    });
    expect(other.requests).toEqual([]);
  });

  test("is shown by host alone, without user, password and query", async () => {
    const { result } = await probeAlong({ "/a": "https://user:password@login.example/in?token=secret#x" });
    expect(result).toMatchObject({ result: "unknown", cause: "redirected", detail: "HTTP 302 to login.example" });
  });

  test.each(["ftp://127.0.0.1/a", "javascript:alert(1)", "file:///etc/passwd"])("is not followed to %s", async (to) => {
    const { result } = await probeAlong({ "/a": to });
    expect(result).toMatchObject({
      result: "unknown",
      cause: "redirected",
      detail: "HTTP 302 to a URL that is not http or https",
    });
  });

  test("is not followed to what is no URL", async () => {
    const { result } = await probeAlong({ "/a": "http://[" });
    expect(result).toMatchObject({ cause: "redirected", detail: "HTTP 302 to an unreadable location" });
  });
});

test("a 301 without a location shows the bucket's region where S3 names it", async () => {
  const place = await serve((_request, response) =>
    response.writeHead(301, { "x-amz-bucket-region": "eu-west-1" }).end(),
  );
  const probe = probeOf(place.url);
  expect(await probe.probe(probe.urlFor("a"), never())).toMatchObject({
    result: "unknown",
    cause: "redirected",
    detail: "HTTP 301 without a location, x-amz-bucket-region eu-west-1",
  });
});

describe("redirects between hosts", () => {
  const hop = (from: string, location: string) =>
    follow(new URL(from), { kind: "answer", status: 307, headers: { location } }, 0).kind === "hop";

  test.each([
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://b.ams3.digitaloceanspaces.com/x"],
    ["https://b.s3.amazonaws.com/x", "https://b.s3.eu-west-1.amazonaws.com/x"],
    ["https://s3.amazonaws.com/b/x", "https://s3-eu-west-1.amazonaws.com/b/x"],
    ["https://b.s3.amazonaws.com/x", "https://b.s3.dualstack.us-west-2.amazonaws.com/x"],
    ["https://a.r2.cloudflarestorage.com/b/x", "https://c.r2.cloudflarestorage.com/b/x"],
    ["https://b.s3.us-west-002.backblazeb2.com/x", "https://f002.backblazeb2.com/x"],
    ["https://b.s3.wasabisys.com/x", "https://b.s3.eu-central-1.wasabisys.com/x"],
    ["http://b.nyc3.digitaloceanspaces.com/x", "https://b.nyc3.digitaloceanspaces.com/x"],
    ["http://files.example/x", "https://files.example/x"],
    ["https://files.example:9000/x", "/y"],
  ])("are followed inside a provider or a host: %s to %s", (from, to) => {
    expect(hop(from, to)).toBe(true);
  });

  test.each([
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://b.s3.amazonaws.com/x"],
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://evil-digitaloceanspaces.com/x"],
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://b.nyc3.digitaloceanspaces.com.evil.example/x"],
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://b.ams3.digitaloceanspaces.com:8443/x"],
    ["https://b.s3.amazonaws.com/x", "https://ec2-1-2-3-4.compute-1.amazonaws.com/x"],
    ["https://b.s3.amazonaws.com/x", "https://mys3.elb.amazonaws.com/x"],
    ["https://b.s3.amazonaws.com/x", "https://s3-lb-1.us-east-1.elb.amazonaws.com/x"],
    ["https://b.s3.amazonaws.com/x", `https://s3${"-".repeat(100_000)}.evil.example/x`],
    ["https://b.s3.amazonaws.com/x", `https://${"s3-".repeat(80)}.amazonaws.com.evil.example/x`],
    ["https://files.example/x", "https://www.files.example/x"],
    ["https://files.example/x", "https://files.example:8443/x"],
    ["https://files.example/x", "http://files.example/x"],
    ["https://b.nyc3.digitaloceanspaces.com/x", "http://b.nyc3.digitaloceanspaces.com/x"],
    ["http://10.0.0.1/x", "http://169.254.169.254/latest"],
  ])("are not followed out of it, nor out of TLS: %s to %s", (from, to) => {
    expect(hop(from, to)).toBe(false);
  });

  test("lead to the bucket's own host where they name its CDN", () => {
    const answer = {
      kind: "answer",
      status: 307,
      headers: { location: "https://b.ams3.cdn.digitaloceanspaces.com/x" },
    } as const;
    expect(follow(new URL("https://b.nyc3.digitaloceanspaces.com/x"), answer, 0)).toEqual({
      kind: "hop",
      to: new URL("https://b.ams3.digitaloceanspaces.com/x"),
    });
  });
});
