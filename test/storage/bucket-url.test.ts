import { describe, expect, test } from "vitest";
import { isUnderPrefix, parseBucketUrl, toBucketUrl } from "../../src/storage/bucket-url.ts";

const R2 = "0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com";

function parsed(baseUrl: string, addressing: "path" | "virtual" | null = null) {
  const { bucket, keyPrefix, region } = parseBucketUrl(baseUrl, addressing);
  return [bucket.href, keyPrefix, region];
}

describe("parseBucketUrl finds the bucket where the provider's host names it", () => {
  test.each([
    ["https://b.nyc3.digitaloceanspaces.com", "https://b.nyc3.digitaloceanspaces.com/", "", "nyc3"],
    ["https://nyc3.digitaloceanspaces.com/b", "https://nyc3.digitaloceanspaces.com/b/", "", "nyc3"],
    ["https://b.s3.amazonaws.com", "https://b.s3.amazonaws.com/", "", "us-east-1"],
    ["https://my.b.s3.eu-west-1.amazonaws.com/x/y", "https://my.b.s3.eu-west-1.amazonaws.com/", "x/y/", "eu-west-1"],
    ["https://s3.eu-west-1.amazonaws.com/b", "https://s3.eu-west-1.amazonaws.com/b/", "", "eu-west-1"],
    ["https://s3-eu-west-1.amazonaws.com/b", "https://s3-eu-west-1.amazonaws.com/b/", "", "eu-west-1"],
    [
      "https://b.s3.dualstack.us-west-2.amazonaws.com",
      "https://b.s3.dualstack.us-west-2.amazonaws.com/",
      "",
      "us-west-2",
    ],
    ["https://s3.cn-north-1.amazonaws.com.cn/b", "https://s3.cn-north-1.amazonaws.com.cn/b/", "", "cn-north-1"],
    ["https://b.s3-accelerate.amazonaws.com", "https://b.s3-accelerate.amazonaws.com/", "", "us-east-1"],
    [`https://${R2}/b`, `https://${R2}/b/`, "", "auto"],
    [`https://b.${R2}/x`, `https://b.${R2}/`, "x/", "auto"],
    ["https://b.s3.us-west-004.backblazeb2.com", "https://b.s3.us-west-004.backblazeb2.com/", "", "us-west-004"],
    ["https://s3.eu-central-1.wasabisys.com/b", "https://s3.eu-central-1.wasabisys.com/b/", "", "eu-central-1"],
    ["https://b.s3.wasabisys.com", "https://b.s3.wasabisys.com/", "", "us-east-1"],
  ])("%s", (baseUrl, bucket, keyPrefix, region) => {
    expect(parsed(baseUrl)).toEqual([bucket, keyPrefix, region]);
  });
});

describe("parseBucketUrl, of any other host", () => {
  test.each([
    ["finds the bucket in the path", "http://minio:9000/b", "http://minio:9000/b/", ""],
    ["finds the folder behind it", "http://minio:9000/b/c/d/", "http://minio:9000/b/", "c/d/"],
    ["keeps a doubled slash in the keys", "http://minio:9000/b//", "http://minio:9000/b/", "/"],
    ["finds the host itself where there is no path", "https://files.example.com", "https://files.example.com/", ""],
    [
      "finds the host itself where the path begins with a key",
      "https://files.example.com//",
      "https://files.example.com/",
      "/",
    ],
    ["decodes the folder", "http://minio:9000/b/%C3%A4%20b", "http://minio:9000/b/", "ä b/"],
    ["leaves an invalid escape as it is", "http://minio:9000/b/50%", "http://minio:9000/b/", "50%/"],
  ])("%s", (_, baseUrl, bucket, keyPrefix) => {
    expect(parsed(baseUrl)).toEqual([bucket, keyPrefix, "us-east-1"]);
  });
});

test("the bucket of NCA's URLs stands twice: in the host, and before every key", () => {
  expect(parsed("https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket")).toEqual([
    "https://phi-bucket.nyc3.digitaloceanspaces.com/",
    "phi-bucket/",
    "nyc3",
  ]);
});

test("a CDN host is asked at its origin", () => {
  expect(parsed("https://b.nyc3.cdn.digitaloceanspaces.com/x")[0]).toBe("https://b.nyc3.digitaloceanspaces.com/");
});

test("storage.addressing decides where the bucket is named", () => {
  expect(parsed("https://b.example.com/x", "virtual")).toEqual(["https://b.example.com/", "x/", "us-east-1"]);
  expect(parsed("https://b.nyc3.digitaloceanspaces.com/b", "path")[0]).toBe("https://b.nyc3.digitaloceanspaces.com/b/");
});

describe("toBucketUrl", () => {
  test.each([
    [
      "https://b.nyc3.digitaloceanspaces.com/p",
      "https://b.nyc3.cdn.digitaloceanspaces.com/x/a.mp4?v=1",
      "/x/a.mp4?v=1",
    ],
    ["https://b.nyc3.digitaloceanspaces.com/p", "https://nyc3.digitaloceanspaces.com/b/x/a.mp4", "/x/a.mp4"],
    ["https://nyc3.digitaloceanspaces.com/b/p", "https://b.nyc3.digitaloceanspaces.com/a.mp4", "/b/a.mp4"],
    ["https://nyc3.digitaloceanspaces.com/b/p", "https://b.nyc3.cdn.digitaloceanspaces.com/b/a.mp4", "/b/b/a.mp4"],
    ["https://my.b.s3.eu-west-1.amazonaws.com", "https://s3.eu-west-1.amazonaws.com/my.b/a.mp4", "/a.mp4"],
    [`https://${R2}/b`, `https://b.${R2}/a.mp4`, "/b/a.mp4"],
    ["http://minio:9000/b/c", "http://minio:9000/b/a%20b.mp4", "/b/a%20b.mp4"],
  ])("finds the object in %s for %s", (baseUrl, url, path) => {
    const location = parseBucketUrl(baseUrl, null);
    expect(toBucketUrl(location, new URL(url))?.href).toBe(`${location.bucket.origin}${path}`);
  });

  test.each([
    ["https://b.nyc3.digitaloceanspaces.com", "https://c.nyc3.digitaloceanspaces.com/a.mp4"],
    ["https://b.nyc3.digitaloceanspaces.com", "https://b.ams3.digitaloceanspaces.com/a.mp4"],
    ["https://b.nyc3.digitaloceanspaces.com", "https://nyc3.digitaloceanspaces.com/c/a.mp4"],
    ["https://b.nyc3.digitaloceanspaces.com", "http://nyc3.digitaloceanspaces.com/b/a.mp4"],
    ["https://b.nyc3.digitaloceanspaces.com", "https://user:pass@b.nyc3.digitaloceanspaces.com/a.mp4"],
    ["https://nyc3.digitaloceanspaces.com/b", "https://nyc3.digitaloceanspaces.com/b2/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/other/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b/../other/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b/%2e%2e/other/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b/..%2Fother/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b/x%2f..%2f..%2fother/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b/..%5Cother/a.mp4"],
    ["http://minio:9000/b", "http://minio:9001/b/a.mp4"],
    ["http://minio:9000/b", "http://minio:9000/b"],
  ])("finds nothing in %s for %s", (baseUrl, url) => {
    expect(toBucketUrl(parseBucketUrl(baseUrl, null), new URL(url))).toBe(null);
  });
});

test.each([
  ["http://minio:9000/b/c", "http://minio:9000/b/c/a.mp4", true],
  ["http://minio:9000/b/c", "http://minio:9000/b/%63/a.mp4", true],
  ["http://minio:9000/b", "http://minio:9000/b/a.mp4", true],
  ["http://minio:9000/b/c", "http://minio:9000/b/cd/a.mp4", false],
  ["http://minio:9000/b/c", "http://minio:9000/b/a.mp4", false],
  ["http://minio:9000/b/c", "http://minio:9000/b/c/", false],
  ["http://minio:9000/b/c", "http://minio:9000/b/c/%zz", false],
])("isUnderPrefix of %s and %s is %s", (baseUrl, url, expected) => {
  expect(isUnderPrefix(parseBucketUrl(baseUrl, null), new URL(url))).toBe(expected);
});
