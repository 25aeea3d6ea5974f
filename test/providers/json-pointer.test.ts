import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { resolvePointer } from "../../src/providers/json-pointer.ts";

describe("a JSON pointer", () => {
  // The examples of RFC 6901, section 5.
  const document = { foo: ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7, 'k"l': 6, "i\\j": 5, "~1": 9 };
  it.each<[string, unknown]>([
    ["", document],
    ["/foo", ["bar", "baz"]],
    ["/foo/0", "bar"],
    ["/", 0],
    ["/a~1b", 1],
    ["/c%d", 2],
    ["/m~0n", 8],
    ["/ ", 7],
    ['/k"l', 6],
    ["/i\\j", 5],
    ["/~01", 9],
    ["/foo/00", undefined],
    ["/foo/-", undefined],
    ["/foo/length", undefined],
    ["/constructor", undefined],
    ["/__proto__", undefined],
    ["/none/at/all", undefined],
  ])("%j leads where the RFC says", (pointer, expected) => {
    expect(resolvePointer(document, pointer)).toEqual(expected);
  });

  it("finds every key, whatever its characters", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 4 }), fc.jsonValue(), (keys, value) => {
        const nested = keys.reduceRight<unknown>((inner, key) => Object.fromEntries([[key, inner]]), value);
        const pointer = keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
        expect(resolvePointer(nested, pointer)).toEqual(value);
      }),
    );
  });
});
