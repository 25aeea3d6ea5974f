import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeVisible } from "../../../src/core/domain/visible.ts";

describe("foreign text is made visible", () => {
  it.each([
    ["line ends and tabs", "a\r\nb\tc", "a\\r\\nb\\tc"],
    ["an escape sequence", "\u001b[31mred", "\\u001b[31mred"],
    ["an OSC 52 that writes the clipboard", "\u001b]52;c;AAAA\u0007", "\\u001b]52;c;AAAA\\u0007"],
    ["an 8-bit CSI", "\u009b31m", "\\u009b31m"],
    ["a NUL", "a\u0000b", "a\\u0000b"],
    ["text that runs backwards", "a\u202egpj.exe", "a\\u202egpj.exe"],
    ["isolates", "\u2066a\u2069", "\\u2066a\\u2069"],
    ["zero-width characters", "a\u200bb\u200dc\ufeffd\u00ade", "a\\u200bb\\u200dc\\ufeffd\\u00ade"],
    ["line and paragraph separators", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
    ["tag characters", "a\u{e0041}b", "a\\udb40\\udc41b"],
    ["a lone surrogate", "a\ud800b", "a\\ud800b"],
    ["a command of a CI system", "x ##[error]y ##vso[task]", "x #\\u0023[error]y #\\u0023vso[task]"],
  ])("%s", (_, text, expected) => {
    expect(makeVisible(text)).toBe(expected);
  });
  it("and other text stays as it is", () => {
    const text = 'Ünïcode 日本語 🎬 "quotes" \\backslash # heading :: <3';
    expect(makeVisible(text)).toBe(text);
  });
  it("in JSON without a change of its meaning", () => {
    const codeUnits = fc.array(fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(codeUnits, (units) => {
        const text = String.fromCharCode(...units);
        expect(JSON.parse(makeVisible(JSON.stringify({ text })))).toEqual({ text });
      }),
    );
  });
});
