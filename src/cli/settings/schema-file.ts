import { existsSync } from "node:fs";
import { dirname, isAbsolute, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The bundle lies in dist/, the source in src/cli/. */
const PLACES = ["../schema/stuck-jobsrc.schema.json", "../../schema/stuck-jobsrc.schema.json"];

/**
 * The JSON Schema in this installation of the package, as an editor takes it from a file at `path`: relative where it
 * lies below, as in a project that has the package in its node_modules, else absolute. Null where it is missing.
 */
export function schemaReference(path: string): string | null {
  const file = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place));
  if (file === undefined) return null;
  const below = relative(dirname(path), file);
  if (!below.startsWith("..") && !isAbsolute(below)) return `./${below.split(sep).join("/")}`;
  return sep === "/" ? file : pathToFileURL(file).href;
}
