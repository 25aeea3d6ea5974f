import { describe, expect, it } from "vitest";
import { asUrl, toErrorText } from "../../src/providers/error-text.ts";

describe("a provider's reason", () => {
  it.each<[unknown, string | null]>([
    ["  out of memory\n", "out of memory"],
    ["cannot read https://x.example/a.mp4?X-Amz-Signature=s", "cannot read https://x.example/a.mp4?…"],
    [
      "'https://x.example/a?b' and (http://y.example/?c=http://z.example/?d)",
      "'https://x.example/a?…' and (http://y.example/?…",
    ],
    ["at url=https://x.example/a?token=1", "at url=https://x.example/a?…"],
    ["really? yes", "really? yes"],
    ["see https://x.example/a?", "see https://x.example/a?"],
    [{ code: 7 }, '{"code":7}'],
    ["\u001b[31mred\u0007 \u009b1m\u202egnp\u200b", "[31mred 1mgnp"],
    ["a\tb\nc", "a\tb\nc"],
    [{}, null],
    ["", null],
    [0, null],
    [null, null],
  ])("%j is shown as %j", (given, expected) => {
    expect(toErrorText(given)).toBe(expected);
  });

  it("is cut where it is long", () => {
    expect(toErrorText("x".repeat(5_000))).toHaveLength(2_000);
    expect(toErrorText(`${" ".repeat(7_999)}x${"y".repeat(99)}`)).toBe("x…");
  });

  it("shows no part of a query that is cut off", () => {
    const text = toErrorText(`${"x ".repeat(900)}https://x.example/a?${"secret".repeat(5_000)}`);
    expect(text).not.toContain("secret");
  });

  it.each([
    ["http://", 143_000],
    ["http://a?", 111_000],
    ["https://a?b ", 83_000],
    ["?", 1_000_000],
    [" ", 1_000_000],
    ["\n", 1_000_000],
    ["\u0000", 1_000_000],
    ["a", 1_000_000],
    ["X-Amz-", 166_000],
  ])("of 1 MB of %j takes linear time", (text, times) => {
    toErrorText(text.repeat(times));
    toErrorText([`${text.repeat(times)}x`]);
    asUrl(text.repeat(times));
  });
});
