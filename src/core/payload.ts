/** What a literal can hold: JSON's values, which Python's dicts, lists and tuples are mapped to. */
export type Literal = string | number | boolean | null | readonly Literal[] | LiteralObject;
export interface LiteralObject {
  readonly [key: string]: Literal;
}

/** A payload cell, read. Only an object counts as readable: everything that is looked up has a key. */
export type Payload =
  | { readonly kind: "empty" }
  | { readonly kind: "read"; readonly value: LiteralObject }
  | { readonly kind: "unreadable"; readonly reason: string };

/** Reads a payload cell: JSON, or a Python literal as `repr` prints it. Never throws. */
export function parsePayload(_text: string): Payload {
  throw new Error("not written yet");
}
