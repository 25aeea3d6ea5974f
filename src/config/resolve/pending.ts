import type { Problem } from "../problems.ts";
import type { Config } from "../schema/config.ts";

/**
 * Returns the settings that the schema knows and the sweep does not act on yet. To ignore them would probe the wrong
 * bucket, or write a text where a file is expected, so a run with one of them is refused. Remove a line here with the
 * change that makes the sweep act on it, and this file with the last one.
 */
export function pendingProblems({ operations }: Config): readonly Problem[] {
  return Object.entries(operations).flatMap(([name, { storage }]) => {
    const found: readonly (readonly [boolean, string, string])[] = [
      [storage !== undefined, "storage", "a storage of its own"],
    ];
    return found.flatMap(([isThere, key, what]) =>
      isThere ? [{ path: `operations.${name}.${key}`, message: `${what} is not supported yet` }] : [],
    );
  });
}
