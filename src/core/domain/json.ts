/** A JSON object whose values are not checked yet. */
export interface JsonObject {
  readonly [key: string]: unknown;
}

/** Whether a value is an object with keys, as JSON and YAML have them. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the objects in a list; none where the value is no list. */
export function objectsIn(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Returns a text as it is, and "" for any other value. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/**
 * Whether lists and objects are nested more than `levels` deep in a value. JSON.parse reads any depth, but a function
 * that recurses over its result, JSON.stringify included, overflows the stack at some 5,000 levels.
 */
export function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeperThan(levels - 1, each));
}

/** Whether two texts are the same JSON document, whatever its spaces and the order of its keys. */
export function isSameJson(one: string, other: string): boolean {
  const documents = [one, other].map(parseDocument);
  return !documents.includes(null) && documents[0] === documents[1];
}

/** More levels than anything has that is compared here. */
const MOST_LEVELS = 50;

/** Returns a JSON object or list in one form; null for any other text. */
function parseDocument(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isDeeperThan(MOST_LEVELS, value) ? null : JSON.stringify(value, (_, each: unknown) => sorted(each));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function sorted(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
