import { type FileHandle, open, realpath } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { defaultLoaders } from "cosmiconfig";
import { isObject } from "../../core/domain/json.ts";
import { ConfigError } from "../problems.ts";
import { checkOwner, findConfigFiles } from "./find-config-file.ts";

/** The content of a configuration file, unchecked, and its path; null where there is no file. */
export interface ConfigFile {
  readonly path: string | null;
  readonly content: unknown;
  /** The overrides of one of several bases; absent where there is no list of bases. */
  readonly override?: Readonly<Record<string, unknown>>;
}

const DEFAULT_HINT = "The README shows a minimal configuration.";

const NO_FILE: ConfigFile = { path: null, content: {} };

/**
 * Reads the configuration file: `named`, or the first that is found from `cwd` up to the project's root.
 *
 * @throws ConfigError where it cannot be read or parsed; where a file that was found is not this user's or root's
 */
export async function readConfigFile(
  named: string | null,
  cwd: string,
  hint: string = DEFAULT_HINT,
): Promise<ConfigFile> {
  if (named !== null) {
    const path = resolve(cwd, named);
    return { path, content: (await readContent(path, named, hint)) ?? {} };
  }
  for await (const path of findConfigFiles(cwd)) {
    // A package.json that holds no configuration is nobody's concern.
    const isPackage = basename(path) === "package.json";
    if (!isPackage) await checkOwner(path);
    const content = await readContent(path, path, hint);
    if (content === undefined || content === null) continue;
    if (isPackage) await checkOwner(path);
    return { path, content };
  }
  return NO_FILE;
}

/** The largest file that is read, in bytes; the largest configuration known is 200 kB. */
const MAX_BYTES = 1_000_000;

async function readContent(path: string, shown: string, hint: string): Promise<unknown> {
  try {
    const content = await parse(path, await readText(path));
    checkSize(content);
    return content;
  } catch (error) {
    throw new ConfigError([{ path: shown, message: describe(error) }], hint);
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path);
  try {
    return await readUpTo(file, MAX_BYTES);
  } finally {
    await file.close();
  }
}

async function readUpTo(file: FileHandle, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file.createReadStream({ autoClose: false })) {
    bytes += chunk.length;
    if (bytes > limit) throw new Error(`larger than ${limit} bytes; expected a configuration`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function parse(path: string, text: string): Promise<unknown> {
  if (text.trim() === "") return null;
  switch (extname(path)) {
    case ".ts": {
      // It brings a parser of TypeScript along, which no other file needs.
      const { loadTypeScript } = await import("./load-typescript.ts");
      return await loadTypeScript(await realpath(path), text);
    }
    case ".js":
    case ".mjs":
    case ".cjs": {
      const module: { default?: unknown } = await import(pathToFileURL(await realpath(path)).href);
      return module.default;
    }
    case ".json": {
      const content: unknown = defaultLoaders[".json"](path, text);
      if (basename(path) !== "package.json") return content;
      return isObject(content) ? content["stuck-jobs"] : undefined;
    }
    case "":
    case ".yaml":
    case ".yml":
      return defaultLoaders[".yaml"](path, text);
    default:
      throw new Error("expected a file that ends in .yaml, .yml, .json, .js, .mjs, .cjs or .ts");
  }
}

/** More than any configuration has: aliases of YAML can make a small file stand for millions of values. */
const [MAX_DEPTH, MAX_VALUES] = [50, 100_000];

/** Throws where what a file holds is nested too deep, or is too large. What follows may then recurse into it. */
function checkSize(content: unknown): void {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: content, depth: 0 }];
  let values = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    values += 1;
    if (values > MAX_VALUES) throw new Error(`holds more than ${MAX_VALUES} values, aliases included`);
    if (typeof value !== "object" || value === null) continue;
    if (depth === MAX_DEPTH) throw new Error(`nested deeper than ${MAX_DEPTH} levels`);
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 });
  }
}

/** Returns the message of an error without the lines of the file that parsers add: they may hold a secret. */
function describe(error: unknown): string {
  // What parsers throw where their recursion has used up the stack.
  if (error instanceof RangeError) return `nested deeper than ${MAX_DEPTH} levels`;
  if (!(error instanceof Error)) return String(error);
  const [whole = ""] = error.message.split("\n\n", 1);
  // cosmiconfig names the file, which the problem's path does already.
  const message = whole.replace(/^(YAML|JSON) Error in [^\n]*: *(?:\n|$)/, "not valid $1: ").replace(/: $/, "");
  return "code" in error && typeof error.code === "string" && error.code.startsWith("E") && "syscall" in error
    ? `cannot be read: ${message}`
    : message;
}
