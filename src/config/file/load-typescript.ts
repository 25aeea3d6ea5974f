import { register } from "node:module";
import { pathToFileURL } from "node:url";
import { transform } from "sucrase";

/** Runs in Node's loader thread: answers the one URL with the JavaScript that was made of it. */
const HOOKS = `
let program;
export function initialize(given) { program = given; }
export function load(url, context, next) {
  return url === program.url ? { format: "module", source: program.source, shortCircuit: true } : next(url, context);
}`;

/**
 * Returns the default export of a TypeScript file. cosmiconfig's own loader needs the `typescript` package beside it and
 * writes the JavaScript into a file that others can read; here it stays in memory, and relative imports resolve as ever.
 */
export async function loadTypeScript(path: string, content: string): Promise<unknown> {
  const { code } = transform(content, { transforms: ["typescript"], disableESTransforms: true });
  const url = `${pathToFileURL(path).href}?typescript`;
  register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, { parentURL: url, data: { url, source: code } });
  const module: { default?: unknown } = await import(url);
  return module.default;
}
