import { isDeeperThan } from "../core/domain/json.ts";

/** More than any API nests. Code that walks thousands of levels by recursion, JSON.stringify too, overflows the stack. */
const MAX_DEPTH = 100;

/** A parsed text, or why there is none, for people. */
export type ParsedJson =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "invalid"; readonly detail: string };

/** Parses JSON from another party: never throws, and returns no value that is nested too deeply to be walked. */
export function parseJson(text: string): ParsedJson {
  try {
    const value: unknown = JSON.parse(text);
    if (!isDeeperThan(MAX_DEPTH, value)) return { kind: "json", value };
    return { kind: "invalid", detail: `JSON nested deeper than ${MAX_DEPTH} levels` };
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: "invalid", detail: "no JSON" };
    throw error;
  }
}
