/** A literal: JSON's values, to which Python's dicts, lists and tuples are mapped. */
export type Literal = string | number | boolean | null | readonly Literal[] | LiteralObject;
export interface LiteralObject {
  readonly [key: string]: Literal;
}

/** A payload cell, read. Only an object, or a list of one, counts as readable: everything that is looked up has a key. */
export type Payload =
  | { readonly kind: "empty" }
  | { readonly kind: "read"; readonly value: LiteralObject }
  | { readonly kind: "unreadable"; readonly reason: string };

/** In UTF-16 units. An Airtable long text holds 100 000 characters at most; what is longer comes from elsewhere. */
const MAX_LENGTH = 1_048_576;
/** The reader recurses once per level, so this also bounds its stack. */
const MAX_DEPTH = 64;
/** A reason ends up in logs and cells: it may name a word of the payload, not quote the payload. */
const MAX_QUOTED = 20;

/**
 * Reads a payload cell: JSON, or a Python literal as `repr` prints it. Never throws, and takes time linear in the text.
 *
 * Both are read as one language, since no text means two things in them. Tuples become lists; keys that are no strings
 * become the text that Python's `str()` prints; of equal keys the last one wins. An integer beyond the safe range
 * becomes its digits as a string, so that no id is rounded to another; `inf` and `nan`, which JSON lacks, become null.
 * Objects have no prototype. Offsets in a reason count UTF-16 units from 0.
 */
export function parsePayload(text: string): Payload {
  return parseNested(text, MAX_QUOTED_LEVELS);
}

/** How often a document may stand as a text in another: a client that encodes twice, and one more. */
const MAX_QUOTED_LEVELS = 2;

function parseNested(text: string, levels: number): Payload {
  if (text.length > MAX_LENGTH) return unreadable(`longer than ${MAX_LENGTH} characters`);
  if (text.trim() === "") return { kind: "empty" };
  const reader: Reader = { text: text.replace(BYTE_ORDER_MARK, ""), at: 0, depth: 0, reason: "" };
  const first = nextCode(reader);
  const isKnown = [OPEN_BRACE, OPEN_BRACKET, DOUBLE_QUOTE, SINGLE_QUOTE].includes(first);
  const value = isKnown ? readValue(reader) : expected(reader, "'{'");
  if (value === undefined) return unreadable(reader.reason);
  if (!Number.isNaN(nextCode(reader))) return unreadable(`more text after the object at ${reader.at}`);
  if (typeof value === "string") return levels > 0 ? parseNested(value, levels - 1) : unreadable("a text in a text");
  const objects = (Array.isArray(value) ? value : [value]).filter(isLiteralObject);
  const [object] = objects;
  // Automations hand over lists of one item.
  if (object === undefined || objects.length > 1) return unreadable("a list without one object");
  return { kind: "read", value: object };
}

const BYTE_ORDER_MARK = /^\uFEFF/;

function isLiteralObject(value: Literal): value is LiteralObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the string at `key` of the payload's top object, untrimmed; null if there is none or it is blank. */
export function getString(payload: Payload, key: string): string | null {
  if (payload.kind !== "read" || !Object.hasOwn(payload.value, key)) return null;
  const value = payload.value[key];
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

/** Returns a value of the payload that is an id of any form, a number as text; null where it is none. */
export function getId(payload: Payload, key: string): string | null {
  if (payload.kind !== "read" || !Object.hasOwn(payload.value, key)) return null;
  const value = payload.value[key];
  return Number.isSafeInteger(value) ? String(value) : getString(payload, key);
}

function unreadable(reason: string): Payload {
  return { kind: "unreadable", reason };
}

/** The state of reading. A `read…` function that returns undefined, which is no literal, has set the reason. */
interface Reader {
  readonly text: string;
  at: number;
  depth: number;
  reason: string;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const FORM_FEED = 0x0c;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const OPEN_PAREN = 0x28;
const CLOSE_PAREN = 0x29;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

function readValue(reader: Reader): Literal | undefined {
  switch (nextCode(reader)) {
    case DOUBLE_QUOTE:
    case SINGLE_QUOTE:
      return readString(reader);
    case OPEN_BRACE:
      return readObject(reader);
    case OPEN_BRACKET:
      return readList(reader);
    case OPEN_PAREN:
      return readTuple(reader);
    default:
      return readScalar(reader, "a value");
  }
}

function readObject(reader: Reader): LiteralObject | undefined {
  if (!enter(reader)) return undefined;
  // Without a prototype `__proto__` is a key like any other, and there is no key that the payload did not have.
  const object: Record<string, Literal> = Object.create(null);
  while (nextCode(reader) !== CLOSE_BRACE) {
    const key = readKey(reader);
    if (key === undefined) return undefined;
    if (nextCode(reader) !== COLON) return expected(reader, "':'");
    reader.at += 1;
    const value = readValue(reader);
    if (value === undefined) return undefined;
    object[key] = value;
    const code = nextCode(reader);
    if (code === COMMA) reader.at += 1;
    else if (code !== CLOSE_BRACE) return expected(reader, "',' or '}'");
  }
  leave(reader);
  return object;
}

function readKey(reader: Reader): string | undefined {
  const code = nextCode(reader);
  if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) return readString(reader);
  const start = reader.at;
  if (readScalar(reader, "a key") === undefined) return undefined;
  // `str()` and `repr` print numbers, None and the booleans alike, so a key's text is taken as it is.
  return withoutPlus(reader.text.slice(start, reader.at));
}

function readList(reader: Reader): readonly Literal[] | undefined {
  if (!enter(reader)) return undefined;
  const items: Literal[] = [];
  while (nextCode(reader) !== CLOSE_BRACKET) {
    const item = readValue(reader);
    if (item === undefined) return undefined;
    items.push(item);
    const code = nextCode(reader);
    if (code === COMMA) reader.at += 1;
    else if (code !== CLOSE_BRACKET) return expected(reader, "',' or ']'");
  }
  leave(reader);
  return items;
}

function readTuple(reader: Reader): Literal | undefined {
  if (!enter(reader)) return undefined;
  const items: Literal[] = [];
  let comma = false;
  while (nextCode(reader) !== CLOSE_PAREN) {
    const item = readValue(reader);
    if (item === undefined) return undefined;
    items.push(item);
    const code = nextCode(reader);
    comma = code === COMMA;
    if (comma) reader.at += 1;
    else if (code !== CLOSE_PAREN) return expected(reader, "',' or ')'");
  }
  leave(reader);
  // To Python `(1)` is the number, and only `(1,)` the tuple.
  const [only] = items;
  return items.length === 1 && only !== undefined && !comma ? only : items;
}

function enter(reader: Reader): boolean {
  if (reader.depth === MAX_DEPTH) {
    reader.reason = `nested deeper than ${MAX_DEPTH} at ${reader.at}`;
    return false;
  }
  reader.depth += 1;
  reader.at += 1;
  return true;
}

function leave(reader: Reader): void {
  reader.depth -= 1;
  reader.at += 1;
}

function readString(reader: Reader): string | undefined {
  const { text } = reader;
  const start = reader.at;
  const quote = text.charCodeAt(start);
  let decoded = "";
  let from = start + 1;
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      reader.at = at + 1;
      return decoded === "" ? text.slice(from, at) : decoded + text.slice(from, at);
    }
    if (code === BACKSLASH) {
      reader.at = at;
      const character = readEscape(reader);
      if (character === undefined) return undefined;
      decoded += text.slice(from, at) + character;
      from = reader.at;
      at = from - 1;
    } else if (code === LINE_FEED || code === CARRIAGE_RETURN) {
      // Neither language allows a line break in a string: the closing quote is missing.
      break;
    }
  }
  return fail(reader, `no closing quote for the string at ${start}`);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["t", "\t"],
  ["r", "\r"],
  ["b", "\b"],
  ["f", "\f"],
  ["a", "\x07"],
  ["v", "\v"],
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  // JSON's. To Python it is two characters, but `repr` doubles the backslash that it means.
  ["/", "/"],
]);
const HEX_LENGTHS: ReadonlyMap<string, number> = new Map([
  ["x", 2],
  ["u", 4],
  ["U", 8],
]);
const OCTAL = /[0-7]{1,3}/y;
const MAX_CODE_POINT = 0x10ffff;

function readEscape(reader: Reader): string | undefined {
  const { text, at } = reader;
  const letter = text.charAt(at + 1);
  const plain = ESCAPES.get(letter);
  if (plain !== undefined) {
    reader.at = at + 2;
    return plain;
  }
  const length = HEX_LENGTHS.get(letter);
  if (length !== undefined) {
    const point = hexAt(text, at + 2, length);
    if (Number.isNaN(point) || point > MAX_CODE_POINT) return fail(reader, `bad escape at ${at}`);
    reader.at = at + 2 + length;
    // The halves of a surrogate pair that JSON writes as two escapes join in the string by themselves.
    return String.fromCodePoint(point);
  }
  const octal = match(OCTAL, text, at + 1);
  if (octal === null) return fail(reader, `bad escape at ${at}`);
  reader.at = at + 1 + octal.length;
  return String.fromCharCode(Number.parseInt(octal, 8));
}

function hexAt(text: string, at: number, length: number): number {
  let value = 0;
  for (let i = at; i < at + length; i += 1) value = value * 16 + hexDigit(text.charCodeAt(i));
  return value;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

const NUMBER = /[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const INTEGER = /^[+-]?\d+$/;
const SIGNED_NON_FINITE = /[+-](?:inf|nan|Infinity|NaN)\b/y;
const WORD = /[A-Za-z_]\w*/y;

function readScalar(reader: Reader, wanted: string): string | number | boolean | null | undefined {
  const { text, at } = reader;
  const word = match(WORD, text, at);
  if (word !== null) return readWord(reader, word);
  const number = match(NUMBER, text, at);
  if (number !== null) {
    reader.at = at + number.length;
    return numberOf(number);
  }
  const nonFinite = match(SIGNED_NON_FINITE, text, at);
  if (nonFinite === null) return expected(reader, wanted);
  reader.at = at + nonFinite.length;
  return null;
}

function readWord(reader: Reader, word: string): boolean | null | undefined {
  const { at } = reader;
  reader.at = at + word.length;
  switch (word) {
    case "True":
    case "true":
      return true;
    case "False":
    case "false":
      return false;
    case "None":
    case "null":
    // As `repr` prints floats that are no numbers, and as Python's `json.dumps` does.
    case "inf":
    case "nan":
    case "Infinity":
    case "NaN":
      return null;
    default:
      return fail(reader, `unknown word "${shortened(word)}" at ${at}`);
  }
}

function numberOf(token: string): number | string | null {
  const value = Number(token);
  if (Number.isSafeInteger(value)) return value;
  if (INTEGER.test(token)) return withoutPlus(token);
  // 1e999 overflows to inf in Python as well.
  return Number.isFinite(value) ? value : null;
}

function withoutPlus(token: string): string {
  return token.startsWith("+") ? token.slice(1) : token;
}

function shortened(word: string): string {
  return word.length > MAX_QUOTED ? `${word.slice(0, MAX_QUOTED)}…` : word;
}

/** Returns what the sticky `pattern` matches at `at`. */
function match(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? text.slice(at, pattern.lastIndex) : null;
}

/** Skips what is blank in both languages. Returns the code of the next character, NaN at the end. */
function nextCode(reader: Reader): number {
  const { text } = reader;
  let { at } = reader;
  let code = text.charCodeAt(at);
  while (code === SPACE || code === LINE_FEED || code === CARRIAGE_RETURN || code === TAB || code === FORM_FEED) {
    at += 1;
    code = text.charCodeAt(at);
  }
  reader.at = at;
  return code;
}

function expected(reader: Reader, what: string): undefined {
  const { text, at } = reader;
  return fail(reader, at < text.length ? `expected ${what} at ${at}` : `expected ${what}, but the text ends at ${at}`);
}

function fail(reader: Reader, reason: string): undefined {
  reader.reason = reason;
  return undefined;
}
