import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { getString, type Literal, parsePayload } from "../../../src/core/domain/payload.ts";
import { REASON, read, reasonOf } from "./payload-reading.ts";

// Read, not imported: an import would lose the keys named `__proto__`.
const FILE = new URL("../../support/python-literals.json", import.meta.url);
const VECTORS = z
  .array(z.object({ repr: z.string(), json: z.unknown() }))
  .parse(JSON.parse(readFileSync(FILE, "utf8")));

/** The value of a literal, by way of the object that it needs around it. */
function meaning(literal: string): unknown {
  const payload = parsePayload(`{'k': ${literal}}`);
  return payload.kind === "read" ? payload.value.k : payload;
}

describe("what Python writes", () => {
  it("is there in sufficient number", () => {
    expect(VECTORS.length).toBeGreaterThan(400);
  });

  it.each(VECTORS.map(({ repr, json }, i) => [i, repr, json] as const))(
    "vector %i is read as Python means it",
    (_, repr, json) => {
      expect(read(repr)).toEqual(json);
    },
  );

  it("cut off anywhere is not read", () => {
    const cuts = VECTORS.flatMap(({ repr }) => Array.from({ length: repr.length - 1 }, (_, n) => repr.slice(0, n + 1)));
    expect(cuts.filter((text) => !REASON.test(reasonOf(text)))).toEqual([]);
  });
});

describe("values", () => {
  it.each<[string, Literal]>([
    ["None", null],
    ["null", null],
    ["True", true],
    ["true", true],
    ["False", false],
    ["false", false],
    ["0", 0],
    ["7", 7],
    ["+7", 7],
    ["-7", -7],
    ["-0.0", -0],
    ["1.5", 1.5],
    ["1.", 1],
    [".5", 0.5],
    ["-.5", -0.5],
    ["1e3", 1000],
    ["1E+3", 1000],
    ["1e-07", 1e-7],
    ["1e+16", 1e16],
    ["5e-324", 5e-324],
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["12345678901234567890.0", 1.2345678901234567e19],
    ["[]", []],
    ["[1, 2]", [1, 2]],
    ["[1, 2,]", [1, 2]],
    ["{}", {}],
    ["{'a': 1,}", { a: 1 }],
    ["()", []],
    ["(1,)", [1]],
    ["(1, 2)", [1, 2]],
    ["(1, 2,)", [1, 2]],
    ["(1)", 1],
    ["(None)", null],
    ["((),)", [[]]],
    ["[{'a': ({'b': []},)}]", [{ a: [{ b: [] }] }]],
    ["''", ""],
    ['""', ""],
    [`"it's"`, "it's"],
    [`'say "so"'`, 'say "so"'],
    ["'a\tb'", "a\tb"],
    ["'😀'", "😀"],
    ["'\u2028'", "\u2028"],
  ])("%s is read", (literal, value) => {
    expect(meaning(literal)).toEqual(value);
  });

  it.each([
    ["9007199254740992", "9007199254740992"],
    ["-9007199254740993", "-9007199254740993"],
    ["+12345678901234567890", "12345678901234567890"],
    ["9".repeat(5000), "9".repeat(5000)],
  ])("the integer %s keeps its digits, as text", (literal, text) => {
    expect(meaning(literal)).toBe(text);
  });

  it.each(["inf", "-inf", "nan", "-nan", "Infinity", "-Infinity", "NaN", "1e999", "-1e999"])(
    "%s, which JSON cannot say, is null",
    (literal) => {
      expect(meaning(literal)).toBeNull();
    },
  );

  it("may be surrounded by blanks", () => {
    expect(read(" \t\r\n\f{ 'a' \n:\t[ 1 , ( 2 , ) ] , } \n")).toEqual({ a: [1, [2]] });
  });

  it("may mix both languages", () => {
    expect(read(`{"a": None, 'b': null, "c": (true, False)}`)).toEqual({ a: null, b: null, c: [true, false] });
  });
});

describe("escapes", () => {
  it.each([
    ["\\n", "\n"],
    ["\\t", "\t"],
    ["\\r", "\r"],
    ["\\b", "\b"],
    ["\\f", "\f"],
    ["\\a", "\x07"],
    ["\\v", "\x0b"],
    ["\\\\", "\\"],
    ["\\'", "'"],
    ['\\"', '"'],
    ["\\/", "/"],
    ["\\0", "\0"],
    ["\\08", "\x008"],
    ["\\7", "\x07"],
    ["\\12", "\n"],
    ["\\101", "A"],
    ["\\1012", "A2"],
    ["\\777", "\u01ff"],
    ["\\x41", "A"],
    ["\\xfF", "ÿ"],
    ["\\x7f", "\x7f"],
    ["\\u0041", "A"],
    ["\\u2028", "\u2028"],
    ["\\ud83d\\ude00", "😀"],
    ["\\ud83d", "\ud83d"],
    ["\\ude00\\ud83d", "\ude00\ud83d"],
    ["\\U0001f600", "😀"],
    ["\\U0010ffff", "\u{10ffff}"],
    ["\\\\n", "\\n"],
    ["\\\\\\n", "\\\n"],
    ["a\\nb\\tc", "a\nb\tc"],
  ])("%s is decoded in either quotes, in values and keys", (escaped, character) => {
    expect(meaning(`'${escaped}'`)).toBe(character);
    expect(meaning(`"${escaped}"`)).toBe(character);
    expect(read(`{'<${escaped}>': 1}`)).toEqual({ [`<${character}>`]: 1 });
  });

  it.each([
    "\\q",
    "\\8",
    "\\N{BULLET}",
    "\\x4",
    "\\x4g",
    "\\u004",
    "\\u 041",
    "\\U0011000",
    "\\U00110000",
    "\\\n",
    "\\é",
  ])("%s makes the payload unreadable", (escaped) => {
    expect(reasonOf(`{'k': 'ab${escaped}'}`)).toBe("bad escape at 9");
  });
});

describe("keys", () => {
  it.each([
    ["1", "1"],
    ["-1", "-1"],
    ["+1", "1"],
    ["1.0", "1.0"],
    ["1e+16", "1e+16"],
    ["12345678901234567890", "12345678901234567890"],
    ["None", "None"],
    ["True", "True"],
    ["False", "False"],
    ["inf", "inf"],
    ["-inf", "-inf"],
    ["nan", "nan"],
    ["''", ""],
  ])("%s becomes the text that str() prints", (literal, key) => {
    expect(read(`{${literal} : 'x'}`)).toEqual({ [key]: "x" });
  });

  it("that are equal: the last one wins", () => {
    expect(read(`{"a": 1, 'b': 2, 'a': 3}`)).toEqual({ a: 3, b: 2 });
    expect(read(`{'1': 'text', 1: 'number'}`)).toEqual({ 1: "number" });
  });

  it("named __proto__ are keys like any other", () => {
    const text = `{"__proto__": {"polluted": true}, "a": {"__proto__": null}}`;
    const value = read(text);
    expect(value).toEqual(JSON.parse(text));
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
    expect({}).not.toHaveProperty("polluted");
    expect(getString(parsePayload(text), "polluted")).toBeNull();
    expect(getString(parsePayload(`{"__proto__": "x"}`), "__proto__")).toBe("x");
  });
});

describe("what cannot be read, and why", () => {
  it.each([
    ["[1, 2]", "a list without one object"],
    ["()", "expected '{' at 0"],
    ["'text'", "expected '{' at 0"],
    ["  null", "expected '{' at 2"],
    ["12", "expected '{' at 0"],
    ["no payload", "expected '{' at 0"],
    ["{", "expected a key, but the text ends at 1"],
    ["{'a'", "expected ':', but the text ends at 4"],
    ["{'a':", "expected a value, but the text ends at 5"],
    ["{'a': 1", "expected ',' or '}', but the text ends at 7"],
    ["{'a': 1,", "expected a key, but the text ends at 8"],
    ["{'a': [1", "expected ',' or ']', but the text ends at 8"],
    ["{'a': (1", "expected ',' or ')', but the text ends at 8"],
    ["{'a': 'b}", "no closing quote for the string at 6"],
    ["{'a': 'b\n'}", "no closing quote for the string at 6"],
    ["{'a': 'b\r'}", "no closing quote for the string at 6"],
    ["{'a': 'b\"}", "no closing quote for the string at 6"],
    ["{'a': 'b\\'}", "no closing quote for the string at 6"],
    ["{'a': 'b\\", "bad escape at 8"],
    ["{'a' 1}", "expected ':' at 5"],
    ["{'a', 'b'}", "expected ':' at 4"],
    ["{1, 2}", "expected ':' at 2"],
    ["{,}", "expected a key at 1"],
    ["{'a': 1,,}", "expected a key at 8"],
    ["{'a': }", "expected a value at 6"],
    ["{'a': [,]}", "expected a value at 7"],
    ["{'a': (,)}", "expected a value at 7"],
    ["{'a': [1 2]}", "expected ',' or ']' at 9"],
    ["{'a': (1 2)}", "expected ',' or ')' at 9"],
    ["{'a': (1]}", "expected ',' or ')' at 8"],
    ["{'a': [1)}", "expected ',' or ']' at 8"],
    ["{'a': 1]", "expected ',' or '}' at 7"],
    ["{'a': 1 'b': 2}", "expected ',' or '}' at 8"],
    ["{'a': 'b' 'c'}", "expected ',' or '}' at 10"],
    ["{'a': '''b'''}", "expected ',' or '}' at 8"],
    ["{'a': {1, 2}}", "expected ':' at 8"],
    ["{(1, 2): 'a'}", "expected a key at 1"],
    ["{[1]: 'a'}", "expected a key at 1"],
    ["{{}: 'a'}", "expected a key at 1"],
    ["{...}", "expected a key at 1"],
    ["{'a': [...]}", "expected a value at 7"],
    ["{'a': Ellipsis}", 'unknown word "Ellipsis" at 6'],
    ["{'a': b'x'}", 'unknown word "b" at 6'],
    ["{b'a': 1}", 'unknown word "b" at 1'],
    ["{a: 1}", 'unknown word "a" at 1'],
    ["{'a': set()}", 'unknown word "set" at 6'],
    ["{'a': datetime.datetime(2024, 1, 1)}", 'unknown word "datetime" at 6'],
    ["{'a': Decimal('1')}", 'unknown word "Decimal" at 6'],
    ["{'a': <Job object at 0x7f>}", "expected a value at 6"],
    ["{'a': NONE}", 'unknown word "NONE" at 6'],
    ["{'a': Truely}", 'unknown word "Truely" at 6'],
    ["{'a': undefined}", 'unknown word "undefined" at 6'],
    [`{'a': ${"secret".repeat(9)}}`, 'unknown word "secretsecretsecretse…" at 6'],
    ["{'a': -None}", "expected a value at 6"],
    ["{'a': -information}", "expected a value at 6"],
    ["{'a': - 1}", "expected a value at 6"],
    ["{'a': --1}", "expected a value at 6"],
    ["{'a': .}", "expected a value at 6"],
    ["{'a': 007}", "expected ',' or '}' at 7"],
    ["{'a': 0x1f}", "expected ',' or '}' at 7"],
    ["{'a': 1_000}", "expected ',' or '}' at 7"],
    ["{'a': 1j}", "expected ',' or '}' at 7"],
    ["{'a': (1+2j)}", "expected ',' or ')' at 8"],
    ["{'a': 1e}", "expected ',' or '}' at 7"],
    ["{'a': 1 + 1}", "expected ',' or '}' at 8"],
    ["{'a': 1} # comment", "more text after the object at 9"],
    ["{}{}", "more text after the object at 2"],
    ["{'a': 1}}", "more text after the object at 8"],
    ["{}\u00a0", "more text after the object at 2"],
  ])("%s", (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
    expect(reason).toMatch(REASON);
  });
});

describe("an empty payload", () => {
  it.each(["", " ", "\n", " \t\r\n ", "\u00a0", "\ufeff"])("%j", (text) => {
    expect(parsePayload(text)).toEqual({ kind: "empty" });
  });
});

describe("an object within something else", () => {
  const value = { segment_id: "rec1" };
  const json = JSON.stringify(value);
  it.each([
    ["after a byte order mark", `\ufeff${json}`],
    ["in a JSON string", JSON.stringify(json)],
    ["in a JSON string in a JSON string", JSON.stringify(JSON.stringify(json))],
    ["in a list of one", `[${json}]`],
    ["in a list of one in a JSON string", JSON.stringify(` [${json}] `)],
    ["in a Python string", `'${json}'`],
  ])("%s is read", (_, text) => {
    expect(parsePayload(text)).toEqual({ kind: "read", value });
  });

  it.each([
    ["a list of two", `[${json}, ${json}]`, "a list without one object"],
    ["a list of texts", '["a"]', "a list without one object"],
    ["three strings deep", [1, 2, 3].reduce((text) => JSON.stringify(text), json), "a text in a text"],
    ["a string that holds no object", '"once upon a time"', "expected '{' at 0"],
  ])("%s is not", (_, text, reason) => {
    expect(parsePayload(text)).toEqual({ kind: "unreadable", reason: expect.stringContaining(reason) });
  });
});

describe("bounds", () => {
  const MEBI = 1_048_576;

  it.each([
    ["lists", "[", "]"],
    ["tuples", "(", ",)"],
    ["objects", "{'k':", "}"],
  ])("%s are read 64 levels deep and no deeper, the top object included", (_, open, close) => {
    const nested = (levels: number) => `{'k': ${open.repeat(levels - 1)}0${close.repeat(levels - 1)}}`;
    expect(parsePayload(nested(64)).kind).toBe("read");
    expect(reasonOf(nested(65))).toBe(`nested deeper than 64 at ${6 + 63 * open.length}`);
  });

  it("depth is counted down again where a level ends", () => {
    const many = Array.from({ length: 200 }, (_, i) => `'${i}': [({},)]`).join(", ");
    expect(parsePayload(`{${many}}`).kind).toBe("read");
  });

  it("a text of 1 MiB is read, one character more is not", () => {
    const text = `{"k": "${"x".repeat(MEBI - 9)}"}`;
    expect(text.length).toBe(MEBI);
    expect(getString(parsePayload(text), "k")).toHaveLength(MEBI - 9);
    expect(reasonOf(`${text} `)).toBe("longer than 1048576 characters");
  });

  it("a hundred thousand escapes, keys or items are read", () => {
    expect(meaning(`'${"\\n".repeat(1e5)}'`)).toBe("\n".repeat(1e5));
    expect(meaning(`[${"1,".repeat(1e5)}]`)).toHaveLength(1e5);
    const keys = parsePayload(`{${Array.from({ length: 1e5 }, (_, i) => `${i * 97}:0`).join()}}`);
    expect(keys.kind === "read" && Object.keys(keys.value).length).toBe(1e5);
  });
});

describe("textAt", () => {
  const payload = parsePayload(
    `{'id': 'rec1', 'padded': ' x ', 'blank': ' ', 'none': None, 'count': 3, 'list': ['a'], 'deep': {'key': 'x'}}`,
  );

  it.each([
    ["id", "rec1"],
    ["padded", " x "],
    ["blank", null],
    ["none", null],
    ["count", null],
    ["list", null],
    ["deep", null],
    ["key", null],
    ["missing", null],
    ["toString", null],
    ["__proto__", null],
  ])("%s", (key, text) => {
    expect(getString(payload, key)).toBe(text);
  });

  it("finds nothing in the prototype of an object made elsewhere", () => {
    expect(getString({ kind: "read", value: {} }, "constructor")).toBeNull();
  });

  it("finds nothing in a payload that is empty or unreadable", () => {
    expect(getString(parsePayload(""), "id")).toBeNull();
    expect(getString(parsePayload("{'id': 'rec1'"), "id")).toBeNull();
  });
});
