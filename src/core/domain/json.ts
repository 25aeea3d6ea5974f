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
