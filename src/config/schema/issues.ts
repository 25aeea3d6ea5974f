import * as z from "zod";
import type { Problem } from "../problems.ts";
import { suggestSpelling } from "../suggest.ts";
import { type Config, configSchema } from "./config.ts";

/** A configuration that was checked: complete, with its defaults, or what is wrong with it. */
export type Checked =
  | { readonly kind: "valid"; readonly config: Config }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Checks a configuration after preset, file and environment were merged. */
export function checkConfig(input: unknown): Checked {
  const checked = configSchema.safeParse(input, { jitless: true });
  if (checked.success) return { kind: "valid", config: checked.data };
  return { kind: "invalid", problems: problemsOf(checked.error, input, configSchema) };
}

/** Keys that were renamed or removed, and what to write now. */
const FORMER_KEYS: Readonly<Record<string, string>> = {
  watching: 'this key was renamed; write "monitoring"',
  "brake.share":
    "this key was removed; nothing is failed for a missing output unless an output of its operation was seen, and brake.minimum alone counts",
};

/** What docs/configuration.md calls zod's types. */
const TYPES = { array: "a list", object: "an object with keys", string: "a text" } as const;

/** Returns zod's issues as problems: each with the value found and, for an unknown key, the keys that are allowed. */
export function problemsOf(error: z.ZodError, input: unknown, schema: z.ZodType): readonly Problem[] {
  return error.issues.flatMap(closestVariant).flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => unknownKey(key, issue.path, allowedKeys(schema, issue.path, input)));
    }
    const found = valueAt(input, issue.path);
    const expected = issue.message
      .replace(/^Invalid (?:(?:input|option): |discriminator value\. )/, "")
      .replace(/^Expected/, "expected")
      .replace(/, received .*$/, "")
      .replace(/^expected (array|object|string)$/, (_, type: keyof typeof TYPES) => `expected ${TYPES[type]}`);
    const shown = found === undefined ? "missing" : `found ${isSecret(issue.path) ? "a value" : show(found)}`;
    return [{ path: issue.path.join("."), message: `${shown}; ${expected}` }];
  });
}

/** Returns the issues of the union's variant whose type the value has, or else the issue itself. */
function closestVariant(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const variant = issue.errors.find(
    (issues) => !issues.some(({ code, path }) => code === "invalid_type" && path.length === 0),
  );
  if (variant === undefined) return [issue];
  return variant.map((each) => ({ ...each, path: [...issue.path, ...each.path] })).flatMap(closestVariant);
}

function unknownKey(key: string, path: readonly PropertyKey[], allowed: readonly string[]): Problem {
  const at = [...path, key].join(".");
  const former = FORMER_KEYS[at];
  if (former !== undefined) return { path: at, message: former };
  const guess = suggestSpelling(key, allowed);
  const suggestion = guess === null ? "" : `, did you mean "${guess}"?`;
  return {
    path: at,
    message: `unknown key${suggestion} Allowed here: ${allowed.join(", ")}`.replace("key Allowed", "key. Allowed"),
  };
}

function allowedKeys(schema: z.ZodType, path: readonly PropertyKey[], input: unknown): readonly string[] {
  let at: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  for (const step of path) {
    const properties = member(at, "properties");
    at = member(properties, String(step)) ?? member(at, "additionalProperties") ?? member(at, "items");
  }
  const properties = member(matchingVariant(at, valueAt(input, path)), "properties");
  return typeof properties === "object" && properties !== null ? Object.keys(properties) : [];
}

/** Returns the variant of a union whose constants the value has; a schema that is no union, as it is. */
function matchingVariant(schema: unknown, value: unknown): unknown {
  const variants = member(schema, "oneOf");
  if (!Array.isArray(variants)) return schema;
  return variants.find((variant: unknown) => {
    const properties = member(variant, "properties");
    if (typeof properties !== "object" || properties === null) return false;
    return Object.entries(properties).every(([name, property]) => {
      const constant = member(property, "const");
      return constant === undefined || constant === member(value, name);
    });
  });
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => member(value, String(step)), input);
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

/** Whether the values under a path must not be shown. */
function isSecret(path: readonly PropertyKey[]): boolean {
  return path.includes("credentials") || path[0] === "accounts";
}

function show(value: unknown): string {
  const text =
    JSON.stringify(value, (key, inner) => (key === "credentials" || key === "accounts" ? "…" : inner)) ?? String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
