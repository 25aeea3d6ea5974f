import dns from "node:dns";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseStorageHost, withoutCdn } from "../../src/storage/hosts.ts";
import { never, probeOf, serve } from "../support/servers.ts";

afterEach(() => vi.restoreAllMocks());

test("a host of a storage provider is split into bucket, endpoint and region", () => {
  expect(parseStorageHost("my.b.s3.eu-west-1.amazonaws.com")).toEqual({
    provider: "s3",
    bucket: "my.b",
    endpoint: "s3.eu-west-1.amazonaws.com",
    region: "eu-west-1",
  });
  expect(parseStorageHost("nyc3.digitaloceanspaces.com")).toMatchObject({ bucket: null, region: "nyc3" });
});

test.each([
  "minio",
  "s3.evil.example",
  `${"a.".repeat(130)}nyc3.digitaloceanspaces.com`,
  `s3${"-".repeat(1_000_000)}x`,
])("%.60s is no host of a storage provider", (host) => {
  expect(parseStorageHost(host)).toBe(null);
});

describe("a CDN host of Spaces", () => {
  test.each([
    ["https://b.nyc3.cdn.digitaloceanspaces.com/x?y=1", "https://b.nyc3.digitaloceanspaces.com/x?y=1"],
    ["https://my.bucket.nyc3.cdn.digitaloceanspaces.com/x", "https://my.bucket.nyc3.digitaloceanspaces.com/x"],
    ["https://b.nyc3.digitaloceanspaces.com/x", "https://b.nyc3.digitaloceanspaces.com/x"],
    ["https://cdn.example/x.cdn.digitaloceanspaces.com", "https://cdn.example/x.cdn.digitaloceanspaces.com"],
  ])("is probed at its origin: %s", (url, origin) => {
    expect(withoutCdn(new URL(url)).href).toBe(origin);
  });

  test("is probed at the origin, while the result keeps the URL that was asked for", async () => {
    const hosts: (string | undefined)[] = [];
    const place = await serve((request, response) => {
      hosts.push(request.headers.host);
      response.writeHead(200, { "content-length": 5 }).end();
    });
    vi.spyOn(dns, "lookup").mockImplementation((...args: unknown[]) => {
      const callback = args.at(-1);
      if (typeof callback === "function") callback(null, [{ address: "127.0.0.1", family: 4 }]);
    });
    const probe = probeOf(`http://b.nyc3.cdn.digitaloceanspaces.com:${place.port}`);
    const url = probe.urlFor("a.mp4");
    expect(await probe.probe(url, never())).toMatchObject({
      result: "present",
      url: `http://b.nyc3.cdn.digitaloceanspaces.com:${place.port}/a.mp4`,
      detail: "HTTP 200 (origin)",
      output: { url },
    });
    expect(hosts).toEqual([`b.nyc3.digitaloceanspaces.com:${place.port}`]);
  });
});
