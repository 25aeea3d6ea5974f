import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Literal, type Payload, parsePayload } from "../../../src/core/domain/payload.ts";
import { REASON, read, reasonOf } from "./payload-reading.ts";

describe("a text of 1 MiB", () => {
  const MEBI = 1_048_576;

  it.each([
    "{",
    "[",
    "(",
    "((),",
    "'",
    '"',
    "\\",
    "\\n",
    "\\U0001f600",
    "1",
    "1,",
    "-",
    "1e",
    ".",
    "x",
    "b'",
    " ",
    " ,",
    "{'a':",
    "'a':1,",
    "'\\",
    "\u2028",
    "\0",
  ])("of %j, wherever it stands, is answered without a throw", (part) => {
    for (const before of ["", "{", "{'k': ", "{'k': '", "{'k': ["]) {
      const text = before + part.repeat((MEBI - 16) / part.length);
      for (const after of ["", "}", "'}", "]}"]) parsePayload(text + after);
    }
  });
});

describe("texts at large", () => {
  const string = fc.oneof(
    fc.string({ unit: "binary" }),
    // Lone surrogates too: a string of JavaScript may hold them.
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.string({
      unit: fc.constantFrom("'", '"', "\\", "n", "x", "u", "0", "\n", "\x7f", "é", "\u2028", "😀", "{", "}"),
    }),
  );
  const key = fc.oneof(string, fc.constantFrom("__proto__", "constructor", "toString", "segment_id", "0", "17"));
  const number = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  const { value } = fc.letrec<{
    value: Literal;
    scalar: Literal;
    list: readonly Literal[];
    object: { [key: string]: Literal };
  }>((tie) => ({
    value: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("scalar"), tie("list"), tie("object")),
    scalar: fc.oneof(string, number, fc.boolean(), fc.constant(null)),
    list: fc.array(tie("value"), { maxLength: 5 }),
    object: fc.dictionary(key, tie("value"), { maxKeys: 5 }),
  }));
  const object = fc.dictionary(key, value, { maxKeys: 6 });

  it("what JSON.stringify prints is read as JSON.parse reads it", () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 2, "\t"), (given, indent) => {
        const text = JSON.stringify(given, null, indent);
        expect(read(text)).toEqual(withoutUnsafe(JSON.parse(text)));
      }),
      { numRuns: 1000 },
    );
  });

  it("what repr prints is read as it was", () => {
    fc.assert(
      fc.property(object, (given) => {
        expect(read(repr(given))).toEqual(withoutUnsafe(given));
      }),
      { numRuns: 1000 },
    );
  });

  it("any part of what repr prints, from its start, is not read", () => {
    fc.assert(
      fc.property(object, fc.nat(), (given, cut) => {
        const text = repr(given);
        expect(reasonOf(text.slice(0, 1 + (cut % (text.length - 1))))).toMatch(REASON);
      }),
      { numRuns: 1000 },
    );
  });

  it("JSON with a few characters exchanged is read wherever JSON.parse reads it, and the same", () => {
    const character = fc.oneof(
      fc.constantFrom(...`{}[]():,'"\\/ \n0123456789.eE+-tfnu`),
      fc.string({ minLength: 1, maxLength: 1 }),
    );
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 2 }), put: fc.oneof(fc.constant(""), character) });
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 3 }), (given, changes) => {
        const text = changes.reduce((before, { at, drop, put }) => {
          const start = at % before.length || 1;
          return before.slice(0, start) + put + before.slice(start + drop);
        }, JSON.stringify(given));
        const json = parsedJson(text);
        if (json === undefined) expect(isAnswer(parsePayload(text))).toBe(true);
        else expect(rounded(read(text))).toEqual(rounded(json));
      }),
      { numRuns: 3000 },
    );
  });

  it("garbage is answered, never thrown at", () => {
    const tokens = fc.constantFrom(
      ..."{}[]():,'\"\\ \n-+.e019",
      ..."None True null nan -inf b' u\" \\x \\u00 \\U0010 '' 'a': 'a':1, __proto__ datetime( () (1,) {} []".split(" "),
    );
    const garbage = fc.oneof(
      string,
      fc.array(tokens, { maxLength: 40 }).map((parts) => `{${parts.join("")}`),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        expect(isAnswer(parsePayload(text))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});

function isAnswer(payload: Payload): boolean {
  return payload.kind !== "unreadable" || REASON.test(payload.reason);
}

/** JSON.parse's object; undefined if the text is no JSON or no object. */
function parsedJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && !Array.isArray(parsed) ? (parsed ?? undefined) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A value with its long integers as the doubles that JSON.parse makes of them, be they numbers or digits by now. */
function rounded(value: unknown): unknown {
  if (typeof value === "string" && /^-?\d{16,}$/.test(value)) return rounded(Number(value));
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(rounded);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

/** A value as the parser has it: no integers that a double cannot tell apart, no infinity. */
function withoutUnsafe(value: Literal): Literal {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return null;
    return Number.isSafeInteger(value) || !/^-?\d+$/.test(String(value)) ? value : String(value);
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutUnsafe);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutUnsafe(item)]));
}

/** Prints as Python's `repr` does; lists of even length as tuples. */
function repr(value: Literal): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return Object.is(value, -0) ? "-0.0" : String(value);
  if (typeof value === "string") return reprString(value);
  if (Array.isArray(value)) {
    const items = value.map(repr);
    if (items.length % 2 === 0) return `(${items.join(", ")})`;
    return items.length === 1 ? `(${items[0]},)` : `[${items.join(", ")}]`;
  }
  return `{${Object.entries(value)
    .map(([key, item]) => `${reprString(key)}: ${repr(item)}`)
    .join(", ")}}`;
}

function reprString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    const short: Record<string, string> = {
      "\n": "\\n",
      "\r": "\\r",
      "\t": "\\t",
      "\\": "\\\\",
      [quote]: `\\${quote}`,
    };
    if (short[character] !== undefined) return short[character];
    if (/[\p{L}\p{N}\p{P}\p{S} ]/u.test(character)) return character;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return quote + escaped.join("") + quote;
}
