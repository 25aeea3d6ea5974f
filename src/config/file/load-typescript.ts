import { register } from "node:module";
import { pathToFileURL } from "node:url";
import { transform } from "sucrase";

/** Runs in Node's loader thread: answers one URL with the JavaScript that was made of it, and knows this package. */
const HOOKS = `
let program;
export function initialize(given) { program = given; }
export function resolve(specifier, context, next) {
  const isOwn = specifier === "stuck-jobs" && context.parentURL === program.url;
  return isOwn ? { url: program.ownModule, shortCircuit: true } : next(specifier, context);
}
export function load(url, context, next) {
  return url === program.url ? { format: "module", source: program.source, shortCircuit: true } : next(url, context);
}`;

/** What `import { defineConfig } from "stuck-jobs"` gets, also where the package is installed globally, or run by npx. */
const OWN_MODULE = "export const defineConfig = (config) => config;";

/**
 * Returns the default export of a TypeScript file. cosmiconfig's own loader needs the `typescript` package beside it and
 * writes the JavaScript into a file that others can read; here it stays in memory, and relative imports resolve as ever.
 */
export async function loadTypeScript(path: string, content: string): Promise<unknown> {
  const { code } = transform(content, { transforms: ["typescript"], disableESTransforms: true });
  const url = `${pathToFileURL(path).href}?typescript`;
  register(asModule(HOOKS), { parentURL: url, data: { url, source: code, ownModule: asModule(OWN_MODULE) } });
  const module: { default?: unknown } = await import(url);
  return module.default;
}

function asModule(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}
