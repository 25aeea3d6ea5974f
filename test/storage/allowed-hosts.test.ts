import { describe, expect, it } from "vitest";
import { createHostAllowList } from "../../src/storage/allowed-hosts.ts";
import { names } from "./names.ts";

function allowList(over: Partial<Parameters<typeof createHostAllowList>[0]> = {}) {
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
  return allowList(over).check(new URL(url));
}

describe("a URL that a provider names may be probed", () => {
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
