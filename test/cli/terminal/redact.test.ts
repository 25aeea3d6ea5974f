import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRedactor, readSecrets } from "../../../src/cli/terminal/redact.ts";

function redact(text: string, ...secrets: readonly string[]): string {
  const redactor = createRedactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor.redact(text);
}

const SECRET = 's3cr3t/with+odd="chars"\\';

describe("a known secret is redacted", () => {
  it.each([
    ["as it is", SECRET],
    ["in upper case", SECRET.toUpperCase()],
    ["in lower case", SECRET.toLowerCase()],
    ["percent-encoded", encodeURIComponent(SECRET)],
    ["percent-encoded in lower case", encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase())],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(SECRET))],
    ["percent-encoded in full", Buffer.from(SECRET).toString("hex").replace(/../g, "%$&")],
    ["in JSON", JSON.stringify(SECRET)],
    ["as JSON escapes", [...SECRET].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")],
    ["in HTML", SECRET.replaceAll('"', "&#34;").replaceAll("+", "&#x2b;")],
    ["in base64", Buffer.from(SECRET).toString("base64")],
    ["in base64url", Buffer.from(SECRET).toString("base64url")],
    ["in base64 behind a user", Buffer.from(`me:${SECRET}`).toString("base64")],
    ["in base64 behind a longer user", Buffer.from(`user:${SECRET}`).toString("base64")],
    ["in base64 before more", Buffer.from(`u:${SECRET}:x`).toString("base64")],
  ])("%s", (_, text) => {
    expect(redact(`a ${text} b`, SECRET)).toMatch(/^a [A-Za-z0-9+/="]{0,8}\[redacted\][A-Za-z0-9+/="]{0,8} b$/);
  });
  it("is the longest that fits", () => {
    expect(redact("tokenAAA-and-more", "tokenAAA", "tokenAAA-and-more")).toBe("[redacted]");
  });
  it("in any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[a-z0-9]{8,40}$/), fc.string(), (before, secret, after) => {
        expect(redact(before + secret + after, secret)).not.toContain(secret);
      }),
    );
  });
});

describe("what has the form of a secret is redacted", () => {
  it.each([
    ["a token", "patAbCdEfGhIjKlMn.0123456789abcdef0123456789abcdef", "[redacted]"],
    ["a signed query", "https://b/x?X-Amz-Signature=abc&a=1", "https://b/x?X-Amz-Signature=[redacted]&a=1"],
    ["a webhook's key", "https://b/hook?job_id=rec1&key=abc", "https://b/hook?job_id=rec1&key=[redacted]"],
    [
      "a parameter by its name",
      "https://b/hook?x-api-key=abc&design=1",
      "https://b/hook?x-api-key=[redacted]&design=1",
    ],
    ["an authorization", "Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"],
    ["a password in a URL", "http://me:pw@host/", "http://[redacted]@host/"],
  ])("%s", (_, text, expected) => {
    expect(redact(text)).toBe(expected);
  });
});

describe("the time of the redactor is linear", () => {
  it.each([
    ["X-Amz-", "X-Amz-"],
    ["X-Goog- parameters", "?X-Goog-"],
    ["signature headers", "AWS4-HMAC-SHA256 Credential="],
    ["URLs", "http://"],
    ["users", "http://a:"],
    ["parameter names", "&token"],
    ["Bearer", "Bearer "],
    ["token beginnings", "patAAAAAAAAAAAAAA."],
    ["percent signs", "%25"],
    ["beginnings of the secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    ["encoded beginnings of the secret", "%61%61"],
  ])("for 1 MB of %s", (_, part) => {
    const time = (length: number) => {
      const text = part.repeat(Math.ceil(length / part.length));
      const start = process.cpuUsage();
      redact(text, `${"a".repeat(60)}%%b`);
      const { user, system } = process.cpuUsage(start);
      return user + system;
    };
    // By CPU time, and against a tenth of the text: a quadratic expression takes a hundred times as long.
    const small = Math.max(time(100_000), time(100_000), 5_000);
    expect(time(1_000_000)).toBeLessThan(small * 40);
  });
});

describe("the secrets of a process", () => {
  const HOOK = "https://hooks.slack.example/services/T000/B000/abcdefghijklmnop";
  it.each([
    [["recover", `--notify-url=${HOOK}`]],
    [["recover", "--notify-url", HOOK]],
    [["recover", `--notify-urll=${HOOK}`]],
    [["scan", "--pingurl", HOOK]],
    [["explain", HOOK]],
  ])("are in the URLs of %j", (words) => {
    const [found = ""] = readSecrets({}, words).filter((secret) => secret === new URL(HOOK).pathname);
    expect(found).not.toBe("");
  });
  it("are in the variables of monitoring, for every command", () => {
    expect(readSecrets({ STUCK_JOBS_PING_URL: HOOK }, ["stats"])).toContain(HOOK);
  });
  it("are not in the URL of the storage, which is written into the configuration", () => {
    expect(readSecrets({}, ["init", "--storage-url", "https://bucket.example/a-folder-of-outputs"])).toEqual([]);
    expect(readSecrets({}, ["init", "--storage=render=https://bucket.example/a-folder-of-outputs"])).toEqual([]);
  });
});
